"""The turns that a user had last, in whatever conversations."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from myna.core.ids import ConversationId, UserId
from myna.core.messages import Conversation
from myna.store.base import UserTurn
from myna.store.rows import turn_of
from myna.store.tables import conversations, turns

_WHERE = tuple(conversations.c[name].label(f"of_{name}") for name in ("id", "persona_id", "user_id", "title"))


def newest_turns(connection: Connection, user_id: UserId, limit: int) -> Sequence[UserTurn]:
    """The newest ``limit`` turns of a user, the newest first; one that a branch has too is told once, as of the first.

    All turns of the user are looked at, found through the indexes of conversations and of turns.
    """
    kept = select(turns, *_WHERE).join(conversations).where(conversations.c.user_id == user_id)
    kept = kept.order_by(turns.c.began_at.desc(), turns.c.number)  # a branch's copy has the greater number
    wanted = limit
    while True:
        read = connection.execute(kept.limit(wanted)).all()
        found: dict[str, Row[Any]] = {}
        for row in read:
            found.setdefault(row.id, row)
        if len(found) >= limit or len(read) < wanted:
            return tuple(map(_told, list(found.values())[:limit]))
        wanted *= 2


def _told(row: Row[Any]) -> UserTurn:
    where = Conversation(ConversationId(row.of_id), row.of_persona_id, UserId(row.of_user_id), row.of_title)
    return UserTurn(where, turn_of(row))
