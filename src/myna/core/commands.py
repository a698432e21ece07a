"""What a client does, as verbs. A closed union: every ``match`` over it ends in ``assert_never``."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class AppendAudio:
    """Adds to what the user is saying.

    Attributes:
        pcm: 16-bit little-endian mono, 16 kHz. A whole number of samples.
    """

    pcm: bytes


@dataclass(frozen=True, slots=True)
class CommitAudio:
    """The utterance is over: hear it and answer. Ends a reply that still runs, as ``SendText`` does."""


@dataclass(frozen=True, slots=True)
class SendText:
    """The user typed an utterance: answer it. A reply that still runs is interrupted first."""

    text: str


@dataclass(frozen=True, slots=True)
class Interrupt:
    """Ends the reply that runs.

    Attributes:
        played_ms: How much of its audio the user has heard, in milliseconds since the first sample; None if the
            client cannot tell, then it is what could have been played since.
    """

    played_ms: int | None = None


Command: TypeAlias = AppendAudio | CommitAudio | SendText | Interrupt
