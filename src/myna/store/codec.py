"""Messages to and from what a database keeps of them.

The body is JSON that any database can keep as text: NUL and lone surrogates are escaped. Fields that a body lacks have
their defaults, so old messages are read when messages get new fields.
"""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from myna.core.ids import MessageId, TurnId
from myna.core.messages import (
    AssistantMessage,
    Message,
    SystemMessage,
    ToolCallMessage,
    ToolResultMessage,
    UserMessage,
)
from myna.core.reply import Reply
from myna.core.tools import ToolCall, ToolSpec

KINDS: Mapping[str, type[Message]] = {
    "system": SystemMessage,
    "user": UserMessage,
    "assistant": AssistantMessage,
    "tool_call": ToolCallMessage,
    "tool_result": ToolResultMessage,
}
"""What each kind of message is called; the names are in databases and never change."""

SPOKEN = ("user", "assistant")
"""The kinds that users and assistants say."""

_NAMES = {message: kind for kind, message in KINDS.items()}
_MADE: Mapping[str, type] = {"reply": Reply, "call": ToolCall, "asks": ToolSpec}
_COLUMNS = ("id", "turn_id")


def kind_of(message: Message) -> str:
    """What its kind is called."""
    return _NAMES[type(message)]


def body_of(message: Message) -> str:
    """All of a message but its ids, as JSON."""
    body = {field.name: getattr(message, field.name) for field in fields(message) if field.name not in _COLUMNS}
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=_plain)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a pair of surrogates
        return json.dumps(body, separators=(",", ":"), default=_plain)
    return text


def message_of(kind: str, message_id: str, turn_id: str, body: str) -> Message:
    """The message that was kept."""
    given: dict[str, Any] = json.loads(body)
    for name, made in _MADE.items():
        if given.get(name) is not None:
            given[name] = made(**given[name])
    return KINDS[kind](id=MessageId(message_id), turn_id=TurnId(turn_id), **given)


def said_in(message: Message) -> str:
    """What a user finds it by: what was said in it, of a reply what was heard."""
    match message:
        case UserMessage():
            return message.text
        case AssistantMessage():
            return message.reply.heard
        case _:
            return ""


def is_storable(value: str) -> bool:
    """Whether it is text as databases have it: no NUL, no half of a pair of surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in value


def _plain(value: object) -> dict[str, Any]:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - json looks on
    raise TypeError(f"{value!r} cannot be kept")
