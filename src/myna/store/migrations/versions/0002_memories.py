"""Memories, the words that they are found by, what their vectors lack, and what was done to them."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    time = sa.DateTime(timezone=True)
    op.create_table(
        "memories",
        sa.Column("number", number, autoincrement=True, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("persona_id", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("folded", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("pinned", sa.Boolean, nullable=False),
        sa.Column("source", sa.Text),
        sa.Column("conversation_id", sa.Text),
        sa.Column("created_at", time, nullable=False),
        sa.Column("changed_at", time, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("used_at", time),
        sa.Column("uses", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_memories"),
        sa.UniqueConstraint("id", name="uq_memories_id"),
        sa.UniqueConstraint("user_id", "persona_id", "folded", name="uq_memories_user_id_persona_id_folded"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_memories_user_id_persona_id_number", "memories", ["user_id", "persona_id", "number"])
    op.create_index(
        "ix_memories_user_id_persona_id_pinned_number", "memories", ["user_id", "persona_id", "pinned", "number"]
    )
    op.create_table(
        "memory_words",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("persona_id", sa.Text, nullable=False),
        sa.Column("word", sa.Text, nullable=False),
        sa.Column("memory_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "persona_id", "word", "memory_id", name="pk_memory_words"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_memory_words_memory_id", "memory_words", ["memory_id"])
    op.create_table(
        "memory_vector_work",
        sa.Column("memory_id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("persona_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("memory_id", name="pk_memory_vector_work"),
    )
    op.create_table(
        "memory_audit",
        sa.Column("number", number, autoincrement=True, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("memory_id", sa.Text, nullable=False),
        sa.Column("at", time, nullable=False),
        sa.Column("change", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("text", sa.Text),
        sa.PrimaryKeyConstraint("number", name="pk_memory_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_memory_audit_user_id_number", "memory_audit", ["user_id", "number"])
    op.create_index("ix_memory_audit_memory_id", "memory_audit", ["memory_id"])
