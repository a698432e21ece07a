"""Keeping a whole conversation at once, as an import does.

A conversation of thousands of messages takes SQLite seconds, and in one transaction nobody else could write meanwhile.
So it comes in bounded parts, under a user who is nobody, and becomes its user's own with the last of them. What is left
of one that was killed is removed by `remove_left`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial

import anyio
from sqlalchemy import Connection, delete, insert, select, update

from myna.core.errors import StoreError, UnknownName
from myna.core.ids import MessageId, UserId
from myna.core.messages import Conversation, Message
from myna.store import rows, search
from myna.store.base import KeptTurn
from myna.store.codec import body_of
from myna.store.database import Database
from myna.store.places import STEP
from myna.store.tables import conversations, turns

NOBODY = UserId("\x1fnobody")
"""Whose a conversation is while it comes in. No user has such an id."""

MOST_AT_ONCE = 100
MOST_CHARACTERS = 100_000
"""So much of it is kept in one transaction, but always one message: some 50 ms on a slow machine."""

STALE = timedelta(minutes=10)
"""What came in for longer comes no more."""

UNDO_S = 10.0


@dataclass(frozen=True, slots=True)
class _Part:
    """Some of a conversation.

    Attributes:
        begins: Nothing is before it.
        first: The place of the first message.
    """

    begins: bool
    first: int
    messages: Sequence[Message] = ()
    turns: Sequence[KeptTurn] = ()


async def take_in(
    database: Database,
    conversation: Conversation,
    said: Sequence[Message],
    times: Mapping[MessageId, datetime],
    went: Sequence[KeptTurn],
) -> None:
    """Keep a new conversation: all of it, or nothing."""
    parts = _parts(said, went)
    try:
        for part in parts:
            owner = conversation.user_id if part is parts[-1] else NOBODY
            owned = replace(conversation, user_id=owner)
            await database.writing(partial(_keep, database, conversation=owned, part=part, times=times))
    except BaseException:
        if len(parts) > 1:  # else nothing of it has happened
            with anyio.move_on_after(UNDO_S, shield=True), suppress(StoreError):  # then `remove_left` does it
                await database.writing(partial(_remove, database, ids=[conversation.id]))
        raise


async def remove_left(database: Database) -> None:
    """Remove what has not come in whole and will not."""
    columns = conversations.c
    left = select(columns.id).where(columns.user_id == NOBODY, columns.begun_at < datetime.now(UTC) - STALE)
    if ids := await database.reading(lambda connection: connection.execute(left).scalars().all()):
        await database.writing(partial(_remove, database, ids=ids))


def _parts(said: Sequence[Message], went: Sequence[KeptTurn]) -> Sequence[_Part]:
    """The parts in which it comes in: a single one if it is short."""
    parts = [*_messages(said)] or [_Part(begins=True, first=0)]
    if len(went) <= MOST_AT_ONCE:
        return [*parts[:-1], replace(parts[-1], turns=went)]
    rest = range(0, len(went), MOST_AT_ONCE)
    return [*parts, *(_Part(False, len(said), turns=went[begin : begin + MOST_AT_ONCE]) for begin in rest)]


def _messages(said: Sequence[Message]) -> Iterator[_Part]:
    first = 0
    while first < len(said):
        end, characters = first + 1, len(body_of(said[first]))
        while end < len(said) and end - first < MOST_AT_ONCE:
            characters += len(body_of(said[end]))
            if characters > MOST_CHARACTERS:
                break
            end += 1
        yield _Part(first == 0, first, said[first:end])
        first = end


def _keep(
    database: Database,
    connection: Connection,
    conversation: Conversation,
    part: _Part,
    times: Mapping[MessageId, datetime],
) -> None:
    if part.begins:
        rows.create(connection, conversation)
    else:
        _go_on(connection, conversation)
    for place, message in enumerate(part.messages, part.first):
        rows.add(database, connection, conversation.id, message, place * STEP, times.get(message.id))
    for turn in part.turns:
        kept = rows.turn_row(turn)
        connection.execute(insert(turns).values(conversation_id=conversation.id, id=turn.id, **kept))


def _go_on(connection: Connection, conversation: Conversation) -> None:
    """More of a conversation comes; with the last of it, it is its user's."""
    columns = conversations.c
    changed = update(conversations).where(columns.id == conversation.id, columns.user_id == NOBODY)
    changed = changed.values(user_id=conversation.user_id, changed_at=datetime.now(UTC), revision=columns.revision + 1)
    if not connection.execute(changed).rowcount:
        raise UnknownName("What was coming in has been removed.", hint="Try again.")


def _remove(database: Database, connection: Connection, ids: Sequence[str]) -> None:
    """Remove these, as far as they have not come in whole."""
    columns = conversations.c
    left = select(columns.id).where(columns.id.in_(ids), columns.user_id == NOBODY)
    for conversation_id in connection.execute(left).scalars().all():
        database.mark_traces(connection)
        search.remove_all(database, connection, conversation_id)
        connection.execute(delete(conversations).where(columns.id == conversation_id))
