"""Which messages are still to be remembered from: on disk, so that a process that dies leaves nothing out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Boolean, Column, Index, Table, Text, and_, bindparam, delete, false, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import ColumnElement

from myna.core.ids import ConversationId, MessageId, UserId
from myna.memory.base import NewMemory, Scope
from myna.memory.told_from import first_told, tell_from_now
from myna.store.database import Database
from myna.store.prepared import Prepared
from myna.store.tables import Number, metadata

MOST_LEFT = 1_000
"""So many messages of an earlier process are taken up again, the newest; older ones are given up."""

to_remember = Table(
    "memory_to_remember",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("message_id", Text, nullable=False),
    Column("conversation_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("persona_id", Text, nullable=False),  # empty: what all personas share
    Column("ruled", Boolean, nullable=False, server_default=false()),
    Index(None, "conversation_id", "message_id"),
    sqlite_autoincrement=True,
)
"""The text of a message is where it is kept; when that is deleted, nothing is left of it here.

A row is the permission to remember from its message: whoever forgets what came of one takes it away.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message that a user sent, and where its facts belong."""

    scope: Scope
    conversation_id: ConversationId
    message_id: MessageId


@dataclass(frozen=True, slots=True)
class Left:
    """What an earlier process has not done. ``ruled``: the rules are through with it, and only the LLM is left."""

    entry: Entry
    ruled: bool = False


class Journal(Protocol):
    """Keeps entries until they are done. What a method was given is safe when it returns.

    Attributes:
        permits: Its rows stand beside the memories, and nothing is remembered from a message that has lost its own.
    """

    @property
    def permits(self) -> bool:
        """Whether it does."""
        ...

    async def add(self, entry: Entry) -> None:
        """Keep an entry."""
        ...

    async def ruled(self, entry: Entry) -> None:
        """The rules are through with it."""
        ...

    async def done(self, entry: Entry) -> None:
        """It is no longer needed."""
        ...

    async def left(self) -> Sequence[Left]:
        """What an earlier process has not done, in its order; the newest `MOST_LEFT` of it."""
        ...

    async def told_no_more(self, user_id: UserId) -> None:
        """He has had something forgotten: nothing that he has said until now is told again."""
        ...

    async def first_told(self, user_id: UserId, conversation_id: ConversationId) -> MessageId | None:
        """The first message of a conversation that may be told again; None: none of it may."""
        ...


class SQLJournal:
    """A journal in the database of the memories."""

    permits = True

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entry: Entry) -> None:
        """Keep an entry."""
        kept = {
            "message_id": entry.message_id,
            "conversation_id": entry.conversation_id,
            "user_id": entry.scope.user_id,
            "persona_id": entry.scope.persona_id or "",
        }
        await self._database.writing(lambda connection: _ADD.run(connection, kept))

    async def ruled(self, entry: Entry) -> None:
        """The rules are through with it."""
        await self._database.writing(lambda connection: _RULED.run(connection, _names(entry)))

    async def done(self, entry: Entry) -> None:
        """It is no longer needed."""
        await self._database.writing(lambda connection: _DONE.run(connection, _names(entry)))

    async def left(self) -> Sequence[Left]:
        """What an earlier process has not done, in its order; the newest `MOST_LEFT` of it."""
        newest = select(to_remember).order_by(to_remember.c.number.desc()).limit(MOST_LEFT)
        async with self._database.read() as connection:
            rows = list(await connection.execute(newest))
        if len(rows) == MOST_LEFT:
            async with self._database.write() as connection:
                await connection.execute(delete(to_remember).where(to_remember.c.number < rows[-1].number))
        return [
            Left(
                Entry(
                    Scope(UserId(row.user_id), row.persona_id or None),
                    ConversationId(row.conversation_id),
                    MessageId(row.message_id),
                ),
                row.ruled,
            )
            for row in reversed(rows)
        ]

    async def told_no_more(self, user_id: UserId) -> None:
        """Nothing that this user has said until now is told again."""
        async with self._database.write() as connection:
            await tell_from_now(connection, user_id)

    async def first_told(self, user_id: UserId, conversation_id: ConversationId) -> MessageId | None:
        """The first message that may be told again; None too where the conversation is not in the database."""
        return await first_told(self._database, user_id, conversation_id)


_HERE, _MESSAGE = "this_conversation", "this_message"
_THIS = and_(to_remember.c.conversation_id == bindparam(_HERE), to_remember.c.message_id == bindparam(_MESSAGE))
_ADD = Prepared(insert(to_remember), "message_id", "conversation_id", "user_id", "persona_id")
_RULED = Prepared(update(to_remember).where(_THIS).values(ruled=True))
_DONE = Prepared(delete(to_remember).where(_THIS))


def _names(entry: Entry) -> dict[str, str]:
    return {_HERE: entry.conversation_id, _MESSAGE: entry.message_id}


async def waits(connection: AsyncConnection, user_id: UserId, new: NewMemory) -> bool:
    """Whether the message that a memory comes from waits to be remembered from."""
    wanted = select(to_remember.c.number).where(
        to_remember.c.user_id == user_id,
        to_remember.c.conversation_id == new.conversation_id,
        to_remember.c.message_id == new.source,
    )
    return (await connection.execute(wanted.limit(1))).first() is not None


async def no_longer(connection: AsyncConnection, user_id: UserId, *these: ColumnElement[bool]) -> None:
    """Nothing is remembered any more from messages of this user that wait for it: all, or these. And none is told."""
    await connection.execute(delete(to_remember).where(to_remember.c.user_id == user_id, *these))
    await tell_from_now(connection, user_id)


class NoJournal:
    """Keeps nothing: what was not remembered when the process ends is lost."""

    permits = False

    async def add(self, entry: Entry) -> None:
        """Nothing is kept."""

    async def ruled(self, entry: Entry) -> None:
        """Nothing is kept."""

    async def done(self, entry: Entry) -> None:
        """Nothing is kept."""

    async def left(self) -> Sequence[Left]:
        """Nothing was kept."""
        return ()

    async def told_no_more(self, user_id: UserId) -> None:
        """Nothing is kept."""

    async def first_told(self, user_id: UserId, conversation_id: ConversationId) -> MessageId | None:
        """Nothing is known."""
        return None
