"""What lists of conversations tell of each."""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, func, select

from myna.store.codec import SPOKEN
from myna.store.tables import messages

LONGEST_PREVIEW = 80


def said_of(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[int, str]]:
    """Of each conversation how many messages users and assistants have said, and how the first of the user's begins."""
    mine = messages.c.conversation_id.in_(ids)
    first = func.min(messages.c.position).filter(messages.c.kind == "user").label("first")
    counted = select(messages.c.conversation_id, func.count().label("said"), first)
    counted = counted.where(mine, messages.c.kind.in_(SPOKEN)).group_by(messages.c.conversation_id).subquery()
    beginning = (messages.c.conversation_id == counted.c.conversation_id) & (messages.c.position == counted.c.first)
    columns = (counted.c.conversation_id, counted.c.said, messages.c.body)
    rows = connection.execute(select(*columns).select_from(counted.outerjoin(messages, beginning))).all()
    return {row.conversation_id: (row.said, _preview(row.body)) for row in rows}


def _preview(body: str | None) -> str:
    text: str = json.loads(body)["text"] if body else ""
    return " ".join(text.split())[:LONGEST_PREVIEW]
