"""A conversation, page by page, and what of many conversations is worth a line in a list."""

from sqlalchemy import ColumnElement, Connection, func, literal, or_, select

from myna.core.ids import ConversationId, MessageId
from myna.store.base import Page
from myna.store.codec import message_of
from myna.store.cursors import cursor
from myna.store.tables import conversations, messages


def page_of(
    connection: Connection, conversation_id: ConversationId, limit: int | None, before: tuple[int, str] | None
) -> Page:
    """The newest messages, before the one that has the position and the id ``before``.

    Positions change where many messages are put between two others. So its id is looked for first, and it is by its
    position only where it is gone.
    """
    here = messages.c.conversation_id == conversation_id
    columns = (messages.c[name] for name in ("kind", "id", "turn_id", "body", "said_at", "position"))
    wanted = select(*columns).where(here).order_by(messages.c.position.desc())
    if before is not None:
        position, message_id = before
        now_at = select(messages.c.position).where(here, messages.c.id == message_id).scalar_subquery()
        wanted = wanted.where(messages.c.position < func.coalesce(now_at, position))
    rows = connection.execute(wanted if limit is None else wanted.limit(limit + 1)).all()
    kept = rows[:limit][::-1]
    more = len(rows) > len(kept)
    return Page(
        tuple(message_of(row.kind, row.id, row.turn_id, row.body) for row in kept),
        {MessageId(row.id): row.said_at for row in kept},
        cursor(kept[0].position, kept[0].id) if more and kept else None,
    )


def is_listed() -> ColumnElement[bool]:
    """Whether somebody has named a conversation, or it has more than a greeting."""
    inside = select(literal(1)).where(messages.c.conversation_id == conversations.c.id)
    return or_(
        conversations.c.title != "",
        inside.where(messages.c.kind != "assistant").exists(),
        inside.offset(1).limit(1).exists(),
    )
