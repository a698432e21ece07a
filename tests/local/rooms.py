"""Rooms: what comes back from a loudspeaker to a microphone."""

from dataclasses import dataclass

import numpy as np

from myna.core.audio import HEARING_RATE
from myna.engines.base import Samples


@dataclass(frozen=True, slots=True)
class Room:
    """How a loudspeaker is heard in it.

    Attributes:
        delay_ms: How late, devices included.
        gain: How much louder an echo is than what is played.
        reverberation_s: Until the echo is 60 dB down; the first sound is 6 dB louder than all that follows.
    """

    delay_ms: float = 60
    gain: float = 0.3
    reverberation_s: float = 0.3

    def response(self, rate: int = HEARING_RATE) -> Samples:
        rng = np.random.default_rng(1)
        length = int(self.reverberation_s * rate)
        rest = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
        rest[: rate // 500] = 0
        response = rest / np.linalg.norm(rest) / 2
        response[0] = 1
        delay = np.zeros(int(self.delay_ms / 1000 * rate))
        return np.concatenate([delay, response / np.linalg.norm(response) * self.gain]).astype(np.float32)

    def echo(self, played: Samples, rate: int = HEARING_RATE) -> Samples:
        response = self.response(rate)
        size = len(played) + len(response)
        echo = np.fft.irfft(np.fft.rfft(played, size) * np.fft.rfft(response, size), size)
        return echo[: len(played)].astype(np.float32)


def noise(samples: int, level: float = 3e-4) -> Samples:
    """Of a microphone and its room."""
    return (level * np.random.default_rng(2).standard_normal(samples)).astype(np.float32)


def level_db(samples: Samples) -> float:
    return float(10 * np.log10(np.mean(np.square(samples, dtype=np.float64)) + 1e-12))
