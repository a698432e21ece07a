"""A conversation with all that was said in it, as programs are told it and as files keep it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias, assert_never

from pydantic import AwareDatetime, BaseModel, Field, FiniteFloat

from myna.core.events import Outcome, Stage
from myna.core.ids import MessageId, TurnId
from myna.core.messages import (
    AssistantMessage,
    Conversation,
    Message,
    SystemMessage,
    ToolCallMessage,
    ToolResultMessage,
    UserMessage,
)
from myna.core.reply import Reply
from myna.core.tools import ToolCall, ToolSpec
from myna.store.base import Found, KeptTurn, Listed, Page


class ToldConversation(BaseModel):
    """Who answers in it, and what the user calls it."""

    id: str
    persona: str
    title: str = ""


class ToldSystem(BaseModel):
    """An instruction that somebody put into the midst of the conversation."""

    type: Literal["system"] = "system"
    id: str
    turn: str
    at: AwareDatetime | None = None
    text: str


class ToldUser(BaseModel):
    """What the user said or typed."""

    type: Literal["user"] = "user"
    id: str
    turn: str
    at: AwareDatetime | None = None
    text: str


class ToldAssistant(BaseModel):
    """A reply: ``text`` is what was shown, ``heard`` what was heard of it, ``raw`` what the model wrote, with tags."""

    type: Literal["assistant"] = "assistant"
    id: str
    turn: str
    at: AwareDatetime | None = None
    text: str
    heard: str
    raw: str
    outcome: Literal["completed", "interrupted", "failed"]


class ToldCall(BaseModel):
    """A tool that the model called; ``arguments`` is JSON as the model wrote it."""

    type: Literal["tool_call"] = "tool_call"
    id: str
    turn: str
    at: AwareDatetime | None = None
    call_id: str
    name: str
    arguments: str


class ToldTool(BaseModel):
    """A tool that waits for the user's consent, as it was described."""

    name: str
    description: str
    parameters: Mapping[str, Any]


class ToldResult(BaseModel):
    """What came of a call."""

    type: Literal["tool_result"] = "tool_result"
    id: str
    turn: str
    at: AwareDatetime | None = None
    call_id: str
    output: str
    failed: bool = False
    asks: ToldTool | None = None


ToldMessage: TypeAlias = Annotated[
    ToldSystem | ToldUser | ToldAssistant | ToldCall | ToldResult, Field(discriminator="type")
]


class ToldTurn(BaseModel):
    """How a turn went; ``reached_ms``: when each stage was reached, in milliseconds since its utterance was over."""

    id: str
    outcome: Outcome
    began_at: AwareDatetime
    reached_ms: dict[Stage, FiniteFloat] = {}
    problems: tuple[str, ...] = ()


class Transcript(BaseModel):
    """A conversation, its messages and its turns, oldest first.

    ``at`` is when a message was made; ``previous`` is what to give as ``before`` for those before these, if any are.
    """

    conversation: ToldConversation
    messages: tuple[ToldMessage, ...]
    turns: tuple[ToldTurn, ...] = ()
    previous: str | None = None


class ListedConversation(BaseModel):
    """A conversation in a list; ``preview`` is how the user began it, to show where there is no title."""

    id: str
    persona: str
    title: str
    preview: str
    messages: int
    begun_at: datetime
    changed_at: datetime


class FoundMessage(BaseModel):
    """A message that was searched for, the words around what was found, and when it was said."""

    conversation: ToldConversation
    message: ToldMessage
    snippet: str
    at: datetime


def told_conversation(conversation: Conversation) -> ToldConversation:
    """A conversation, but for whose it is."""
    return ToldConversation(id=conversation.id, persona=conversation.persona_id, title=conversation.title)


def told_listed(listed: Listed) -> ListedConversation:
    """A conversation of a list."""
    conversation = listed.conversation
    return ListedConversation(
        id=conversation.id,
        persona=conversation.persona_id,
        title=conversation.title,
        preview=_text(listed.preview),
        messages=listed.messages,
        begun_at=listed.begun_at,
        changed_at=listed.changed_at,
    )


def told_found(found: Found) -> FoundMessage:
    """A message that was found."""
    return FoundMessage(
        conversation=told_conversation(found.conversation),
        message=told_message(found.message, found.at),
        snippet=_text(found.snippet),
        at=found.at,
    )


def transcript(conversation: Conversation, page: Page, turns: Sequence[KeptTurn]) -> Transcript:
    """What was said in it, or a part of that."""
    return Transcript(
        conversation=told_conversation(conversation),
        messages=tuple(told_message(message, page.times.get(message.id)) for message in page.messages),
        turns=tuple(told_turn(turn) for turn in turns),
        previous=page.previous,
    )


def told_message(message: Message, at: datetime | None = None) -> ToldMessage:
    """A message as it is kept, but for halves of surrogate pairs, which no UTF-8 has: models write them at times."""
    at = at and at.astimezone(UTC)
    match message:
        case SystemMessage(text=text):
            return ToldSystem(id=message.id, turn=message.turn_id, at=at, text=_text(text))
        case UserMessage(text=text):
            return ToldUser(id=message.id, turn=message.turn_id, at=at, text=_text(text))
        case AssistantMessage(reply=reply, outcome=outcome):
            return ToldAssistant(
                id=message.id,
                turn=message.turn_id,
                at=at,
                text=_text(reply.display),
                heard=_text(reply.heard),
                raw=_text(reply.raw),
                outcome=outcome,
            )
        case ToolCallMessage(call=call):
            return ToldCall(
                id=message.id,
                turn=message.turn_id,
                at=at,
                call_id=_text(call.id),
                name=_text(call.name),
                arguments=_text(call.arguments),
            )
        case ToolResultMessage(asks=asks):
            tool = ToldTool(name=asks.name, description=asks.description, parameters=asks.parameters) if asks else None
            return ToldResult(
                id=message.id,
                turn=message.turn_id,
                at=at,
                call_id=_text(message.call_id),
                output=_text(message.output),
                failed=message.failed,
                asks=tool,
            )
        case _:
            assert_never(message)


def _text(text: str) -> str:
    return text.encode(errors="replace").decode()


def read_message(told: ToldMessage) -> Message:
    """The message that was told."""
    message_id, turn_id = MessageId(told.id), TurnId(told.turn)
    match told:
        case ToldSystem(text=text):
            return SystemMessage(message_id, turn_id, text)
        case ToldUser(text=text):
            return UserMessage(message_id, turn_id, text)
        case ToldAssistant(text=text, heard=heard, raw=raw, outcome=outcome):
            return AssistantMessage(message_id, turn_id, Reply(raw=raw, display=text, heard=heard), outcome)
        case ToldCall(call_id=call_id, name=name, arguments=arguments):
            return ToolCallMessage(message_id, turn_id, ToolCall(call_id, name, arguments))
        case ToldResult(call_id=call_id, output=output, failed=failed, asks=asks):
            spec = ToolSpec(asks.name, asks.description, asks.parameters) if asks else None
            return ToolResultMessage(message_id, turn_id, call_id, output, spec, failed)
        case _:
            assert_never(told)


def told_turn(turn: KeptTurn) -> ToldTurn:
    """How a turn went."""
    return ToldTurn(
        id=turn.id,
        outcome=turn.outcome,
        began_at=turn.began_at.astimezone(UTC),
        reached_ms=dict(turn.reached_ms),
        problems=turn.problems,
    )


def read_turn(told: ToldTurn) -> KeptTurn:
    """The turn that was told."""
    return KeptTurn(TurnId(told.id), told.outcome, told.began_at, told.reached_ms, told.problems)
