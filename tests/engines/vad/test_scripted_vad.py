import anyio
import numpy as np
import pytest

from myna.core.errors import EngineUnavailable
from myna.engines.base import VAD, Samples
from myna.testing.clock import on_virtual_clock
from myna.testing.conformance.vad import VADConformance
from myna.testing.llm import HANG, Pause
from myna.testing.vad import FRAME, ScriptedVAD

LOUD = np.ones(FRAME, np.float32)


class TestScriptedVAD(VADConformance):
    @pytest.fixture
    def vad(self) -> VAD:
        return ScriptedVAD()

    @pytest.fixture
    def speech(self) -> Samples:
        return np.random.default_rng(0).uniform(-1, 1, 50_001).astype(np.float32)


@pytest.mark.anyio
async def test_a_frame_is_speech_if_any_of_it_is_loud():
    samples = np.zeros(3 * FRAME, np.float32)
    samples[2 * FRAME - 1] = 0.02
    assert await ScriptedVAD().stream().feed(samples) == [0, 1, 0]


@on_virtual_clock
async def test_it_takes_its_time():
    began = anyio.current_time()
    assert await ScriptedVAD(before=Pause(3)).stream().feed(LOUD) == [1]
    assert anyio.current_time() - began == 3


@on_virtual_clock
async def test_it_hangs():
    with pytest.raises(TimeoutError), anyio.fail_after(3600):
        await ScriptedVAD(before=HANG).stream().feed(LOUD)


@pytest.mark.anyio
async def test_it_fails():
    with pytest.raises(EngineUnavailable, match="gone"):
        await ScriptedVAD(before=EngineUnavailable("gone")).stream().feed(LOUD)
