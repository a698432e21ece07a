"""What happened, as facts. A closed union: every ``match`` over it ends in ``assert_never``.

Every event carries the id of its turn, and nothing with a turn's id follows its ``TurnEnded``.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from myna.core.ids import TurnId
from myna.core.reply import Reply, Segment

Stage: TypeAlias = Literal["heard", "first_token", "first_segment", "first_audio", "reply", "turn"]
Outcome: TypeAlias = Literal["completed", "interrupted", "failed", "silent"]


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """An utterance was taken and is on disk, or is about to be heard."""

    turn_id: TurnId


@dataclass(frozen=True, slots=True)
class TranscriptFinal:
    """What the user said.

    Attributes:
        text: The transcript; empty when nothing was said.
        language: ISO 639-1 code, or None when nothing was said.
    """

    turn_id: TurnId
    text: str
    language: str | None


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
class StageTimed:
    """A stage of the turn was reached.

    Attributes:
        stage: ``heard`` (final text known), ``first_token`` (of the LLM), ``first_segment`` (whole, off to TTS),
            ``first_audio``, ``reply`` (the LLM has ended), ``turn`` (all is said).
        at_ms: Milliseconds since the utterance was committed.
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


Event: TypeAlias = (
    TurnStarted
    | TranscriptFinal
    | EmotionChanged
    | ReplyText
    | SegmentReady
    | ReplyAudio
    | StageTimed
    | Interrupted
    | Failed
    | TurnEnded
)
