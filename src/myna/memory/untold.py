"""Which messages are told no more where a conversation is summed up: the user had something forgotten of them."""

from typing import Any

from sqlalchemy import Column, Select, Table, Text, delete, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from myna.core.ids import ConversationId, MessageId, UserId
from myna.store.database import Database
from myna.store.tables import conversations, messages, metadata

untold = Table(
    "memory_untold",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("message_id", Text, primary_key=True),
    sqlite_with_rowid=False,
)
"""By user, and not by conversation: a branch has the same messages."""


async def tell_no_more(connection: AsyncConnection, user_id: UserId, sources: Select[tuple[Any]]) -> None:
    """The messages that ``sources`` selects, by id, are told no more."""
    known = select(untold.c.message_id).where(untold.c.user_id == user_id)
    new = sources.subquery()
    ids = new.c[0]
    rows = select(literal(user_id), ids).where(ids.not_in(known)).distinct()
    await connection.execute(insert(untold).from_select(["user_id", "message_id"], rows))


async def tell_none(connection: AsyncConnection, user_id: UserId) -> None:
    """No message that this user has sent until now is told."""
    await connection.execute(delete(untold).where(untold.c.user_id == user_id))
    sent = select(messages.c.id).join(conversations)
    sent = sent.where(conversations.c.user_id == user_id, messages.c.kind == "user")
    await tell_no_more(connection, user_id, sent)


async def untold_in(database: Database, user_id: UserId, conversation_id: ConversationId) -> frozenset[MessageId]:
    """Which messages of a conversation are told no more."""
    rows = database.glance(_GLANCE, user_id, conversation_id)
    if rows is None:
        wanted = select(untold.c.message_id).where(
            untold.c.user_id == user_id,
            untold.c.message_id.in_(select(messages.c.id).where(messages.c.conversation_id == conversation_id)),
        )
        rows = await database.reading(lambda connection: connection.execute(wanted).all())
    return frozenset(MessageId(row[0]) for row in rows)


_GLANCE = (
    "SELECT message_id FROM memory_untold WHERE user_id = ? "
    "AND message_id IN (SELECT id FROM messages WHERE conversation_id = ?)"
)
