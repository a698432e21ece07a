import math
from collections.abc import AsyncGenerator
from pathlib import Path

import anyio
import numpy as np
import pytest
from numpy.typing import NDArray
from tests.engines.recordings import Recording, needs_recordings, recording, recordings

from myna.core.audio import HEARING_RATE
from myna.core.errors import BadAudio, WeightsDamaged
from myna.engines.base import Resources, Samples, TurnDetector
from myna.engines.scheduler import open_scheduler
from myna.engines.turn.smart_turn import HEARD_S, SmartTurnOptions, level, log_mel_of, plugin
from myna.testing.conformance.turn import Said, TurnDetectorConformance, judge
from myna.weights.locate import Weights

PAUSE = np.zeros(HEARING_RATE // 5, np.float32)
"""What is heard of the silence before anybody asks."""


def mel_filters() -> NDArray[np.float64]:
    """Slaney's triangles as librosa defines them: 80 between 0 and 8000 Hz, shape ``(80, 201)``."""

    def hertz(mel: float) -> float:
        return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)

    highest = 15 + 27 * math.log(8) / math.log(6.4)
    edges = [hertz(highest * step / 81) for step in range(82)]
    bins = np.linspace(0, HEARING_RATE / 2, 201)
    return np.array(
        [
            np.interp(bins, (low, middle, high), (0, 1, 0)) * 2 / (high - low)
            for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False)
        ]
    )


def log_mel(samples: Samples) -> NDArray[np.float64]:
    """Whisper's features by their definition: one frame after the other, in double precision."""
    around = np.pad(samples.astype(np.float64), 200, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    starts = range(0, len(samples), 160)
    power = np.array([np.abs(np.fft.rfft(around[start : start + 400] * window)) ** 2 for start in starts])
    log = np.log10(np.maximum(mel_filters() @ power.T, 1e-10))
    return (np.maximum(log, log.max() - 8) + 4) / 4


@pytest.mark.parametrize("seconds", [0, 3, HEARD_S])
def test_the_features_are_those_of_the_definition(seconds: int):
    time_s = np.arange(seconds * HEARING_RATE) / HEARING_RATE
    sweep = (np.sin(2 * np.pi * (100 + 400 * time_s) * time_s) * np.exp(-time_s)).astype(np.float32)
    features = log_mel_of()(level(sweep))
    assert features.shape == (80, 800)
    assert features.dtype == np.float32
    assert features == pytest.approx(log_mel(level(sweep)), abs=1e-3)


def test_the_end_of_what_is_long_is_heard_and_silence_before_what_is_short():
    long = np.random.default_rng(0).normal(size=10 * HEARING_RATE).astype(np.float32)
    assert np.array_equal(level(long), level(long[2 * HEARING_RATE :]))
    short = level(long[:100])
    assert len(short) == HEARD_S * HEARING_RATE
    assert np.ptp(short[:-100]) == 0
    assert np.corrcoef(short[-100:], long[:100])[0, 1] == pytest.approx(1)


def test_loudness_does_not_matter():
    samples = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    assert level(samples) == pytest.approx(level(samples / np.float32(4)), abs=0.01)


@pytest.mark.models
@needs_recordings
class TestSmartTurnDetector(TurnDetectorConformance):
    @pytest.fixture(scope="class")
    async def detector(self, anyio_backend: str, weights: Weights) -> AsyncGenerator[TurnDetector]:
        async with (
            open_scheduler({"cpu": 2}) as scheduler,
            plugin.open(SmartTurnOptions(), Resources(weights, scheduler)) as detector,
        ):
            yield detector

    @pytest.fixture
    def complete(self) -> Said:
        return self.said("SSB01490418.wav", 1)

    @pytest.fixture
    def cut_off(self) -> Said:
        return self.said("SSB01490418.wav", 0.7)

    def said(self, name: str, part: float) -> Said:
        samples = recording(name).samples
        return Said(np.concatenate([samples[: int(part * len(samples))], PAUSE]), "")

    @pytest.mark.parametrize("each", recordings(), ids=str)
    async def test_what_everybody_has_said_to_the_end_is_complete(self, detector: TurnDetector, each: Recording):
        assert await judge(detector, Said(each.samples, each.text)) > 0.5

    @pytest.mark.parametrize(("name", "part"), [("SSB00050112.wav", 0.4), ("SSB00110401.wav", 0.7)])
    async def test_what_breaks_off_goes_on(self, detector: TurnDetector, name: str, part: float):
        assert await judge(detector, self.said(name, part)) < 0.2

    async def test_values_that_are_no_numbers_are_refused(self, detector: TurnDetector):
        with pytest.raises(BadAudio):
            await detector.completeness(np.full(100, np.nan, np.float32), "")

    async def test_a_buffer_may_be_filled_on_while_it_is_judged(self, detector: TurnDetector, complete: Said):
        alone = await judge(detector, complete)
        buffer = complete.samples.copy()
        judged: list[float] = []

        async def ask() -> None:
            judged.append(await detector.completeness(buffer, ""))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await anyio.lowlevel.checkpoint()
            buffer[:] = 0
        assert judged == [alone]


@pytest.mark.models
@pytest.mark.anyio
async def test_a_file_that_is_no_model_is_refused_by_name(tmp_path: Path, weights: Weights):
    path = tmp_path / "turn.onnx"
    path.write_bytes(b"no model")
    async with open_scheduler({"cpu": 1}) as scheduler:
        with pytest.raises(WeightsDamaged, match=r"turn\.onnx"):
            async with plugin.open(SmartTurnOptions(model=str(path)), Resources(weights, scheduler)):
                pass
