"""What every TTS engine must do.

::

    class TestMyTTS(TTSConformance):
        @pytest.fixture(scope="class")
        async def tts(self, anyio_backend):
            async with open_my_tts() as tts:
                yield tts

        @pytest.fixture
        def style(self):
            return VoiceStyle("my-voice")
"""

from contextlib import aclosing
from dataclasses import replace

import anyio
import numpy as np
import pytest

from myna.core.errors import UnknownName
from myna.engines.base import TTS, Samples, VoiceStyle
from myna.testing.conformance.giving_up import give_up

PATIENCE_S = 120.0
"""What takes longer hangs."""


async def speak(tts: TTS, text: str, style: VoiceStyle) -> list[Samples]:
    """The pieces of audio; every rule for them is checked on the way."""
    pieces: list[Samples] = []
    last_mark_ms = 0.0
    last_offset = 0
    with anyio.fail_after(PATIENCE_S):
        async with aclosing(tts.synthesize(text, style)) as stream:
            async for speech in stream:
                assert speech.samples.dtype == np.float32
                assert speech.samples.ndim == 1
                assert len(speech.samples)
                assert np.all(np.isfinite(speech.samples))
                assert float(np.max(np.abs(speech.samples))) <= 1
                assert tts.info.marks or not speech.marks
                for mark in speech.marks:
                    assert last_mark_ms <= mark.time_ms
                    assert last_offset <= mark.offset <= len(text)
                    last_mark_ms, last_offset = mark.time_ms, mark.offset
                pieces.append(speech.samples)
    return pieces


async def length(tts: TTS, text: str, style: VoiceStyle) -> int:
    """How many samples it takes to say ``text``."""
    return sum(map(len, await speak(tts, text, style)))


@pytest.mark.anyio
class TTSConformance:
    """Derive from it, and give it the fixtures ``tts`` and ``style``."""

    @pytest.mark.parametrize("text", ["", " ", "……", "!?", "\x00", "🎉"])
    async def test_what_cannot_be_spoken_gives_no_audio(self, tts: TTS, style: VoiceStyle, text: str):
        assert await speak(tts, text, style) == []

    @pytest.mark.parametrize("text", ["你好。", "Hello.", "我用 Python 写程序。", "Say 你好 to her."])
    async def test_chinese_english_and_both_together_are_spoken(self, tts: TTS, style: VoiceStyle, text: str):
        assert await length(tts, text, style) > tts.info.sample_rate / 10

    async def test_more_text_takes_longer(self, tts: TTS, style: VoiceStyle):
        short = await length(tts, "One two three.", style)
        assert await length(tts, "One two three four five six seven eight nine ten.", style) > 1.5 * short

    async def test_speed_is_a_factor_of_the_rate(self, tts: TTS, style: VoiceStyle):
        text = "The weather is fine today, so we go to the park."
        ratio = await length(tts, text, style) / await length(tts, text, replace(style, speed=style.speed * 1.25))
        assert ratio == pytest.approx(1.25, rel=0.15)

    async def test_a_long_text_is_spoken_to_its_end(self, tts: TTS, style: VoiceStyle):
        sentence = "The quick brown fox jumps over the lazy dog. "
        one = await length(tts, sentence, style)
        pieces = await speak(tts, sentence * 8, style)
        assert len(pieces) > 1
        assert sum(map(len, pieces)) > 6 * one

    async def test_an_unknown_voice_is_refused(self, tts: TTS, style: VoiceStyle):
        with pytest.raises(UnknownName, match="no-such-voice"):
            await speak(tts, "Hello.", replace(style, voice="no-such-voice"))

    async def test_a_request_that_is_given_up_leaves_the_engine_usable(self, tts: TTS, style: VoiceStyle):
        async with aclosing(tts.synthesize("One two three. " * 50, style)) as stream:
            await anext(stream)
        await give_up(speak(tts, "One two three. " * 50, style), after_s=0.01)
        assert await length(tts, "Hello.", style)

    async def test_requests_at_the_same_time_do_not_mix(self, tts: TTS, style: VoiceStyle):
        texts = ["Hello.", "The weather is fine today, so we go to the park.", "你好，很高兴见到你。"]
        alone = [await length(tts, text, style) for text in texts]
        together = [0] * len(texts)

        async def say(place: int) -> None:
            together[place] = await length(tts, texts[place], style)

        async with anyio.create_task_group() as group:
            for place in range(len(texts)):
                group.start_soon(say, place)
        assert together == pytest.approx(alone, rel=0.05)
