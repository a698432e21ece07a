"""What hearing tells the session's owner. A closed union, in the order in which an utterance goes through it.

::

    Onset ─► SpeechBegan ─► PartialHeard … ─► Supposed ─► SpeechEnded ─► FinalHeard
      │                          ▲               │                       (or HearingFailed)
      └─► Dismissed              └─── Doubted ◄──┘

A VAD that fails tells `HearingFailed` with ids of its own. While nothing is thought out or spoken, `SpeechBegan` comes
with its `Onset`. `Supposed` and `Doubted` may come many times or never.
"""

from dataclasses import dataclass
from typing import TypeAlias

from myna.core.errors import MynaError
from myna.core.events import TranscriptPart
from myna.core.ids import MessageId, TurnId


@dataclass(frozen=True, slots=True)
class Utterance:
    """What was said, as far as it is known.

    Attributes:
        text: Empty when nothing was said.
        language: ISO 639-1 code, or None when nothing was said.
        parts: Where in all the audio what was said.
    """

    text: str
    language: str | None
    parts: tuple[TranscriptPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Onset:
    """The user may have begun to speak: what is spoken has to pause until it is decided."""

    turn_id: TurnId


@dataclass(frozen=True, slots=True)
class Dismissed:
    """It was nothing, or a backchannel: what paused goes on, and nothing was said."""

    turn_id: TurnId


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The user speaks, and means it: a reply is over. ``at_ms`` is in all the audio, the pre-roll included."""

    turn_id: TurnId
    utterance_id: MessageId
    at_ms: int


@dataclass(frozen=True, slots=True)
class PartialHeard:
    """Another text than before; ``stable`` characters of it will hardly change."""

    turn_id: TurnId
    utterance_id: MessageId
    text: str
    stable: int
    language: str | None


@dataclass(frozen=True, slots=True)
class Supposed:
    """There is a silence. If no speech follows, this is what was said; a reply may be prepared."""

    turn_id: TurnId
    utterance: Utterance


@dataclass(frozen=True, slots=True)
class Doubted:
    """Speech goes on: what was supposed is void."""

    turn_id: TurnId


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The utterance is over, for sure.

    Attributes:
        at_ms: Where its last speech ended, in all the audio.
        silence_ms: How much audio followed that until it was sure.
    """

    turn_id: TurnId
    utterance_id: MessageId
    at_ms: int
    silence_ms: float


@dataclass(frozen=True, slots=True)
class FinalHeard:
    """What was said in an utterance that is over. The same as was `Supposed` last, if that was not doubted."""

    turn_id: TurnId
    utterance_id: MessageId
    utterance: Utterance


@dataclass(frozen=True, slots=True)
class HearingFailed:
    """What was said in an utterance that is over cannot be known."""

    turn_id: TurnId
    utterance_id: MessageId
    error: MynaError


Note: TypeAlias = (
    Onset | Dismissed | SpeechBegan | PartialHeard | Supposed | Doubted | SpeechEnded | FinalHeard | HearingFailed
)
