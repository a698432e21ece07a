"""What a client is shown of hearing while audio comes: levels, for meters. Counts audio, reads no clock."""

import math
from dataclasses import dataclass

import numpy as np

from myna.core.audio import BYTES_PER_SAMPLE, HEARING_RATE
from myna.core.events import LevelsHeard
from myna.core.levels import Completeness, Listening
from myna.engines.samples import from_pcm16
from myna.session.turn_taking import TurnTaking

EVERY_MS = 100
"""It can be read once for so much audio."""

QUIETEST_DBFS = -100.0

_EVERY = HEARING_RATE * EVERY_MS // 1000


@dataclass(slots=True)
class Meter:
    """Measures audio from one reading to the next."""

    _heard: int = 0  # samples in all
    _next: int = _EVERY
    _samples: int = 0
    _energy: float = 0.0
    _speech: float | None = None
    _detector: Completeness | None = None

    def hear(self, pcm: bytes, speech: float | None) -> None:
        """More audio, at 16 kHz, with the highest speech probability of its frames; None: nobody judged it."""
        samples = from_pcm16(pcm)
        self._heard += len(pcm) // BYTES_PER_SAMPLE
        self._samples += len(samples)
        self._energy += float(np.dot(samples, samples))
        if speech is not None:
            self._speech = max(speech, self._speech or 0.0)

    def detected(self, probability: float, at_ms: int) -> None:
        """The turn detector has answered."""
        self._detector = Completeness(probability, at_ms)

    @property
    def due(self) -> bool:
        """Whether there is enough for a reading."""
        return self._heard >= self._next

    def read(self, at_ms: int, rules: TurnTaking, *, automatic: bool) -> LevelsHeard:
        """What was heard since the last reading; ``automatic``: the rules say when an utterance is over."""
        waiting = rules.waiting if automatic else None
        state: Listening = "waiting" if waiting else "speech" if rules.speaking else "silence"
        levels = LevelsHeard(
            at_ms,
            _dbfs(self._energy / max(self._samples, 1)),
            self._speech,
            rules.preferences.speech_threshold,
            state if automatic else "collecting",
            *(waiting or (None, None)),
            self._detector,
        )
        self._next = (self._heard // _EVERY + 1) * _EVERY
        self._samples, self._energy, self._speech = 0, 0.0, None
        return levels


def _dbfs(power: float) -> float:
    return max(10 * math.log10(power), QUIETEST_DBFS) if power > 0 else QUIETEST_DBFS
