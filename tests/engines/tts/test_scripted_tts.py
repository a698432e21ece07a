import pytest

from myna.core.errors import EngineUnavailable
from myna.engines.base import VoiceStyle
from myna.testing.clock import on_virtual_clock
from myna.testing.conformance.tts import TTSConformance, speak
from myna.testing.llm import HANG, Pause
from myna.testing.tts import ScriptedTTS


class TestScriptedTTS(TTSConformance):
    @pytest.fixture
    def tts(self) -> ScriptedTTS:
        return ScriptedTTS(voices=("bird",))

    @pytest.fixture
    def style(self) -> VoiceStyle:
        return VoiceStyle("bird")


@on_virtual_clock
async def test_scripts_are_played_in_order_and_the_last_one_from_then_on() -> None:
    tts = ScriptedTTS([], [EngineUnavailable("No voice.")], [Pause(60)])
    assert await speak(tts, "One.", VoiceStyle("any"))
    with pytest.raises(EngineUnavailable):
        await speak(tts, "Two.", VoiceStyle("any"))
    for _ in range(2):
        assert await speak(tts, "Three.", VoiceStyle("any"))
    assert [call.text for call in tts.calls] == ["One.", "Two.", "Three.", "Three."]


@on_virtual_clock
async def test_a_hanging_voice_hangs() -> None:
    with pytest.raises(TimeoutError):
        await speak(ScriptedTTS([HANG]), "One.", VoiceStyle("any"))
