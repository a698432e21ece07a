"""What a session finds in what it hears, for meters."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Listening: TypeAlias = Literal["silence", "speech", "waiting", "collecting"]
"""``waiting``: a silence within an utterance, which may be its end; ``collecting``: the client itself says when an
utterance is over."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """How probable a turn detector found it that an utterance is complete; ``at_ms`` is where in all the audio."""

    probability: float
    at_ms: int
