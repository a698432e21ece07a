"""Silero VAD on onnxruntime: one session for the process, a small state per stream."""

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import anyio.lowlevel
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
_FEW = 64  # 2 s: no more work than handing them to a thread and back, and between two of them others go on
_MOST_TOGETHER = 32  # 1.5 ms, while nothing else goes on
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


_NEW = _Memory()
_NO_SAMPLES = np.zeros(0, np.float32)


@dataclass(slots=True, eq=False)
class _Frame:
    """A frame of a stream, before and after it is judged."""

    samples: Samples
    memory: _Memory
    probability: float = math.nan
    judged: bool = False


def _judge(session: OnnxSession, frames: Sequence[_Frame]) -> None:
    """Judge frames of different streams at once."""
    seen = np.concatenate([part for frame in frames for part in (frame.memory.context, frame.samples)])
    before = np.concatenate([frame.memory.state for frame in frames], axis=1)
    probabilities, after = session.run(None, {"input": seen.reshape(len(frames), -1), "state": before, "sr": _RATE})
    for place, frame in enumerate(frames):
        # Copies: a view would keep all that was fed, or what all the others are to remember.
        frame.memory = _Memory(after[:, place : place + 1].copy(), frame.samples[-_CONTEXT:].copy())
        frame.probability = float(probabilities[place, 0])
        frame.judged = True


def _judge_in_order(session: OnnxSession, memory: _Memory, frames: Samples) -> tuple[list[float], _Memory]:
    """Judge frames of one stream."""
    probabilities: list[float] = []
    for samples in frames:
        _judge(session, [frame := _Frame(samples, memory)])
        probabilities.append(frame.probability)
        memory = frame.memory
    return probabilities, memory


class _Together:
    """Judges at once what all streams were fed in one tick of the event loop.

    A frame takes 0.11 ms alone and half as long among eight. The busier the loop, the more frames come in a tick:
    200 streams are judged without delay that fall behind by seconds when they are judged one after the other.
    """

    def __init__(self, session: OnnxSession) -> None:
        self._session = session
        self._waiting: dict[_Frame, None] = {}

    async def judge(self, frame: _Frame) -> float:
        self._waiting[frame] = None
        try:
            await anyio.lowlevel.checkpoint()  # meanwhile others add theirs, and the first of all judges them
            while not frame.judged:
                together = list(islice(self._waiting, _MOST_TOGETHER))
                _judge(self._session, together)
                for each in together:
                    del self._waiting[each]
            return frame.probability
        finally:
            self._waiting.pop(frame, None)


class _SileroStream:
    __slots__ = ("_memory", "_rest", "_scheduler", "_session", "_together")

    def __init__(self, session: OnnxSession, scheduler: Scheduler, together: _Together) -> None:
        self._session = session
        self._scheduler = scheduler
        self._together = together
        self.reset()

    def reset(self) -> None:
        """Forget what was fed."""
        self._memory = _NEW
        self._rest = _NO_SAMPLES

    async def feed(self, samples: Samples) -> Sequence[float]:
        """Give the probabilities of the frames that became whole."""
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) - len(samples) % FRAME
        frames, self._rest = samples[:whole].reshape(-1, FRAME), samples[whole:].copy()
        return await (self._judge_few(frames) if len(frames) <= _FEW else self._judge_many(frames))

    async def _judge_few(self, frames: Samples) -> Sequence[float]:
        probabilities: list[float] = []
        for samples in frames:
            frame = _Frame(samples, self._memory)
            probabilities.append(await self._together.judge(frame))
            self._memory = frame.memory
        return probabilities

    async def _judge_many(self, frames: Samples) -> Sequence[float]:
        everything: list[float] = []
        for first in range(0, len(frames), _STEP_FRAMES):
            step = partial(_judge_in_order, self._session, self._memory, frames[first : first + _STEP_FRAMES])
            probabilities, self._memory = await self._scheduler.run(step)
            everything += probabilities
        return everything


class SileroVAD:
    """A `myna.engines.base.VAD`. Made by `plugin`."""

    info = VADInfo("silero-vad", HEARING_RATE, FRAME)

    def __init__(self, session: OnnxSession, scheduler: Scheduler) -> None:
        self._session = session
        self._scheduler = scheduler
        self._together = _Together(session)

    def stream(self) -> _SileroStream:
        """A new stream: next to nothing until it is fed, 3 KiB from then on."""
        return _SileroStream(self._session, self._scheduler, self._together)


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
