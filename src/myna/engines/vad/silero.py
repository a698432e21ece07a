"""Silero VAD on onnxruntime: one session for the process, a small state per stream."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from myna.core.audio import HEARING_RATE
from myna.engines.base import VAD, Resources, Samples, VADInfo
from myna.engines.onnx import OnnxSession, open_onnx
from myna.engines.scheduler import Scheduler

FRAME = 512
"""Samples that are judged at a time, 32 ms."""

_CONTEXT = 64
"""Samples of the frame before that the model wants to see again; from ``silero_vad/utils_vad.py``."""

_RATE = np.array(HEARING_RATE, np.int64)
_INLINE_FRAMES = 8
_STEP_FRAMES = 1024


class SileroOptions(BaseModel):
    """``[silero]``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(default="silero-vad", description="A catalog name, or the path of an ONNX file.")


@dataclass(frozen=True, slots=True)
class _Memory:
    """What the model carries from a frame to the next."""

    state: NDArray[np.float32] = field(default_factory=lambda: np.zeros((2, 1, 128), np.float32))
    context: Samples = field(default_factory=lambda: np.zeros(_CONTEXT, np.float32))


def _judge(session: OnnxSession, memory: _Memory, frames: Samples) -> tuple[list[float], _Memory]:
    state, context = memory.state, memory.context
    probabilities: list[float] = []
    for frame in frames:
        seen = np.concatenate([context, frame])[np.newaxis]
        probability, state = session.run(None, {"input": seen, "state": state, "sr": _RATE})
        context = frame[-_CONTEXT:]
        probabilities.append(float(probability[0, 0]))
    return probabilities, _Memory(state, context.copy())  # a view would keep all that was fed


class _SileroStream:
    def __init__(self, session: OnnxSession, scheduler: Scheduler) -> None:
        self._session = session
        self._scheduler = scheduler
        self.reset()

    def reset(self) -> None:
        """Forget what was fed."""
        self._memory = _Memory()
        self._rest = np.zeros(0, np.float32)

    async def feed(self, samples: Samples) -> Sequence[float]:
        """Give the probabilities of the frames that became whole."""
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) - len(samples) % FRAME
        frames, self._rest = samples[:whole].reshape(-1, FRAME), samples[whole:].copy()
        if len(frames) <= _INLINE_FRAMES:
            # A frame takes 0.1 ms, no more than handing it to a thread and back does.
            probabilities, self._memory = _judge(self._session, self._memory, frames)
            return probabilities
        everything: list[float] = []
        for first in range(0, len(frames), _STEP_FRAMES):
            step = partial(_judge, self._session, self._memory, frames[first : first + _STEP_FRAMES])
            probabilities, self._memory = await self._scheduler.run(step)
            everything += probabilities
        return everything


class SileroVAD:
    """A `myna.engines.base.VAD`. Made by `plugin`."""

    info = VADInfo("silero-vad", HEARING_RATE, FRAME)

    def __init__(self, session: OnnxSession, scheduler: Scheduler) -> None:
        self._session = session
        self._scheduler = scheduler

    def stream(self) -> _SileroStream:
        """A new stream: about 2 KiB."""
        return _SileroStream(self._session, self._scheduler)


class SileroPlugin:
    """Opens `SileroVAD`."""

    options_model = SileroOptions

    def weights(self, options: SileroOptions) -> tuple[str, ...]:
        """The model."""
        return (options.model,)

    @asynccontextmanager
    async def open(self, options: SileroOptions, resources: Resources) -> AsyncGenerator[VAD]:
        """Load the model."""
        load = partial(open_onnx, resources.weights.locate(options.model), threads=1)
        yield SileroVAD(await resources.scheduler.run(load), resources.scheduler)


plugin = SileroPlugin()
