import math
from typing import Any, cast

import numpy as np
import pytest
from tests.doctor.scripted import choice

from myna.core.errors import EngineRefused
from myna.doctor.engines import CLAUSE_TOKENS, SENTENCES, Spoken, asr, embed, likeness, llm, reply, tts, turn, vad
from myna.engines.base import Finished, Resources, Samples, VoiceStyle
from myna.testing.asr import ScriptedASR
from myna.testing.clock import on_virtual_clock
from myna.testing.embed import ScriptedEmbedder
from myna.testing.llm import Pause, ScriptedLLM
from myna.testing.tts import ScriptedTTS
from myna.testing.turn import ScriptedTurnDetector
from myna.testing.vad import ScriptedVAD

NONE = cast(Resources, None)  # scripted engines need nothing


def tokens(first_s: float, each_s: float, count: int = 21) -> list[Any]:
    return [Pause(first_s), "一", *(step for _ in range(count - 1) for step in (Pause(each_s), "二"))]


def said(language: str = "zh", first_s: float = 0.5) -> dict[str, Spoken]:
    tone: Samples = np.sin(np.arange(48_000, dtype=np.float32) * np.float32(2 * math.pi * 300 / 24_000))
    return {language: Spoken(SENTENCES[language], tone, 24_000, first_s)}


# ------------------------------------------------------------------------------------------------------------- LLM


@on_virtual_clock
async def test_the_llm_is_timed_in_a_conversation_that_has_begun():
    timings: dict[str, float] = {}
    (found,) = await llm(choice(ScriptedLLM(tokens(1.5, 0.01), tokens(0.2, 0.05)), load_s=3), NONE, timings)
    assert found.verdict == "ok"
    assert found.figures["first_token_of_new_conversation_s"] == pytest.approx(1.5)
    assert found.figures["first_token_s"] == pytest.approx(0.2)
    assert found.figures["tokens_per_s"] == pytest.approx(20)
    assert found.figures["load_s"] == pytest.approx(3)
    assert timings["llm"] == pytest.approx(0.2 + CLAUSE_TOKENS / 20)


@on_virtual_clock
@pytest.mark.parametrize(
    ("device", "told"), [("cpu", ", on the CPU"), ("cuda", ", on the GPU"), ("gpu", ", on the GPU")]
)
async def test_where_an_engine_computes_is_told_if_it_says_so(device: str, told: str):
    class Somewhere(ScriptedLLM):
        @property
        def device(self) -> str:
            return device

    (found,) = await llm(choice(Somewhere(tokens(0.2, 0.01))), NONE, {})
    assert found.measured.endswith(told)
    (elsewhere,) = await llm(choice(ScriptedLLM(tokens(0.2, 0.01))), NONE, {})
    assert " on the " not in elsewhere.measured


@on_virtual_clock
async def test_an_llm_slower_than_speech_is_a_warning_with_a_way_out():
    (found,) = await llm(choice(ScriptedLLM(tokens(0.2, 0.25))), NONE, {})
    assert found.verdict == "warning"
    assert "long replies will pause" in found.meaning
    assert "myna models recommend" in found.advice


@on_virtual_clock
async def test_an_llm_that_thinks_long_before_it_writes_is_a_warning():
    (found,) = await llm(choice(ScriptedLLM(tokens(5, 0.01))), NONE, {})
    assert (found.verdict, found.meaning) == ("warning", "Replies begin late.")


@on_virtual_clock
async def test_an_answer_in_one_piece_is_not_taken_for_endless_speed():
    (found,) = await llm(choice(ScriptedLLM([Pause(2), "一二三四"])), NONE, {})
    assert found.figures["tokens_per_s"] == pytest.approx(0.5)


@on_virtual_clock
async def test_an_llm_that_writes_nothing_is_an_error():
    with pytest.raises(EngineRefused, match="writes nothing"):
        await llm(choice(ScriptedLLM([Finished("stop")])), NONE, {})


# ------------------------------------------------------------------------------------------------------------- TTS


@on_virtual_clock
async def test_the_tts_is_timed_in_each_language_and_its_speech_is_kept():
    spoken: dict[str, Spoken] = {}
    engine = ScriptedTTS([Pause(0.3)], [Pause(0.48)], [Pause(0.3)], [Pause(6)], voices=("bird",))
    chinese, english = await tts(choice(engine, load_s=1), NONE, spoken)
    assert (chinese.check, chinese.verdict, english.check, english.verdict) == ("tts zh", "ok", "tts en", "warning")
    assert chinese.figures["real_time_factor"] == pytest.approx(0.5)
    assert chinese.figures["first_sound_s"] == pytest.approx(0.3)
    assert "gaps" in english.meaning
    assert spoken.keys() == {"zh", "en"}
    assert spoken["zh"].audio_s == pytest.approx(0.96)
    assert engine.calls[1].text == SENTENCES["zh"]
    assert engine.calls[1].style == VoiceStyle("bird")


@on_virtual_clock
async def test_a_tts_that_is_silent_is_a_problem():
    class Mute(ScriptedTTS):
        async def synthesize(self, *_: Any, **__: Any) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
            for speech in ():
                yield speech

    spoken: dict[str, Spoken] = {}
    findings = await tts(choice(Mute()), NONE, spoken)
    assert [found.verdict for found in findings] == ["problem", "problem"]
    assert spoken == {}


# ------------------------------------------------------------------------------------------------------------- ASR


@on_virtual_clock
async def test_the_round_trip_proves_voice_and_ear():
    timings: dict[str, float] = {}
    engine = ScriptedASR([Pause(0.4), "今天天气很好我们一起去公园散步吧"])
    (found,) = await asr(choice(engine), NONE, said(), timings)
    assert (found.check, found.verdict, found.meaning) == ("asr zh", "ok", "The words are right.")
    assert found.figures["real_time_factor"] == pytest.approx(0.2)
    assert timings["asr zh"] == pytest.approx(0.4)
    assert len(engine.calls[0].samples) == pytest.approx(32_000, abs=50), "at the rate that the engine wants"


@pytest.mark.parametrize(
    ("heard", "verdict"), [("今天天气很好，我们", "warning"), ("谢谢观看", "problem"), ("", "problem")]
)
def test_wrong_words_are_told(heard: str, verdict: str):
    @on_virtual_clock
    async def check() -> None:
        (found,) = await asr(choice(ScriptedASR(heard)), NONE, said(), {})
        assert found.verdict == verdict
        assert heard in found.meaning
        assert SENTENCES["zh"] in found.meaning

    check()


@on_virtual_clock
async def test_an_ear_slower_than_speech_is_a_warning():
    (found,) = await asr(choice(ScriptedASR([Pause(3), SENTENCES["zh"]])), NONE, said(), {})
    assert (found.verdict, found.meaning) == ("warning", "It hears slower than people speak.")


@on_virtual_clock
async def test_where_nothing_was_said_the_ear_is_not_judged():
    engine = ScriptedASR("你好")
    (found,) = await asr(choice(engine), NONE, {}, {})
    assert (found.verdict, found.measured) == ("warning", "not tried")
    assert not engine.calls


@pytest.mark.parametrize(
    ("said_", "heard", "like"),
    [("A walk, in the park.", "a walk in the park", 1), ("你好！", "你好", 1), ("", "", 1), ("你好", "再见", 0)],
)
def test_likeness_looks_at_letters_alone(said_: str, heard: str, like: float):
    assert likeness(said_, heard) == like


# ---------------------------------------------------------------------------------------------------- VAD and embed


@on_virtual_clock
async def test_the_vad_tells_speech_from_silence():
    (found,) = await vad(choice(ScriptedVAD()), NONE, said())
    assert found.verdict == "ok"
    assert found.figures["speech_share"] == 1
    assert found.figures["silence_share"] == 0


@on_virtual_clock
async def test_a_deaf_vad_is_a_problem():
    quiet = {"zh": Spoken("", np.zeros(24_000, np.float32), 24_000, 0.1)}
    (found,) = await vad(choice(ScriptedVAD()), NONE, quiet)
    assert found.verdict == "problem"
    (untried,) = await vad(choice(ScriptedVAD()), NONE, {})
    assert untried.verdict == "warning"


@on_virtual_clock
async def test_the_turn_detector_judges_what_is_over_and_what_breaks_off():
    engine = ScriptedTurnDetector([Pause(0.07), 0.9], 0.2)
    (found,) = await turn(choice(engine, load_s=1), NONE, said())
    assert (found.verdict, found.figures["judge_ms"]) == ("ok", pytest.approx(70))
    assert (found.figures["whole"], found.figures["breaks_off"]) == ({"zh": 0.9}, {"zh": 0.2})
    whole, begun = engine.calls
    assert len(begun.samples) == round(0.6 * len(whole.samples))
    assert whole.text.startswith(begun.text)


@on_virtual_clock
async def test_a_turn_detector_that_tells_nothing_apart_or_takes_long_is_a_warning():
    (deaf,) = await turn(choice(ScriptedTurnDetector(0.5)), NONE, said())
    assert (deaf.verdict, deaf.meaning.partition(" a sentence")[0]) == ("warning", "In zh")
    (slow,) = await turn(choice(ScriptedTurnDetector([Pause(0.4), 0.9], 0.2)), NONE, said())
    assert (slow.verdict, slow.meaning) == ("warning", "Replies begin late.")
    assert "turn.engine" in slow.advice
    (untried,) = await turn(choice(ScriptedTurnDetector()), NONE, {})
    assert untried.verdict == "warning"


@on_virtual_clock
async def test_the_embedder_is_asked_for_meaning():
    class Near(ScriptedEmbedder):
        right = True

        async def embed(self, texts: Any, kind: Any) -> Any:
            one, other = np.eye(2, 384, dtype=np.float32)
            return np.stack([one, other]) if kind == "passage" else np.stack([one if self.right else other])

    (found,) = await embed(choice(Near()), NONE)
    assert (found.verdict, found.figures["dimensions"]) == ("ok", 384)
    wrong = Near()
    wrong.right = False
    (found,) = await embed(choice(wrong), NONE)
    assert found.verdict == "problem"


# ----------------------------------------------------------------------------------------------------------- reply


def test_a_reply_takes_what_its_parts_take():
    (found,) = reply({"llm": 0.8, "asr zh": 0.4}, said(first_s=0.5))
    assert found.verdict == "ok"
    assert found.figures["first_sound_s"] == {"zh": pytest.approx(1.7)}
    assert "about 2 s" in found.meaning


def test_a_slow_reply_is_a_warning():
    (found,) = reply({"llm": 3, "asr zh": 1}, said())
    assert found.verdict == "warning"
    assert found.advice


def test_without_one_of_the_parts_nothing_is_claimed():
    assert reply({"llm": 0.8}, said()) == []
    assert reply({"asr zh": 0.8}, said()) == []
    assert reply({"llm": 0.8, "asr zh": 0.4}, {}) == []
