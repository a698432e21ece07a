"""Which messages are still to be remembered from: on disk, so that a process that dies leaves nothing out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Column, Table, Text, delete, insert, select

from myna.core.ids import ConversationId, MessageId, UserId
from myna.memory.base import Scope
from myna.store.database import Database
from myna.store.tables import Number, metadata

MOST_LEFT = 1_000
"""So many messages of an earlier process are taken up again, the newest."""

to_remember = Table(
    "memory_to_remember",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("message_id", Text, nullable=False),
    Column("conversation_id", Text, nullable=False),
    Column("user_id", Text, nullable=False),
    Column("persona_id", Text, nullable=False),  # empty: what all personas share
    sqlite_autoincrement=True,
)
"""The text of a message is where it is kept; when that is deleted, nothing is left of it here."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A message that a user sent, and where its facts belong."""

    scope: Scope
    conversation_id: ConversationId
    message_id: MessageId


class Journal(Protocol):
    """Keeps entries until they are done. What a method was given is safe when it returns."""

    async def add(self, entry: Entry) -> None:
        """Keep an entry."""
        ...

    async def done(self, entry: Entry) -> None:
        """It is no longer needed."""
        ...

    async def left(self) -> Sequence[Entry]:
        """What an earlier process has not done, in its order; the newest `MOST_LEFT` of it."""
        ...


class SQLJournal:
    """A journal in the database of the memories."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entry: Entry) -> None:
        """Keep an entry."""
        async with self._database.write() as connection:
            await connection.execute(
                insert(to_remember).values(
                    message_id=entry.message_id,
                    conversation_id=entry.conversation_id,
                    user_id=entry.scope.user_id,
                    persona_id=entry.scope.persona_id or "",
                )
            )

    async def done(self, entry: Entry) -> None:
        """It is no longer needed."""
        async with self._database.write() as connection:
            await connection.execute(
                delete(to_remember).where(
                    to_remember.c.conversation_id == entry.conversation_id,
                    to_remember.c.message_id == entry.message_id,
                )
            )

    async def left(self) -> Sequence[Entry]:
        """What an earlier process has not done, in its order; the newest `MOST_LEFT` of it."""
        newest = select(to_remember).order_by(to_remember.c.number.desc()).limit(MOST_LEFT)
        async with self._database.read() as connection:
            rows = list(await connection.execute(newest))
        return [
            Entry(
                Scope(UserId(row.user_id), row.persona_id or None),
                ConversationId(row.conversation_id),
                MessageId(row.message_id),
            )
            for row in reversed(rows)
        ]


class NoJournal:
    """Keeps nothing: what was not remembered when the process ends is lost."""

    async def add(self, entry: Entry) -> None:
        """Nothing is kept."""

    async def done(self, entry: Entry) -> None:
        """Nothing is kept."""

    async def left(self) -> Sequence[Entry]:
        """Nothing was kept."""
        return ()
