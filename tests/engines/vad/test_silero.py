from collections.abc import AsyncGenerator
from pathlib import Path

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
from myna.engines.scheduler import Urgency, open_scheduler
from myna.engines.vad.silero import FRAME, SileroOptions, plugin
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

        async def do_what_is_more_urgent() -> None:
            await scheduler.run(lambda: order.append("urgent"), urgency=Urgency.SPEAKING)

        tasks.start_soon(judge_minutes)
        await anyio.lowlevel.checkpoint()
        tasks.start_soon(judge_a_frame)
        tasks.start_soon(do_what_is_more_urgent)
    assert order == ["frame", "urgent", "minutes"]


async def test_a_file_that_is_no_model_is_refused_by_name(tmp_path: Path, weights: Weights):
    path = tmp_path / "vad.onnx"
    path.write_bytes(b"no model")
    async with open_scheduler({"cpu": 1}) as scheduler:
        with pytest.raises(WeightsDamaged, match=r"vad\.onnx"):
            async with plugin.open(SileroOptions(model=str(path)), Resources(weights, scheduler)):
                pass
