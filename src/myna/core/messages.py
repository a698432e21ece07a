"""Messages of a conversation, as they are kept."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from myna.core.ids import OWNER, ConversationId, MessageId, TurnId, UserId
from myna.core.reply import Reply
from myna.core.tools import ToolCall, ToolSpec


@dataclass(frozen=True, slots=True)
class SystemMessage:
    """An instruction that somebody put into the midst of the conversation."""

    id: MessageId
    turn_id: TurnId
    text: str


@dataclass(frozen=True, slots=True)
class UserMessage:
    """What the user said or typed in one turn."""

    id: MessageId
    turn_id: TurnId
    text: str


@dataclass(frozen=True, slots=True)
class AssistantMessage:
    """The reply of one turn; ``outcome`` says whether it was said to its end."""

    id: MessageId
    turn_id: TurnId
    reply: Reply
    outcome: Literal["completed", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class ToolCallMessage:
    """A tool that the model called."""

    id: MessageId
    turn_id: TurnId
    call: ToolCall


@dataclass(frozen=True, slots=True)
class ToolResultMessage:
    """What came of a tool call.

    Attributes:
        output: As it is shown to the model.
        asks: The user's consent is waited for, to call this tool as it is described here.
        failed: The tool did not bring what it was to bring.
    """

    id: MessageId
    turn_id: TurnId
    call_id: str
    output: str
    asks: ToolSpec | None = None
    failed: bool = False


Message: TypeAlias = SystemMessage | UserMessage | AssistantMessage | ToolCallMessage | ToolResultMessage


@dataclass(frozen=True, slots=True)
class Conversation:
    """The persisted thread: who answers whom. Its messages are in the store.

    Attributes:
        user_id: Whose it is; nobody else sees it.
        title: What the user calls it; empty: nothing yet.
        private: Nothing is remembered from it.
    """

    id: ConversationId
    persona_id: str
    user_id: UserId = OWNER
    title: str = ""
    private: bool = False
