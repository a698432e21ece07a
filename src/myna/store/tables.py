"""The tables of Myna's database. ``migrations/`` makes them; who changes them here adds a migration there."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Integer, MetaData, Table, Text, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_N_label)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Number = BigInteger().with_variant(Integer(), "sqlite")
"""A number that the database gives; SQLite counts by itself in columns that are called INTEGER only."""


class Instant(TypeDecorator[datetime]):
    """A point in time, in UTC, with its zone: SQLite keeps none. Sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """What is kept."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ANN401 - SQLAlchemy's
        """What was kept."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


conversations = Table(
    "conversations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("persona_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("begun_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),  # when it was last talked in
    Column("revision", BigInteger, nullable=False),  # rises with every change of its messages, for caches
)

messages = Table(
    "messages",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), type_=Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("turn_id", Text, nullable=False),
    Column("position", BigInteger, nullable=False),  # sorts; there are gaps, for what is put between
    Column("kind", Text, nullable=False),
    Column("body", Text, nullable=False),  # what `codec` makes of it
    Column("said_at", Instant, nullable=False),
    UniqueConstraint("conversation_id", "id"),
    sqlite_autoincrement=True,  # numbers are never given twice
)

turns = Table(
    "turns",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("conversation_id", ForeignKey("conversations.id", ondelete="CASCADE"), type_=Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("reached_ms", Text, nullable=False),  # JSON
    Column("problems", Text, nullable=False),  # JSON
    UniqueConstraint("conversation_id", "id"),
)
