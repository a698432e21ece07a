"""From when on what a user said may be told again: after the last time that he had something forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; what was forgotten already stays so."""
    op.create_table(
        "memory_told_from",
        sa.Column("user_id", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_memory_told_from"),
    )
    op.execute(
        "INSERT INTO memory_told_from (user_id, at) SELECT user_id, MAX(at) FROM memory_audit"
        " WHERE change = 'forgotten' AND actor = 'user' GROUP BY user_id"
    )
