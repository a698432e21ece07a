"""What happened, as facts. A closed union: every ``match`` over it ends in ``assert_never``.

Every event of a turn carries its id, and nothing with a turn's id follows its ``TurnEnded``.

A spoken turn tells, in this order: `SpeechStarted`, `TranscriptPartial` …, `SpeechStopped`, `TurnStarted`,
`TranscriptFinal`; then, if it is answered, `ModelLoads`, `EngineFailedOver`, `EmotionChanged`, `ReplyText`,
`SegmentReady`, `ReplyAudio`, `ToolCalled`, `ToolStarted` and `ToolEnded` as they come, and `ReplyEnded`; `Interrupted`
if it was, and `TurnEnded`. Speech that interrupts a reply tells its `SpeechStarted` before the `Interrupted` and the
`TurnEnded` of the reply. What the audio of a client's own commit tells begins with `TurnStarted`. Speech that turns out
to be nothing, such as a cough, tells `TurnEnded` (``silent``) if its start was told, and else nothing at all.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from myna.core.ids import MemoryId, MessageId, TurnId
from myna.core.levels import Completeness, Listening
from myna.core.messages import Message
from myna.core.reply import Reply, Segment
from myna.core.tools import ToolCall, ToolResult

Stage: TypeAlias = Literal[
    "heard", "sure", "recalled", "first_token", "first_segment", "first_audio", "first_played", "reply", "turn"
]
Outcome: TypeAlias = Literal["completed", "interrupted", "failed", "silent"]


@dataclass(frozen=True, slots=True)
class LevelsHeard:
    """What was heard since the last one: one for each 100 ms of audio at most, to clients that ask. Of no turn.

    Attributes:
        level_dbfs: The level (RMS) up to ``at_ms`` of all the audio; full scale (a square wave) is 0, the least -100.
        speech: The highest probability of speech; it is speech from ``threshold`` on. None: no VAD was asked.
        waited_ms: How long it has waited; ``wait_ms``: the silence that would end the utterance as things are.
    """

    at_ms: int
    level_dbfs: float
    speech: float | None
    threshold: float
    state: Listening
    waited_ms: float | None = None
    wait_ms: float | None = None
    detector: Completeness | None = None


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The user speaks, and it interrupts whatever it may interrupt.

    Attributes:
        utterance_id: The message that the utterance will be.
        at_ms: Where in all the audio that was appended, in milliseconds; the pre-roll included.
    """

    turn_id: TurnId
    utterance_id: MessageId
    at_ms: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The utterance is over; ``at_ms`` as in `SpeechStarted`."""

    turn_id: TurnId
    utterance_id: MessageId
    at_ms: int


@dataclass(frozen=True, slots=True)
class TranscriptPartial:
    """What the user seems to have said so far; another text than the last.

    Attributes:
        text: All of it. What follows may change it.
        stable: How many of its characters will hardly change any more.
    """

    turn_id: TurnId
    utterance_id: MessageId
    text: str
    stable: int
    language: str | None


@dataclass(frozen=True, slots=True)
class IdleTimedOut:
    """Nobody spoke for so long that the assistant speaks by itself: comes before its `TurnStarted`.

    Attributes:
        start_ms: Where the silence began, in all the audio.
        end_ms: Where it became too long.
    """

    turn_id: TurnId
    utterance_id: MessageId
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """An utterance was taken, or a reply was asked for.

    Attributes:
        utterance_id: The message of the utterance; None if there is none.
        reply_id: The message that the reply will be; None if there will be none.
    """

    turn_id: TurnId
    utterance_id: MessageId | None
    reply_id: MessageId | None


@dataclass(frozen=True, slots=True)
class TranscriptPart:
    """A stretch of an utterance; ``start_ms`` and ``end_ms`` as in `SpeechStarted`."""

    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class TranscriptFinal:
    """What the user said; it will not change.

    Attributes:
        text: The transcript; empty when nothing was said.
        language: ISO 639-1 code, or None when nothing was said.
    """

    turn_id: TurnId
    text: str
    language: str | None
    parts: tuple[TranscriptPart, ...] = ()


@dataclass(frozen=True, slots=True)
class UsedMemory:
    """A memory that the model was told of, as its text was then."""

    id: MemoryId
    text: str


@dataclass(frozen=True, slots=True)
class MemoryUsed:
    """The model is told of these memories with the utterance. Comes before the reply, if any fit."""

    turn_id: TurnId
    memories: tuple[UsedMemory, ...]


@dataclass(frozen=True, slots=True)
class ModelLoads:
    """The reply waits for a model to be loaded; none of its limits runs meanwhile.

    Attributes:
        what: The model, and where, for people.
    """

    turn_id: TurnId
    what: str


@dataclass(frozen=True, slots=True)
class EngineFailedOver:
    """An LLM engine did not answer, so another one is asked. Comes once for each pair, before what the other one says.

    Attributes:
        engine: The one that did not.
        code: Why, as in `Failed`; ``message`` is the same for people.
        answers: The one that is asked now.
    """

    turn_id: TurnId
    engine: str
    code: str
    message: str
    answers: str


@dataclass(frozen=True, slots=True)
class EmotionChanged:
    """The reply goes on with this emotion. Comes before the text that it colours; always before the first text."""

    turn_id: TurnId
    emotion: str


@dataclass(frozen=True, slots=True)
class ReplyText:
    """A piece of the reply's display text, as soon as it is known."""

    turn_id: TurnId
    text: str


@dataclass(frozen=True, slots=True)
class SegmentReady:
    """A segment of the reply is whole. Its text was already sent in ``ReplyText``."""

    turn_id: TurnId
    segment: Segment


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """A piece of the reply's audio.

    Attributes:
        segment_index: The segment that it speaks.
        pcm: 16-bit little-endian mono at ``sample_rate``.
        sample_rate: In Hz; the same through a reply.
    """

    turn_id: TurnId
    segment_index: int
    pcm: bytes
    sample_rate: int


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The model calls a tool of the client's, which answers by adding a `myna.core.messages.ToolResultMessage`.

    Attributes:
        message_id: The message of the call.
    """

    turn_id: TurnId
    message_id: MessageId
    call: ToolCall


@dataclass(frozen=True, slots=True)
class ToolStarted:
    """The model calls a tool of the server's, which answers by itself.

    Attributes:
        message_id: The message of the call.
        call: With secrets in its arguments masked.
        asks: The user is asked first; `myna.core.commands.AllowTool` answers.
    """

    turn_id: TurnId
    message_id: MessageId
    call: ToolCall
    asks: bool = False


@dataclass(frozen=True, slots=True)
class ToolEnded:
    """A tool of the server's has ended, or goes on though the reply was interrupted; each `ToolStarted` has one.

    Attributes:
        result: With the status ``goes_on``, the end itself is not told: what came of it is kept in the conversation.
        took_ms: How long it ran by then, without the time that the user was asked.
    """

    turn_id: TurnId
    call_id: str
    name: str
    result: ToolResult
    took_ms: float


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """All of the reply has been sent. What was sent may still be played, and interrupted, until `TurnEnded`.

    Attributes:
        complete: Whether the model came to its end; else its limit of tokens cut it off.
        prompt_tokens: Tokens read, where the LLM tells; likewise ``completion_tokens``, those written, and
            ``cached_tokens``, those of the prompt that need not be read.
    """

    turn_id: TurnId
    complete: bool
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class PlaybackPaused:
    """The reply pauses, since the user may have begun to speak; no audio of it is sent until it resumes.

    Attributes:
        played_ms: How much of it had been played by then.
    """

    turn_id: TurnId
    played_ms: int


@dataclass(frozen=True, slots=True)
class PlaybackResumed:
    """It was nothing: the reply goes on where it paused."""

    turn_id: TurnId


@dataclass(frozen=True, slots=True)
class StageTimed:
    """A stage of the turn was reached.

    Attributes:
        stage: ``heard`` (final text known), ``sure`` (the utterance counted as over), ``recalled`` (it is known what
            memory has to it), ``first_token`` (of the LLM), ``first_segment`` (whole, off to TTS), ``first_audio``
            (sent), ``first_played`` (its first sample, as the client reports), ``reply`` (the LLM has ended), ``turn``
            (all is said).
        at_ms: Milliseconds since the utterance was over: since its last sample in an automatic turn, else since it was
            committed or sent.
    """

    turn_id: TurnId
    stage: Stage
    at_ms: float


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The reply was ended by the user.

    Attributes:
        heard: The part of the display text that was heard.
        played_ms: How much audio that is.
    """

    turn_id: TurnId
    heard: str
    played_ms: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The turn cannot go on. The session lives and answers the next one.

    Attributes:
        code: Stable, from ``myna.core.errors``.
        message: What went wrong.
        hint: What to do about it, or empty.
    """

    turn_id: TurnId
    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class TurnEnded:
    """The last event of its turn.

    Attributes:
        outcome: ``silent`` means that nothing was said, so nothing was answered.
        reply: What was answered, or None.
    """

    turn_id: TurnId
    outcome: Outcome
    reply: Reply | None


@dataclass(frozen=True, slots=True)
class MessageAdded:
    """A message was put into the conversation; ``after`` is the one before it, None if it is the first."""

    message: Message
    after: MessageId | None


@dataclass(frozen=True, slots=True)
class MessageDeleted:
    """A message was taken out of the conversation."""

    message_id: MessageId


@dataclass(frozen=True, slots=True)
class ReplyTruncated:
    """Of a reply only ``heard`` was heard, which is ``played_ms`` milliseconds of its audio."""

    message_id: MessageId
    heard: str
    played_ms: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A command could not be done; nothing has changed. ``ref`` is the command's."""

    ref: str
    code: str
    message: str
    hint: str


Event: TypeAlias = (
    LevelsHeard
    | SpeechStarted
    | SpeechStopped
    | TranscriptPartial
    | IdleTimedOut
    | TurnStarted
    | TranscriptFinal
    | MemoryUsed
    | ModelLoads
    | EngineFailedOver
    | EmotionChanged
    | ReplyText
    | SegmentReady
    | ReplyAudio
    | ToolCalled
    | ToolStarted
    | ToolEnded
    | ReplyEnded
    | PlaybackPaused
    | PlaybackResumed
    | StageTimed
    | Interrupted
    | Failed
    | TurnEnded
    | MessageAdded
    | MessageDeleted
    | ReplyTruncated
    | Refused
)
