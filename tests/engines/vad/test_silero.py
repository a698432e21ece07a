import tracemalloc
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.engines.noises import NOISES
from tests.engines.recordings import Recording, needs_recordings, recording, recordings

from myna.core.audio import HEARING_RATE
from myna.core.errors import WeightsDamaged
from myna.engines.base import VAD, Resources, Samples
from myna.engines.onnx import OnnxSession, open_onnx
from myna.engines.scheduler import Urgency, open_scheduler
from myna.engines.vad.silero import FRAME, SileroOptions, SileroVAD, plugin
from myna.testing.conformance.vad import VADConformance, judge
from myna.weights.locate import Weights

pytestmark = [pytest.mark.models, pytest.mark.anyio]


@needs_recordings
class TestSileroVAD(VADConformance):
    @pytest.fixture(scope="class")
    async def vad(self, anyio_backend: str, weights: Weights) -> AsyncGenerator[VAD]:
        async with (
            open_scheduler({"cpu": 2}) as scheduler,
            plugin.open(SileroOptions(), Resources(weights, scheduler)) as vad,
        ):
            yield vad

    @pytest.fixture
    def speech(self) -> Samples:
        return recording("SSB00180170.wav").samples

    @pytest.mark.parametrize("each", recordings(), ids=str)
    async def test_everybody_is_heard(self, vad: VAD, each: Recording):
        assert np.mean(np.array(await judge(vad, each.samples)) > 0.5) > 0.6

    @pytest.mark.parametrize("name", NOISES)
    @pytest.mark.parametrize("level", [0.02, 0.3])
    async def test_what_is_no_voice_is_no_speech(self, vad: VAD, name: str, level: float):
        sound = (NOISES[name](4) * level).astype(np.float32)
        assert np.mean(np.array(await judge(vad, sound)) > 0.5) < 0.1

    @given(cuts=st.lists(st.integers(0, 7 * HEARING_RATE), max_size=30))
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    async def test_however_it_is_cut_the_probabilities_are_the_same(self, vad: VAD, speech: Samples, cuts: list[int]):
        assert await judge(vad, speech, *cuts) == pytest.approx(await judge(vad, speech), abs=1e-5)

    async def test_a_stream_whose_feed_was_cancelled_can_be_reset_and_fed_again(self, vad: VAD, speech: Samples):
        stream = vad.stream()
        with anyio.move_on_after(0.002):
            await stream.feed(np.tile(speech, 20))
        stream.reset()
        assert await stream.feed(speech) == pytest.approx(await judge(vad, speech), abs=1e-5)


async def test_long_audio_is_judged_in_a_thread_so_that_others_go_on(weights: Weights):
    order: list[str] = []
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        plugin.open(SileroOptions(), Resources(weights, scheduler)) as vad,
        anyio.create_task_group() as tasks,
    ):

        async def judge_minutes() -> None:
            await vad.stream().feed(np.zeros(120 * HEARING_RATE, np.float32))
            order.append("minutes")

        async def judge_a_frame() -> None:
            await vad.stream().feed(np.zeros(FRAME, np.float32))
            order.append("frame")

        async def do_what_is_as_urgent() -> None:
            await scheduler.run(lambda: order.append("as urgent"), urgency=Urgency.HEARING)

        tasks.start_soon(judge_minutes)
        await anyio.lowlevel.checkpoint()
        tasks.start_soon(judge_a_frame)
        tasks.start_soon(do_what_is_as_urgent)
    assert sorted(order[:2]) == ["as urgent", "frame"]
    assert order[2:] == ["minutes"]


@dataclass
class Counting:
    """A session that notes how many frames it judges at a time."""

    session: OnnxSession
    batches: list[int] = field(default_factory=list[int])

    def get_providers(self) -> list[str]:
        return self.session.get_providers()

    def run(self, output_names: Sequence[str] | None, input_feed: Mapping[str, Any]) -> list[Any]:
        self.batches.append(len(input_feed["input"]))
        return self.session.run(output_names, input_feed)


@asynccontextmanager
async def counted(weights: Weights) -> AsyncGenerator[tuple[SileroVAD, list[int]]]:
    session = Counting(open_onnx(weights.locate("silero-vad"), threads=1))
    async with open_scheduler({"cpu": 1}) as scheduler:
        yield SileroVAD(session, scheduler), session.batches


def tones(count: int) -> list[Samples]:
    time_s = np.arange(3 * FRAME) / HEARING_RATE
    return [np.sin(2 * np.pi * 50 * (each + 1) * time_s).astype(np.float32) for each in range(count)]


async def test_what_many_streams_are_fed_at_the_same_time_is_judged_at_once(weights: Weights):
    async with counted(weights) as (vad, batches):
        alone = [await judge(vad, tone) for tone in tones(40)]
        batches.clear()
        heard: dict[int, list[float]] = {}

        async def one(place: int, tone: Samples) -> None:
            heard[place] = await judge(vad, tone)

        async with anyio.create_task_group() as tasks:
            for place, tone in enumerate(tones(40)):
                tasks.start_soon(one, place, tone)
        assert [heard[place] for place in range(40)] == [pytest.approx(each, abs=1e-5) for each in alone]
        assert sum(batches) == 3 * 40
        assert max(batches) == 32
        assert len(batches) <= 10


async def test_who_is_cancelled_while_others_are_fed_leaves_nothing_to_judge(weights: Weights):
    async with counted(weights) as (vad, batches):
        (tone,) = tones(1)
        with anyio.CancelScope() as given_up:
            given_up.cancel()
            await vad.stream().feed(tone)
        assert await judge(vad, tone) == await judge(vad, tone)
        assert batches == [1] * 6


async def test_a_stream_takes_no_memory_before_it_is_fed_and_little_after(weights: Weights):
    async with counted(weights) as (vad, _):
        await judge(vad, np.zeros(FRAME, np.float32))
        tracemalloc.start()
        try:
            streams = [vad.stream() for _ in range(200)]
            idle, _ = tracemalloc.get_traced_memory()
            async with anyio.create_task_group() as tasks:
                for stream in streams:
                    tasks.start_soon(stream.feed, np.zeros(FRAME + 100, np.float32))
            fed, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert idle / 200 < 300
    assert fed / 200 < 4000


async def test_a_file_that_is_no_model_is_refused_by_name(tmp_path: Path, weights: Weights):
    path = tmp_path / "vad.onnx"
    path.write_bytes(b"no model")
    async with open_scheduler({"cpu": 1}) as scheduler:
        with pytest.raises(WeightsDamaged, match=r"vad\.onnx"):
            async with plugin.open(SileroOptions(model=str(path)), Resources(weights, scheduler)):
                pass
