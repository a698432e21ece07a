"""What a client tells of a conversation, as messages that a session knows."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from starlette.requests import HTTPConnection

from myna.core.ids import MessageId, new_message_id, new_turn_id
from myna.core.messages import AssistantMessage, Message, ToolCallMessage, ToolResultMessage, UserMessage
from myna.core.reply import Reply
from myna.core.tools import ToolCall
from myna.server.raw_replies import RawReplies


@dataclass(frozen=True, slots=True)
class ToldMessage:
    """A message, as a client tells it.

    Attributes:
        calls: What an assistant's message called of the client's tools.
        call_id: Which call a tool's message answers.
    """

    role: Literal["user", "assistant", "tool"]
    text: str
    calls: tuple[ToolCall, ...] = ()
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class History:
    """A conversation that a client has told.

    Attributes:
        led_to: Stands for all of it: a reply to it is found again by this.
    """

    messages: tuple[Message, ...]
    led_to: bytes


def caller(request: HTTPConnection) -> str:
    """Who asks, as far as a key of the API tells: nobody may find out what another was answered."""
    return hashlib.sha256(request.headers.get("authorization", "").encode()).hexdigest()


def history_told(told: Sequence[ToldMessage], replies: RawReplies, persona_id: str, caller: str) -> History:
    """All messages that went before, and the newest.

    Of a reply the client has seen the display text only. What the model wrote is looked up in ``replies``, and so is
    what the server's tools did in it, if the same caller tells all of the conversation that led to it. What a user said
    has the same id each time that it is told, if all that led to it is: what was remembered of it is found by that.
    """
    messages: list[Message] = []
    trail = hashlib.sha256(json.dumps([caller, persona_id]).encode())
    for one in told:
        if one.role == "assistant":
            messages += replies.work(trail.digest(), one.text)
        calls = [(call.id, call.name, call.arguments) for call in one.calls]
        trail.update(json.dumps([one.role, one.text.strip(), calls, one.call_id]).encode())
        messages += _messages(one, replies, persona_id, MessageId(f"msg_{trail.hexdigest()[:24]}"))
    return History(tuple(messages), trail.digest())


def message_told(role: str, text: str, replies: RawReplies, persona_id: str, message_id: MessageId) -> Message:
    """A message of the user's or the assistant's that went before."""
    if role == "user":
        return UserMessage(message_id, new_turn_id(), text)
    return AssistantMessage(
        message_id, new_turn_id(), Reply(raw=replies.of(persona_id, text), display=text, heard=text), "completed"
    )


def _messages(one: ToldMessage, replies: RawReplies, persona_id: str, message_id: MessageId) -> Iterator[Message]:
    if one.role == "tool":
        yield ToolResultMessage(new_message_id(), new_turn_id(), one.call_id, one.text)
        return
    if one.text.strip() or not one.calls:
        yield message_told(one.role, one.text, replies, persona_id, message_id)
    for call in one.calls:
        yield ToolCallMessage(new_message_id(), new_turn_id(), call)


def work_of(messages: Sequence[Message]) -> list[ToolCallMessage | ToolResultMessage]:
    """The calls that were answered, and their results."""
    answered = {message.call_id for message in messages if isinstance(message, ToolResultMessage)}
    return [
        message
        for message in messages
        if isinstance(message, ToolResultMessage)
        or (isinstance(message, ToolCallMessage) and message.call.id in answered)
    ]
