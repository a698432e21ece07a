"""What was said so far, as callers give it and as a prompt is built of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from myna.core.errors import BadInput
from myna.core.ids import TurnId, new_call_id, new_message_id, new_turn_id
from myna.core.messages import (
    AssistantMessage,
    Message,
    SystemMessage,
    ToolCallMessage,
    ToolResultMessage,
    UserMessage,
)
from myna.core.reply import Reply
from myna.core.tools import ToolCall
from myna.engines.base import LLMMessage

Asked: TypeAlias = str | Sequence[Mapping[str, Any] | LLMMessage]
"""What is asked: a text, or messages as OpenAI's API has them (``{"role": "user", "content": "…"}``)."""

Rounds: TypeAlias = Iterable[tuple[str, str]]
"""What went before: what the user said, and what was answered."""


def messages_of(asked: Asked, history: Rounds = ()) -> tuple[str | None, list[Message]]:
    """The system prompt that is among the messages, if any, and all other messages with ``history`` before them.

    Raises:
        BadInput: They are no such messages, or the last one leaves nothing to answer.
    """
    before = list(_rounds(history))
    if isinstance(asked, str):
        if not asked.strip():
            raise BadInput("The prompt is empty.", hint="Ask something.")
        return None, [*before, said(asked)]
    messages = [_message(message, f"message {place}") for place, message in enumerate(asked)]
    system = "\n\n".join(message.content for message in messages if message.role == "system") or None
    talk = [message for message in messages if message.role != "system"]
    if not talk or talk[-1].role == "assistant":
        raise BadInput("The last of the messages is not the user's.", hint="End with a message of role user.")
    return system, [*before, *kept(talk)]


def said(text: str) -> UserMessage:
    """What the user says."""
    return UserMessage(new_message_id(), new_turn_id(), text)


def answered(text: str, turn_id: TurnId) -> AssistantMessage:
    """What was answered."""
    return AssistantMessage(new_message_id(), turn_id, Reply(text, text, text), "completed")


def kept(messages: Iterable[LLMMessage]) -> Iterator[Message]:
    """Messages of a prompt as a conversation keeps them."""
    turn_id = new_turn_id()
    for message in messages:
        match message.role:
            case "user":
                yield said(message.content)
            case "system":
                yield SystemMessage(new_message_id(), turn_id, message.content)
            case "tool":
                call_id = message.tool_call_id or ""
                yield ToolResultMessage(new_message_id(), turn_id, call_id, message.content)
            case "assistant":
                if message.content or not message.tool_calls:
                    yield answered(message.content, turn_id)
                for call in message.tool_calls:
                    yield ToolCallMessage(new_message_id(), turn_id, call)


def _rounds(history: Rounds) -> Iterator[Message]:
    for place, round_ in enumerate(history):
        match round_:
            case (str(user), str(assistant)):
                yield said(user)
                yield answered(assistant, new_turn_id())
            case _:
                raise BadInput(
                    f"history[{place}] is no pair of texts.",
                    hint="Give what the user said and what was answered: history=[('Hello', 'Hi!')].",
                )


def _message(message: object, place: str) -> LLMMessage:
    if isinstance(message, LLMMessage):
        return message
    if not isinstance(message, Mapping):
        raise BadInput(f"{place} is no message.", hint='Write each as {"role": "user", "content": "…"}.')
    fields = cast(Mapping[str, Any], message)
    role, content = fields.get("role"), fields.get("content")
    if role not in ("system", "user", "assistant", "tool"):
        raise BadInput(f"{place} has the role {role!r}.", hint="There are system, user, assistant and tool.")
    if not isinstance(content, str) and not (content is None and fields.get("tool_calls")):
        raise BadInput(f"{place} has no text as its content.")
    return LLMMessage(role, content or "", tuple(_calls(fields, place)), fields.get("tool_call_id"))


def _calls(fields: Mapping[str, Any], place: str) -> Iterator[ToolCall]:
    for call in fields.get("tool_calls") or ():
        match call:
            case {"function": {"name": str(name), "arguments": str(arguments)}}:
                yield ToolCall(str(call.get("id") or new_call_id()), name, arguments)
            case _:
                raise BadInput(f"{place} has a tool call that is none.", hint="Write it as OpenAI's API has it.")
