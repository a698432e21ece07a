"""What a client does, as verbs. A closed union: every ``match`` over it ends in ``assert_never``.

``ref`` is the client's own name for a command, given back in `myna.core.events.Refused`.
"""

from dataclasses import dataclass
from typing import Final, TypeAlias

from myna.core.ids import MessageId, TurnId
from myna.core.messages import Message
from myna.core.preferences import Preferences

ROOT: Final = MessageId("root")
"""Stands for the place before the first message."""


@dataclass(frozen=True, slots=True)
class Configure:
    """From now on, these preferences. What runs goes on as it began."""

    preferences: Preferences


@dataclass(frozen=True, slots=True)
class AppendAudio:
    """Adds to what is heard.

    Attributes:
        pcm: 16-bit little-endian mono, 16 kHz. A whole number of samples.
    """

    pcm: bytes


@dataclass(frozen=True, slots=True)
class CommitAudio:
    """The utterance is over: hear it, and answer if ``replies``. Ends a reply that still runs, as ``SendText`` does."""

    replies: bool = True
    ref: str = ""


@dataclass(frozen=True, slots=True)
class ClearAudio:
    """Forget what was appended and is in no utterance yet."""


@dataclass(frozen=True, slots=True)
class SendText:
    """The user typed an utterance: answer it. A reply that still runs is interrupted first."""

    text: str


@dataclass(frozen=True, slots=True)
class Say:
    """The assistant says this as it stands, as a greeting. A reply that still runs is interrupted first."""

    text: str


@dataclass(frozen=True, slots=True)
class CreateReply:
    """Answer the conversation as it stands. A reply that still runs is interrupted first, unless this one is ``apart``.

    Attributes:
        turn_id: The id of the new turn.
        preferences: For this reply alone; None: the session's.
        messages: What to answer, in the place of the conversation; None: the conversation.
        apart: The conversation keeps nothing of it, and it may run beside other replies.
    """

    turn_id: TurnId
    preferences: Preferences | None = None
    messages: tuple[Message, ...] | None = None
    apart: bool = False


@dataclass(frozen=True, slots=True)
class AddMessage:
    """Put a message into the conversation, and answer nothing.

    Attributes:
        after: The message that it follows; `ROOT` puts it first, None last.
    """

    message: Message
    after: MessageId | None = None
    ref: str = ""


@dataclass(frozen=True, slots=True)
class DeleteMessage:
    """Take a message out of the conversation."""

    message_id: MessageId
    ref: str = ""


@dataclass(frozen=True, slots=True)
class TruncateReply:
    """Of a reply's audio only the first ``played_ms`` milliseconds were played: the rest was not heard."""

    message_id: MessageId
    played_ms: int
    ref: str = ""


@dataclass(frozen=True, slots=True)
class ReportPlayed:
    """The client has played so much of a reply's audio, in milliseconds since its first sample, and plays on."""

    turn_id: TurnId
    played_ms: int


@dataclass(frozen=True, slots=True)
class AllowTool:
    """The user was asked whether a tool may run, and has answered."""

    call_id: str
    allowed: bool
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Ends the reply that runs.

    Attributes:
        played_ms: How much of its audio the user has heard, in milliseconds since the first sample; None if the
            client cannot tell, then it is what could have been played since.
        turn_id: Which reply, as there may be some apart; None: the one of the conversation.
    """

    played_ms: int | None = None
    turn_id: TurnId | None = None


Command: TypeAlias = (
    Configure
    | AppendAudio
    | CommitAudio
    | ClearAudio
    | SendText
    | Say
    | CreateReply
    | AddMessage
    | DeleteMessage
    | TruncateReply
    | ReportPlayed
    | AllowTool
    | Interrupt
)
