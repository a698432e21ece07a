"""Messages of a conversation, as they are kept."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from myna.core.ids import ConversationId, MessageId, TurnId
from myna.core.reply import Reply


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


Message: TypeAlias = UserMessage | AssistantMessage


@dataclass(frozen=True, slots=True)
class Conversation:
    """The persisted thread: who answers. Its messages are in the store."""

    id: ConversationId
    persona_id: str
