"""What the rules have done with a message already, and the index that finds it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column and the index."""
    op.add_column("memory_to_remember", sa.Column("ruled", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_index(
        "ix_memory_to_remember_conversation_id_message_id", "memory_to_remember", ["conversation_id", "message_id"]
    )
