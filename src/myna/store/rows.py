"""Conversations, messages and turns as rows: written, copied and read again."""

import json
import time
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, insert, literal, select

from myna.core.errors import BadInput
from myna.core.ids import ConversationId, TurnId, UserId
from myna.core.messages import Conversation, Message
from myna.store import search
from myna.store.base import KeptTurn
from myna.store.codec import body_of, is_storable, kind_of, said_in
from myna.store.database import Database
from myna.store.places import BEHIND_ALL, HERE
from myna.store.prepared import Prepared
from myna.store.tables import conversations, messages

_COLUMNS = ("conversation_id", "id", "turn_id", "kind", "body", "said_at")
_NEW = insert(messages).returning(messages.c.number)
_ADD = Prepared(_NEW, *_COLUMNS, "position")
_APPEND = Prepared(_NEW.values(position=BEHIND_ALL), *_COLUMNS)


def create(connection: Connection, conversation: Conversation) -> int:
    """Keep a new conversation, without messages. Gives its revision."""
    now = datetime.now(UTC)
    revision = time.time_ns()  # above all that a deleted one with this id had: caches may still have its messages
    kept = insert(conversations).values(
        id=conversation.id,
        user_id=conversation.user_id,
        persona_id=conversation.persona_id,
        title=conversation.title,
        begun_at=now,
        changed_at=now,
        revision=revision,
    )
    connection.execute(kept)
    return revision


def add(
    database: Database,
    connection: Connection,
    conversation_id: ConversationId,
    message: Message,
    position: int | None = None,
    at: datetime | None = None,
) -> None:
    """Keep a message of a conversation at this position, or behind all others; said at this time, or now."""
    check(message.id, message.turn_id)
    kept: dict[str, Any] = {
        "conversation_id": conversation_id,
        "id": message.id,
        "turn_id": message.turn_id,
        "kind": kind_of(message),
        "body": body_of(message),
        "said_at": at or datetime.now(UTC),
    }
    if position is None:
        added = _APPEND.first(connection, kept | {HERE: conversation_id})
    else:
        added = _ADD.first(connection, kept | {"position": position})
    assert added is not None  # noqa: S101 - it returns the number
    search.add(database, connection, added[0], said_in(message))


def copy(connection: Connection, table: Table, old: str, new: str, which: ColumnElement[bool]) -> None:
    """Keep what a conversation has in a table for another one as well, in the same order."""
    copied = [column for column in table.c if column.name not in ("number", "conversation_id")]
    rows = select(literal(new), *copied).where(table.c.conversation_id == old, which).order_by(table.c.number)
    names = ["conversation_id", *(column.name for column in copied)]
    connection.execute(insert(table).from_select(names, rows))


def conversation_of(row: Row[Any]) -> Conversation:
    """The conversation in a row."""
    return Conversation(ConversationId(row.id), row.persona_id, UserId(row.user_id), row.title)


def turn_of(row: Row[Any]) -> KeptTurn:
    """The turn in a row."""
    return KeptTurn(
        TurnId(row.id), row.outcome, row.began_at, json.loads(row.reached_ms), tuple(json.loads(row.problems))
    )


def turn_row(turn: KeptTurn) -> dict[str, Any]:
    """What a row has of a turn, but for its ids."""
    check(turn.id)
    return {
        "outcome": turn.outcome,
        "began_at": turn.began_at,
        "reached_ms": json.dumps(dict(turn.reached_ms)),
        "problems": json.dumps(turn.problems),
    }


def check(*values: str) -> None:
    """See that a database takes these names and ids.

    Raises:
        BadInput: It does not.
    """
    if not all(map(is_storable, values)):
        raise BadInput("A name or an id has a character that cannot be kept.", hint="Leave out what is no text.")
