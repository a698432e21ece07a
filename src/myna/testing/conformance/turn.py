"""What every turn detector must do.

::

    class TestMyTurnDetector(TurnDetectorConformance):
        @pytest.fixture(scope="class")
        async def detector(self, anyio_backend):
            async with open_my_turn_detector() as detector:
                yield detector

        @pytest.fixture
        def complete(self):
            return Said(samples_of_a_sentence, "What time is it?")

        @pytest.fixture
        def cut_off(self):
            return Said(samples_of_half_a_sentence, "What time")
"""

from contextlib import suppress
from dataclasses import dataclass

import anyio
import numpy as np
import pytest

from myna.core.errors import BadAudio
from myna.engines.base import Samples, TurnDetector
from myna.testing.conformance.giving_up import give_up

PATIENCE_S = 60.0
"""What takes longer hangs."""


@dataclass(frozen=True, slots=True)
class Said:
    """An utterance, or its beginning, at the engine's sample rate."""

    samples: Samples
    text: str


async def judge(detector: TurnDetector, said: Said) -> float:
    """How complete it is; that it is a probability is checked on the way."""
    with anyio.fail_after(PATIENCE_S):
        probability = await detector.completeness(said.samples, said.text)
    assert 0 <= probability <= 1
    return probability


@pytest.mark.anyio
class TurnDetectorConformance:
    """Derive from it and override the fixtures ``detector``, ``complete`` and ``cut_off``."""

    @pytest.fixture(scope="class")
    @classmethod
    def anyio_backend(cls) -> str:
        """The event loop that the engine runs on."""
        return "asyncio"

    @pytest.fixture
    def detector(self) -> TurnDetector:
        """The engine, open."""
        raise NotImplementedError("override the fixture detector")

    @pytest.fixture
    def complete(self) -> Said:
        """A sentence that is over."""
        raise NotImplementedError("override the fixture complete")

    @pytest.fixture
    def cut_off(self) -> Said:
        """A sentence that goes on."""
        raise NotImplementedError("override the fixture cut_off")

    async def test_a_whole_sentence_is_complete_and_one_that_breaks_off_is_not(
        self, detector: TurnDetector, complete: Said, cut_off: Said
    ):
        assert await judge(detector, complete) > 0.5 > await judge(detector, cut_off)

    @pytest.mark.parametrize("seconds", [0, 1e-4, 0.02, 0.5, 7.99, 8.01, 60])
    @pytest.mark.parametrize("text", ["", "你好"])
    async def test_audio_of_any_length_is_judged(self, detector: TurnDetector, seconds: float, text: str):
        samples = np.random.default_rng(0).uniform(-0.1, 0.1, int(seconds * detector.sample_rate)).astype(np.float32)
        await judge(detector, Said(samples, text))

    async def test_the_same_gives_the_same(self, detector: TurnDetector, complete: Said):
        assert await judge(detector, complete) == await judge(detector, complete)

    async def test_the_samples_are_left_as_they_are(self, detector: TurnDetector, complete: Said):
        before = complete.samples.copy()
        await judge(detector, complete)
        assert np.array_equal(complete.samples, before)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    async def test_values_that_are_no_numbers_are_bad_audio_or_judged_and_harm_nobody(
        self, detector: TurnDetector, complete: Said, value: float
    ):
        samples = complete.samples.copy()
        samples[-1] = value
        with suppress(BadAudio):
            await judge(detector, Said(samples, complete.text))
        assert await judge(detector, complete) > 0.5

    async def test_calls_at_the_same_time_do_not_hear_each_other(
        self, detector: TurnDetector, complete: Said, cut_off: Said
    ):
        alone = await judge(detector, complete), await judge(detector, cut_off)
        judged: list[tuple[float, float]] = []

        async def one() -> None:
            judged.append((await judge(detector, complete), await judge(detector, cut_off)))

        async with anyio.create_task_group() as tasks:
            for _ in range(4):
                tasks.start_soon(one)
        assert judged == [alone] * 4

    async def test_after_a_call_was_cancelled_the_next_is_answered(self, detector: TurnDetector, complete: Said):
        alone = await judge(detector, complete)
        for _ in range(4):  # more than an engine would have slots to lose
            await give_up(detector.completeness(complete.samples, complete.text), after_s=0.005)
        assert await judge(detector, complete) == alone
