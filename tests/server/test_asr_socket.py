import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from tests.server.sockets import Talker, silence, speech, talker, talking

from myna.config.settings import Settings, TurnTakingSettings
from myna.core.audio import HEARING_RATE
from myna.testing.asr import ScriptedASR
from myna.testing.llm import ScriptedLLM
from myna.testing.tts import ScriptedTTS
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

NO_PARTIALS = Settings(turn_taking=TurnTakingSettings(tick_s=1000))


async def rest_of_finals(client: Talker) -> list[dict[str, Any]]:
    """The finals until the server closes; whether there are partials depends on who is faster."""
    return [message for message in await client.rest() if message["type"] == "final"]


@pytest.mark.parametrize("path", ["/ws", "/ws_asr"])
async def test_what_is_said_comes_as_partials_and_one_final(weights: Weights, path: str) -> None:
    async with talking(weights, asr=ScriptedASR("今天", "今天天气")) as clients, talker(clients, path) as client:
        await client.send({"op": "config", "sampleRate": 16000, "language": "zh"})
        await client.send(speech(0.5))
        assert await client.next() == {"type": "partial", "text": "今天", "language": "zh"}
        await client.send(speech(0.5) + silence(1.5))
        final = await client.until("final")
        assert final["text"] == "今天天气"
        (segment,) = final["segments"]
        assert segment["text"] == "今天天气"
        assert 0 <= segment["start"] < 0.5 < segment["end"] < 2


async def test_audio_is_heard_as_soon_as_it_comes_and_needs_no_config(weights: Weights) -> None:
    async with talking(weights) as clients, talker(clients, "/ws") as client:
        await client.send(speech() + silence())
        assert (await client.until("final"))["text"] == "你好"


async def test_frames_of_any_size_give_the_samples_that_were_sent(weights: Weights) -> None:
    asr = ScriptedASR("你好")
    async with talking(weights, asr=asr, settings=NO_PARTIALS) as clients, talker(clients, "/ws") as client:
        audio = speech(1.0)
        for at in range(0, len(audio), 333):
            await client.send(audio[at : at + 333])
        await client.send({"op": "commit"})
        await client.until("final")
    (call,) = asr.calls
    assert len(call.samples) == HEARING_RATE


async def test_another_rate_and_language_reach_the_asr(weights: Weights) -> None:
    asr = ScriptedASR("hello")
    async with talking(weights, asr=asr, settings=NO_PARTIALS) as clients, talker(clients, "/ws") as client:
        await client.send({"op": "config", "sampleRate": 48000, "language": "en"})
        await client.send(speech(1.0, 48_000))
        await client.send({"op": "commit"})
        await client.until("final")
    (call,) = asr.calls
    assert len(call.samples) == HEARING_RATE
    assert call.options.language == "en"


async def test_a_language_that_the_asr_does_not_understand_is_told(
    weights: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScriptedASR, "info", replace(ScriptedASR().info, languages=frozenset({"en"})))
    async with talking(weights) as clients, talker(clients, "/ws") as client:
        await client.send({"op": "config", "language": "zh"})
        error = await client.next()
        assert (error["type"], error["code"]) == ("error", "bad_input")
        assert "one of en" in error["message"]


async def test_utterances_are_heard_one_after_the_other_and_none_twice(weights: Weights) -> None:
    asr = ScriptedASR("一", "二", "三")
    async with talking(weights, asr=asr, settings=NO_PARTIALS) as clients, talker(clients, "/ws") as client:
        for _ in range(3):
            await client.send(speech() + silence())
        await client.send({"op": "end"})
        finals = await rest_of_finals(client)
    assert [final["text"] for final in finals[:3]] == ["一", "二", "三"]  # and what the ASR makes of the last silence
    spans = [(final["segments"][0]["start"], final["segments"][-1]["end"]) for final in finals]
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))


async def test_what_was_said_until_the_end_is_told_before_the_server_closes(weights: Weights) -> None:
    async with talking(weights, settings=NO_PARTIALS) as clients, talker(clients, "/ws") as client:
        await client.send(speech())
        await client.send({"op": "end"})
        assert [final["text"] for final in await rest_of_finals(client)] == ["你好"]
        assert (await client.closed())[0] == 1000


async def test_what_is_sent_after_the_end_is_not_heard(weights: Weights) -> None:
    asr = ScriptedASR("你好")
    async with talking(weights, asr=asr, settings=NO_PARTIALS) as clients, talker(clients, "/ws") as client:
        for message in ('{"op": "end"}', speech(), '{"op": "commit"}'):
            await client.line.send(message)
        assert [final["text"] for final in await rest_of_finals(client)] == [""]
    assert asr.calls == []


async def test_minutes_that_come_at_once_are_all_heard(weights: Weights) -> None:
    async with talking(weights, settings=NO_PARTIALS) as clients, talker(clients, "/ws") as client:
        await client.send((speech(2) + silence(2)) * 30)
        await client.send({"op": "end"})
        finals = [final["text"] for final in await rest_of_finals(client)]
    assert finals[:30] == ["你好"] * 30
    assert len(finals) == 31


async def test_what_is_not_understood_is_an_error_and_the_next_utterance_is_heard(weights: Weights) -> None:
    async with talking(weights) as clients, talker(clients, "/ws") as client:
        for message in ("hello", json.dumps({"op": "sing"}), json.dumps({"op": "config", "sampleRate": 5})):
            await client.line.send(message)
            error = await client.next()
            assert (error["type"], error["code"]) == ("error", "bad_input")
        await client.send(speech() + silence())
        assert (await client.until("final"))["text"] == "你好"


async def test_nobody_answers(weights: Weights) -> None:
    llm, tts = ScriptedLLM("Yes?"), ScriptedTTS()
    async with talking(weights, llm=llm, tts=tts) as clients, talker(clients, "/ws") as client:
        await client.send(speech() + silence())
        await client.until("final")
        await client.send({"op": "end"})
        assert {message["type"] for message in await client.rest()} <= {"partial", "final"}
    assert (llm.calls, tts.calls) == ([], [])


@pytest.mark.parametrize(
    "given", [{"end_silence_ms": 3000, "short_pause_ms": 3000}, {"automatic": False}], ids=["patient", "push-to-talk"]
)
async def test_turn_taking_is_as_configured(weights: Weights, given: dict[str, Any]) -> None:
    settings = Settings(turn_taking=TurnTakingSettings(tick_s=1000, stable_nochange_ms=60_000, **given))
    async with talking(weights, settings=settings) as clients, talker(clients, "/ws") as client:
        await client.send(speech() + silence(1.5))
        await client.send({"op": "end"})
        assert [final["text"] for final in await rest_of_finals(client)] == ["你好"]
