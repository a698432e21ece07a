"""Where messages stand in their conversation.

Each has a position that sorts. There is room between any two, so one is put between others at the cost of a row.
"""

from sqlalchemy import Connection, bindparam, func, select, update

from myna.core.commands import ROOT
from myna.core.errors import UnknownName
from myna.core.ids import ConversationId, MessageId
from myna.store.codec import is_storable
from myna.store.prepared import Prepared
from myna.store.tables import messages

STEP = 1 << 32
"""How far apart the positions of messages are: so 32 can be put between the same two before others have to move."""

HERE = "here"
"""The parameter of statements that names the conversation."""

BEHIND_ALL = (
    select(func.coalesce(func.max(messages.c.position) + STEP, 0))
    .where(messages.c.conversation_id == bindparam(HERE))
    .scalar_subquery()
)
"""The position behind all messages of the conversation `HERE`, as a part of a statement."""

_ROW = Prepared(
    select(messages.c.number, messages.c.position).where(
        messages.c.conversation_id == bindparam(HERE), messages.c.id == bindparam("of")
    )
)
_LOWEST = select(func.min(messages.c.position)).where(messages.c.conversation_id == bindparam(HERE))
_FIRST = Prepared(_LOWEST)
_NEXT = Prepared(_LOWEST.where(messages.c.position > bindparam("low")))


def row_of(connection: Connection, conversation_id: ConversationId, message_id: MessageId) -> tuple[int, int]:
    """The number and the position of a message.

    Raises:
        UnknownName: No such message.
    """
    here = {HERE: conversation_id, "of": message_id}
    row = _ROW.first(connection, here) if is_storable(message_id) else None
    if row is None:
        raise UnknownName(f"The conversation has no message {message_id}.", hint="It may have been deleted.")
    number, position = row
    return number, position


def behind(connection: Connection, conversation_id: ConversationId, after: MessageId) -> int:
    """A free position behind the message ``after``, or before all others if it is `myna.core.commands.ROOT`.

    Raises:
        UnknownName: No such message.
    """
    position = _between(connection, conversation_id, after)
    if position is None:
        _spread(connection, conversation_id)
        position = _between(connection, conversation_id, after)
    assert position is not None  # noqa: S101 - there is room now
    return position


def _between(connection: Connection, conversation_id: ConversationId, after: MessageId) -> int | None:
    """A position behind the message ``after``; None if there is no room."""
    low = None if after == ROOT else (row_of(connection, conversation_id, after))[1]
    here = {HERE: conversation_id}
    found = _FIRST.first(connection, here) if low is None else _NEXT.first(connection, here | {"low": low})
    high: int | None = found[0] if found else None
    if low is None:
        return 0 if high is None else high - STEP
    if high is None:
        return low + STEP
    return (low + high) // 2 if high - low > 1 else None


def _spread(connection: Connection, conversation_id: ConversationId) -> None:
    """Give all messages new positions, in the same order."""
    numbers = select(messages.c.number).where(messages.c.conversation_id == conversation_id)
    ordered = connection.execute(numbers.order_by(messages.c.position)).scalars().all()
    one = update(messages).where(messages.c.number == bindparam("of")).values(position=bindparam("to"))
    connection.execute(one, [{"of": number, "to": place * STEP} for place, number in enumerate(ordered)])
