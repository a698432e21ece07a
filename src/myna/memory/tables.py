"""The tables of memories; ``store/migrations`` makes them (0002)."""

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, Table, Text, UniqueConstraint

from myna.store.tables import Instant, Number, metadata

memories = Table(
    "memories",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),  # sorts: the newest is the greatest
    Column("id", Text, nullable=False, unique=True),
    Column("user_id", Text, nullable=False),
    Column("persona_id", Text, nullable=False),  # empty: shared by all personas
    Column("text", Text, nullable=False),
    Column("folded", Text, nullable=False),  # a hash of the folded text: the same is kept once
    Column("kind", Text, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("pinned", Boolean, nullable=False),
    Column("source", Text),
    Column("conversation_id", Text),
    Column("created_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("version", BigInteger, nullable=False),  # of the text; vectors say which they were made of
    Column("used_at", Instant),
    Column("uses", Integer, nullable=False),
    UniqueConstraint("user_id", "persona_id", "folded"),
    Index(None, "user_id", "persona_id", "pinned", "number"),
    Index(None, "user_id", "persona_id", "number"),
    sqlite_autoincrement=True,  # numbers are never given twice
)

words = Table(
    "memory_words",
    metadata,
    Column("user_id", Text, primary_key=True),
    Column("persona_id", Text, primary_key=True),
    Column("word", Text, primary_key=True),
    Column("memory_id", Text, primary_key=True),
    Index(None, "memory_id"),
    sqlite_with_rowid=False,
)

vector_work = Table(
    "memory_vector_work",  # what the vectors do not know yet: memories to embed, and those to drop, which are gone here
    metadata,
    Column("memory_id", Text, primary_key=True),
    Column("user_id", Text, nullable=False),
    Column("persona_id", Text, nullable=False),
)

audit = Table(
    "memory_audit",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("user_id", Text, nullable=False),
    Column("memory_id", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("change", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("text", Text),  # none where the memory was forgotten
    Index(None, "user_id", "number"),
    Index(None, "memory_id"),
    sqlite_autoincrement=True,
)
