"""From when on what a user said may be told again, where a conversation is summed up.

Whoever has had anything forgotten is not told what he said before that: in which messages else it was said, in how
many conversations and in which words, nobody can know.
"""

from datetime import UTC, datetime

from sqlalchemy import Column, Table, Text, delete, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from myna.core.ids import ConversationId, MessageId, UserId
from myna.store.database import Database
from myna.store.tables import Instant, messages, metadata

told_from = Table(
    "memory_told_from",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("at", Instant, nullable=False),
)

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


async def tell_from_now(connection: AsyncConnection, user_id: UserId) -> None:
    """Nothing that this user has said until now is told again."""
    await connection.execute(delete(told_from).where(told_from.c.user_id == user_id))
    await connection.execute(insert(told_from).values(user_id=user_id, at=datetime.now(UTC)))


async def first_told(database: Database, user_id: UserId, conversation_id: ConversationId) -> MessageId | None:
    """The first message of a conversation that may be told, as may those behind it; None: there is none."""
    since = select(told_from.c.at).where(told_from.c.user_id == user_id).scalar_subquery()
    wanted = (
        select(messages.c.id)
        .where(
            messages.c.conversation_id == conversation_id,
            messages.c.said_at > func.coalesce(since, literal(_ALWAYS, Instant)),
        )
        .order_by(messages.c.position)
        .limit(1)
    )
    found = await database.reading(lambda connection: connection.execute(wanted).scalar())
    return MessageId(found) if found is not None else None
