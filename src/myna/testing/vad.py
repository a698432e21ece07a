"""A VAD that takes what is loud for speech."""

import math
from collections.abc import Sequence

import anyio
import numpy as np

from myna.core.audio import HEARING_RATE
from myna.core.errors import MynaError
from myna.engines.base import Samples, VADInfo
from myna.testing.llm import Pause

FRAME = 512


class _ScriptedStream:
    def __init__(self, before: Pause | MynaError | None) -> None:
        self._before = before
        self._rest = np.zeros(0, np.float32)

    async def feed(self, samples: Samples) -> Sequence[float]:
        match self._before:
            case None:
                pass
            case Pause(math.inf):
                await anyio.sleep_forever()
            case Pause(seconds):
                await anyio.sleep(seconds)
            case MynaError():
                raise self._before
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) - len(samples) % FRAME
        self._rest = samples[whole:]
        return [float(np.abs(frame).max() >= LOUD) for frame in samples[:whole].reshape(-1, FRAME)]

    def reset(self) -> None:
        self._rest = np.zeros(0, np.float32)


LOUD = 0.01


class ScriptedVAD:
    """Gives a frame that reaches `LOUD` the probability 1 and any other 0.

    Args:
        before: What every ``feed`` does first: take its time, hang, or fail.
    """

    info = VADInfo(model="scripted", sample_rate=HEARING_RATE, frame_samples=FRAME)

    def __init__(self, before: Pause | MynaError | None = None) -> None:
        self._before = before

    def stream(self) -> _ScriptedStream:
        """A new stream."""
        return _ScriptedStream(self._before)
