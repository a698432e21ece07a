"""What every VAD engine must do.

::

    class TestMyVAD(VADConformance):
        @pytest.fixture(scope="class")
        async def vad(self, anyio_backend):
            async with open_my_vad() as vad:
                yield vad

        @pytest.fixture
        def speech(self):
            return some_seconds_of_speech
"""

from collections.abc import Sequence

import anyio
import numpy as np
import pytest

from myna.engines.base import VAD, Samples

PATIENCE_S = 60.0
"""What takes longer hangs."""


async def judge(vad: VAD, samples: Samples, *cuts: int) -> list[float]:
    """The probabilities of all frames, the samples being fed in pieces cut at ``cuts``."""
    stream = vad.stream()
    with anyio.fail_after(PATIENCE_S):
        return [each for piece in np.split(samples, sorted(cuts)) for each in await stream.feed(piece)]


def median(probabilities: Sequence[float]) -> float:
    """The middle one."""
    return float(np.median(probabilities))


@pytest.mark.anyio
class VADConformance:
    """Derive from it and override the fixtures ``vad`` and ``speech``."""

    @pytest.fixture(scope="class")
    @classmethod
    def anyio_backend(cls) -> str:
        """The event loop that the engine runs on."""
        return "asyncio"

    @pytest.fixture
    def vad(self) -> VAD:
        """The engine, open."""
        raise NotImplementedError("override the fixture vad")

    @pytest.fixture
    def speech(self) -> Samples:
        """A few seconds of one person's speech, mostly without pauses, at the engine's sample rate."""
        raise NotImplementedError("override the fixture speech")

    async def test_it_says_what_it_is(self, vad: VAD):
        assert vad.info.model
        assert vad.info.sample_rate > 0
        assert vad.info.frame_samples > 0

    async def test_speech_is_likely_speech_and_silence_is_not(self, vad: VAD, speech: Samples):
        assert median(await judge(vad, speech)) > 0.7
        assert median(await judge(vad, np.zeros_like(speech))) < 0.2

    async def test_there_is_a_probability_for_each_whole_frame(self, vad: VAD, speech: Samples):
        probabilities = await judge(vad, speech)
        assert len(probabilities) == len(speech) // vad.info.frame_samples
        assert all(0 <= each <= 1 for each in probabilities)

    async def test_no_samples_make_no_frame(self, vad: VAD):
        assert list(await vad.stream().feed(np.zeros(0, np.float32))) == []

    async def test_any_chunking_gives_the_same_probabilities(self, vad: VAD, speech: Samples):
        whole = await judge(vad, speech)
        choose = np.random.default_rng(0)
        for pieces in (2, 7, 50, 1000):
            cuts = choose.integers(0, len(speech), pieces)
            assert await judge(vad, speech, *cuts) == pytest.approx(whole, abs=1e-5), sorted(cuts)

    async def test_streams_do_not_hear_each_other(self, vad: VAD, speech: Samples):
        alone = await judge(vad, speech)
        stream, other = vad.stream(), vad.stream()
        heard: list[float] = []
        with anyio.fail_after(PATIENCE_S):
            for piece in np.array_split(speech, 20):
                heard += await stream.feed(piece)
                await other.feed(piece[::-1].copy())
        assert heard == pytest.approx(alone, abs=1e-5)

    async def test_streams_fed_at_the_same_time_do_not_hear_each_other(self, vad: VAD, speech: Samples):
        alone = await judge(vad, speech)
        heard: list[list[float]] = []

        async def one() -> None:
            heard.append(await judge(vad, speech))

        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(one)
        assert heard == [pytest.approx(alone, abs=1e-5)] * 5

    async def test_after_reset_a_stream_is_as_new(self, vad: VAD, speech: Samples):
        stream = vad.stream()
        with anyio.fail_after(PATIENCE_S):
            await stream.feed(speech[: len(speech) // 2 + 1])
            stream.reset()
            again = list(await stream.feed(speech))
        assert again == pytest.approx(await judge(vad, speech), abs=1e-5)

    async def test_after_a_feed_was_cancelled_other_streams_go_on(self, vad: VAD, speech: Samples):
        alone = await judge(vad, speech)
        with anyio.CancelScope() as given_up:
            given_up.cancel()
            await vad.stream().feed(speech)
        assert await judge(vad, speech) == pytest.approx(alone, abs=1e-5)
