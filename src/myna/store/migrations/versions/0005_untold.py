"""Which messages are told no more, since something was forgotten that came from them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "memory_untold",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("user_id", "message_id", name="pk_memory_untold"),
        sqlite_with_rowid=False,
    )
