import anyio
import numpy as np
import pytest

from myna.core.errors import EngineUnavailable
from myna.engines.base import TurnDetector
from myna.testing.clock import on_virtual_clock
from myna.testing.conformance.turn import Said, TurnDetectorConformance
from myna.testing.llm import HANG, Pause
from myna.testing.turn import ScriptedTurnDetector

SILENCE = np.zeros(0, np.float32)


class TextTurnDetector(ScriptedTurnDetector):
    """Judges by the last character, so that the suite's two sentences differ."""

    async def completeness(self, samples: np.ndarray, text: str) -> float:
        await super().completeness(samples, text)
        return 0.9 if text.endswith("?") else 0.1


class TestTextTurnDetector(TurnDetectorConformance):
    @pytest.fixture
    def detector(self) -> TurnDetector:
        return TextTurnDetector()

    @pytest.fixture
    def complete(self) -> Said:
        return Said(np.ones(10, np.float32), "What time is it?")

    @pytest.fixture
    def cut_off(self) -> Said:
        return Said(np.ones(5, np.float32), "What time")


@pytest.mark.anyio
async def test_each_call_gets_the_next_judgement_and_the_last_one_stays():
    detector = ScriptedTurnDetector(0.2, [0.4], 1)
    assert [await detector.completeness(SILENCE, text) for text in "abcd"] == [0.2, 0.4, 1, 1]
    assert [call.text for call in detector.calls] == ["a", "b", "c", "d"]
    assert await ScriptedTurnDetector().completeness(SILENCE, "") == 1


@on_virtual_clock
async def test_it_takes_its_time():
    began = anyio.current_time()
    assert await ScriptedTurnDetector([Pause(3), 0.5]).completeness(SILENCE, "") == 0.5
    assert anyio.current_time() - began == 3


@on_virtual_clock
async def test_it_hangs():
    with pytest.raises(TimeoutError), anyio.fail_after(3600):
        await ScriptedTurnDetector([HANG]).completeness(SILENCE, "")


@pytest.mark.anyio
async def test_it_fails():
    detector = ScriptedTurnDetector(EngineUnavailable("gone"), 0.3)
    with pytest.raises(EngineUnavailable, match="gone"):
        await detector.completeness(SILENCE, "")
    assert await detector.completeness(SILENCE, "") == 0.3
