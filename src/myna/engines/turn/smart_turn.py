"""Smart Turn v3 on onnxruntime: whether an utterance is over, from how it sounds."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from myna.core.audio import HEARING_RATE
from myna.core.errors import BadAudio
from myna.engines.base import Resources, Samples, TurnDetector
from myna.engines.onnx import OnnxSession, load_onnxruntime, open_onnx
from myna.engines.scheduler import Scheduler, Urgency

HEARD_S = 8
"""The model hears so much: the end of what is longer, and silence before what is shorter."""

_HEARD = HEARD_S * HEARING_RATE
_LEAST_VARIANCE = 1e-7  # as the model was trained, by ``transformers.WhisperFeatureExtractor``


class SmartTurnOptions(BaseModel):
    """``[smart_turn]``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(default="smart-turn-v3.2", description="A catalog name, or the path of an ONNX file.")


def level(samples: Samples) -> Samples:
    """The last `HEARD_S` of ``samples``, with zeros before what is shorter, at mean 0 and variance 1 over all of it.

    Any loudness gives the same. Source: ``inference.py`` of the model's project, pipecat-ai/smart-turn.
    """
    heard = np.zeros(_HEARD, np.float32)
    if len(last := samples[-_HEARD:]):
        heard[-len(last) :] = last
    return (heard - heard.mean()) / np.sqrt(heard.var() + np.float32(_LEAST_VARIANCE))


@dataclass(frozen=True, slots=True)
class _Loaded:
    session: OnnxSession
    log_mel: Callable[[Samples], NDArray[np.float32]]

    def judge(self, samples: Samples) -> float:
        (probability,) = self.session.run(None, {"input_features": self.log_mel(level(samples))[np.newaxis]})
        return float(probability[0, 0])  # a sigmoid is in the model, though its output is called logits


class SmartTurnDetector:
    """A `myna.engines.base.TurnDetector`. Made by `plugin`. It does not look at the text."""

    sample_rate = HEARING_RATE

    def __init__(self, loaded: _Loaded, scheduler: Scheduler) -> None:
        self._loaded = loaded
        self._scheduler = scheduler

    async def completeness(self, samples: Samples, text: str) -> float:
        """The probability that the utterance is complete. Takes 50 ms of one core, however long the utterance is.

        Raises:
            BadAudio: Values that are no numbers.
        """
        last = samples[-_HEARD:].copy()  # who goes on to fill a buffer does not change what is judged
        if not np.isfinite(last).all():
            raise BadAudio("The samples hold values that are no numbers.", hint="Check what recorded them.")
        return await self._scheduler.run(partial(self._loaded.judge, last), urgency=Urgency.HEARING)


def log_mel_of() -> Callable[[Samples], NDArray[np.float32]]:
    """What makes Whisper's log-mel features, 80 bins × 800 frames, of `HEARD_S` of samples. Slow: it imports much."""
    load_onnxruntime()
    from faster_whisper.feature_extractor import FeatureExtractor  # noqa: PLC0415 - heavy, and only after onnxruntime

    extractor = cast(Callable[..., NDArray[np.float32]], FeatureExtractor(chunk_length=HEARD_S))
    return partial(extractor, padding=0)


def _load(path: Path) -> _Loaded:
    loaded = _Loaded(open_onnx(path, threads=1), log_mel_of())
    loaded.judge(np.zeros(0, np.float32))  # the first is slow
    return loaded


class SmartTurnPlugin:
    """Opens `SmartTurnDetector`."""

    options_model = SmartTurnOptions

    def weights(self, options: SmartTurnOptions) -> tuple[str, ...]:
        """The model."""
        return (options.model,)

    @asynccontextmanager
    async def open(self, options: SmartTurnOptions, resources: Resources) -> AsyncGenerator[TurnDetector]:
        """Load the model: some 30 MB."""
        load = partial(_load, resources.weights.locate(options.model))
        yield SmartTurnDetector(await resources.scheduler.run(load), resources.scheduler)


plugin = SmartTurnPlugin()
