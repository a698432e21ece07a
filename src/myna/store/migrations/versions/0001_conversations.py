"""Conversations, their messages and turns, and the words that messages are found by."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    time = sa.DateTime(timezone=True)
    op.create_table(
        "conversations",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("persona_id", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("begun_at", time, nullable=False),
        sa.Column("changed_at", time, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
    )
    op.create_index("ix_conversations_user_id_changed_at_id", "conversations", ["user_id", "changed_at", "id"])
    op.create_table(
        "messages",
        sa.Column("number", number, autoincrement=True, nullable=False),
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("turn_id", sa.Text, nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("said_at", time, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_messages"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], ondelete="CASCADE", name="fk_messages_conversation_id"
        ),
        sa.UniqueConstraint("conversation_id", "id", name="uq_messages_conversation_id_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_messages_conversation_id_position", "messages", ["conversation_id", "position"])
    op.create_table(
        "turns",
        sa.Column("number", number, autoincrement=True, nullable=False),
        sa.Column("conversation_id", sa.Text, nullable=False),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("began_at", time, nullable=False),
        sa.Column("reached_ms", sa.Text, nullable=False),
        sa.Column("problems", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_turns"),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], ondelete="CASCADE", name="fk_turns_conversation_id"
        ),
        sa.UniqueConstraint("conversation_id", "id", name="uq_turns_conversation_id_id"),
    )
    if op.get_bind().dialect.name == "sqlite":
        # The words come ready-made: this tokenizer cuts at spaces and takes all beyond ASCII as letters.
        op.execute("CREATE VIRTUAL TABLE message_words USING fts5(words, tokenize='ascii')")
    else:
        op.execute(
            "CREATE TABLE message_words ("
            "number BIGINT PRIMARY KEY REFERENCES messages (number) ON DELETE CASCADE, words TSVECTOR NOT NULL)"
        )
        op.execute("CREATE INDEX ix_message_words_words ON message_words USING gin (words)")
