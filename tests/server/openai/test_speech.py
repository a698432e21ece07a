import base64
import io
import json
import wave
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import av
import httpx
import numpy as np
import openai
import pytest
import soundfile
from tests.server.serving import Clients, choice, serving_engines, until

from myna.config.settings import Settings
from myna.core.audio import HEARING_RATE
from myna.core.errors import EngineRefused
from myna.engines.base import Samples, VoiceStyle
from myna.server.audio_decoding import decoded_pieces
from myna.server.audio_encoding import SPEECH_RATE
from myna.server.openai.voices import OPENAI_VOICES
from myna.testing.llm import HANG, Pause
from myna.testing.tts import MS_PER_CHARACTER, ScriptedTTS
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

FORMATS = ("mp3", "opus", "aac", "flac", "wav")
KOKORO = ("af_heart", "af_alloy", "zf_xiaobei", "zf_xiaoxiao", "zm_yunxi")


@asynccontextmanager
async def speaking(weights: Weights, tts: ScriptedTTS, settings: Settings | None = None) -> AsyncGenerator[Clients]:
    async with serving_engines(weights, {"tts": choice(tts)}, settings) as clients:
        yield clients


def decoded(data: bytes) -> Samples:
    return np.concatenate(list(decoded_pieces(io.BytesIO(data), 3600)))


async def spoken(clients: Clients, text: str, **more: Any) -> httpx.Response:
    return await clients.http.post("/v1/audio/speech", json={"input": text, **more})


async def pcm_of(clients: Clients, text: str, **more: Any) -> bytes:
    answer = await spoken(clients, text, response_format="pcm", **more)
    assert answer.status_code == 200, answer.text
    return answer.content


# ---------------------------------------------------------------------------------------------------------- formats


@pytest.mark.parametrize("wanted", FORMATS)
async def test_the_sdk_gets_a_file_of_each_format_as_long_as_what_was_said(weights: Weights, wanted: Any) -> None:
    tts = ScriptedTTS()

    def ask(sdk: openai.OpenAI) -> bytes:
        with sdk.audio.speech.with_streaming_response.create(
            model="myna", voice="alloy", input="a" * 20, response_format=wanted
        ) as answer:
            return b"".join(answer.iter_bytes())

    async with speaking(weights, tts) as clients:
        samples = decoded(await clients.ask(ask))
    assert len(samples) / HEARING_RATE * 1000 == pytest.approx(20 * MS_PER_CHARACTER, abs=120)  # encoders add a frame
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize(
    ("wanted", "container", "codec"),
    [
        ("mp3", "mp3", "mp3float"),
        ("opus", "ogg", "opus"),
        ("aac", "aac", "aac"),
        ("flac", "flac", "flac"),
        ("wav", "wav", "pcm_s16le"),
    ],
)
async def test_a_format_is_what_its_name_says(weights: Weights, wanted: str, container: str, codec: str) -> None:
    async with speaking(weights, ScriptedTTS()) as clients:
        answer = await spoken(clients, "hello", response_format=wanted)
    with av.open(io.BytesIO(answer.content)) as file:
        stream = file.streams.audio[0]
        assert (file.format.name, stream.codec_context.name, stream.codec_context.channels) == (container, codec, 1)


async def test_mp3_is_what_comes_unless_asked_otherwise(weights: Weights) -> None:
    async with speaking(weights, ScriptedTTS()) as clients:
        answer = await spoken(clients, "hello")
    assert answer.headers["content-type"] == "audio/mpeg"
    with soundfile.SoundFile(io.BytesIO(answer.content)) as file:
        assert file.format == "MP3"


async def test_pcm_is_16_bit_at_24_khz(weights: Weights) -> None:
    async with speaking(weights, ScriptedTTS()) as clients:
        pcm = await pcm_of(clients, "hello")
    assert len(pcm) / 2 / SPEECH_RATE * 1000 == pytest.approx(5 * MS_PER_CHARACTER, abs=1)


async def test_a_wav_is_read_by_plain_readers_although_its_length_was_not_known(weights: Weights) -> None:
    async with speaking(weights, ScriptedTTS()) as clients:
        answer = await spoken(clients, "hello", response_format="wav")
        pcm = await pcm_of(clients, "hello")
    with wave.open(io.BytesIO(answer.content)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (SPEECH_RATE, 1, 2)
        assert file.readframes(10**9) == pcm


# -------------------------------------------------------------------------------------------------------- streaming


LONG = "One two. Three four. Five six. Seven eight. Nine ten."


@pytest.mark.parametrize("wanted", [*FORMATS, "pcm"])
async def test_the_first_bytes_come_before_the_rest_is_made(weights: Weights, wanted: str) -> None:
    tts = ScriptedTTS([], [HANG])
    async with speaking(weights, tts) as clients:
        body = {"input": "This is the beginning of it. And this is what never comes.", "response_format": wanted}
        async with clients.http.stream("POST", "/v1/audio/speech", json=body) as answer:
            assert answer.status_code == 200
            with anyio.fail_after(20):
                assert await anext(answer.aiter_bytes())
        assert tts.calls[0].text == "This is the beginning of it."


async def test_a_client_that_goes_away_stops_the_synthesis(weights: Weights) -> None:
    tts = ScriptedTTS([Pause(0.05)])
    async with speaking(weights, tts) as clients:
        body = {"input": "Once upon a time. " * 1000, "response_format": "pcm"}
        async with clients.http.stream("POST", "/v1/audio/speech", json=body) as answer:
            await anext(answer.aiter_bytes())
        before = len(tts.calls)
        await until(lambda: len(tts.calls) <= before + 2)
        await anyio.sleep(0.3)
        said = len(tts.calls)
        await anyio.sleep(0.3)
        assert len(tts.calls) == said < 1000


async def test_a_client_that_goes_away_before_the_first_byte_stops_it_too(weights: Weights) -> None:
    tts = ScriptedTTS([HANG], [])
    async with speaking(weights, tts, Settings.model_validate({"session": {"speak_timeout_s": 3600}})) as clients:
        with pytest.raises(httpx.ReadTimeout):
            await clients.http.post("/v1/audio/speech", json={"input": "Hello."}, timeout=0.5)
        assert await pcm_of(clients, "Hello.")
        assert [call.text for call in tts.calls] == ["Hello.", "Hello."]


async def test_a_failure_before_the_first_byte_has_a_status(weights: Weights) -> None:
    async with speaking(weights, ScriptedTTS([EngineRefused("No voice today.")])) as clients:
        answer = await spoken(clients, "Hello.")
    assert answer.status_code == 502
    assert answer.json()["error"]["message"] == "No voice today."


async def test_a_tts_that_hangs_is_given_up(weights: Weights) -> None:
    settings = Settings.model_validate({"session": {"speak_timeout_s": 0.2}})
    async with speaking(weights, ScriptedTTS([HANG]), settings) as clients:
        assert (await spoken(clients, "Hello.")).status_code == 504


async def test_a_failure_in_the_middle_breaks_the_answer_off_so_that_nobody_takes_it_for_whole(
    weights: Weights,
) -> None:
    async with speaking(weights, ScriptedTTS([], [EngineRefused("No voice.")])) as clients:
        with pytest.raises(httpx.RemoteProtocolError):
            await spoken(clients, LONG)


async def test_as_events_it_is_the_same_file_and_has_an_end(weights: Weights) -> None:
    async with speaking(weights, ScriptedTTS()) as clients:
        pcm = await pcm_of(clients, LONG)
        answer = await spoken(clients, LONG, response_format="pcm", stream_format="sse")
    assert answer.headers["content-type"].startswith("text/event-stream")
    events = [json.loads(line.removeprefix("data: ")) for line in answer.text.split("\n\n") if line]
    assert {event["type"] for event in events[:-1]} == {"speech.audio.delta"}
    assert b"".join(base64.b64decode(event["audio"]) for event in events[:-1]) == pcm
    assert events[-1]["type"] == "speech.audio.done"


async def test_as_events_a_failure_is_told(weights: Weights) -> None:
    async with speaking(weights, ScriptedTTS([], [EngineRefused("No voice.")])) as clients:
        answer = await spoken(clients, LONG, stream_format="sse")
    assert json.loads(answer.text.rstrip().rsplit("data: ", 1)[1])["error"]["message"] == "No voice."


# ------------------------------------------------------------------------------------------------------------- text


async def test_it_is_cut_into_segments_the_first_clause_early_and_in_order(weights: Weights) -> None:
    tts = ScriptedTTS()
    async with speaking(weights, tts) as clients:
        await pcm_of(clients, "Well, my friend, this is a rather long sentence about nothing. Here is another one.")
    assert tts.calls[0].text == "Well, my friend,"
    assert " ".join(call.text for call in tts.calls).endswith("Here is another one.")


async def test_conversations_go_before_it(weights: Weights) -> None:
    tts = ScriptedTTS()
    async with speaking(weights, tts) as clients:
        await pcm_of(clients, "Well, my friend, this is a rather long sentence about nothing. Here is another one.")
    assert len(tts.calls) > 1
    assert not any(call.urgent for call in tts.calls)


async def test_what_is_no_speech_is_not_spoken(weights: Weights) -> None:
    tts = ScriptedTTS()
    async with speaking(weights, tts) as clients:
        await pcm_of(clients, "# Title\n**Hello** 🎉 <b>you</b> [开心] [a link](https://example.com)")
    said = " ".join(call.text for call in tts.calls)
    assert said.split() == ["Title", "Hello", "you", "a", "link"]


@pytest.mark.parametrize("text", ["🎉", "!!!", "***", "\x00", "……。。", "[开心]", "```\ncode\n```", "!" * 5000])
async def test_text_in_which_nothing_can_be_spoken_is_a_moment_of_silence(weights: Weights, text: str) -> None:
    async with speaking(weights, ScriptedTTS()) as clients:
        assert not np.any(np.frombuffer(await pcm_of(clients, text), "<i2"))
        for wanted in FORMATS:
            assert len(decoded((await spoken(clients, text, response_format=wanted)).content))


async def test_a_hundred_thousand_characters_begin_at_once(weights: Weights) -> None:
    tts = ScriptedTTS()
    async with speaking(weights, tts) as clients:
        body = {"input": "今天天气很好。" * 14_285, "response_format": "pcm"}
        async with clients.http.stream("POST", "/v1/audio/speech", json=body) as answer:
            assert await anext(answer.aiter_bytes())
        assert len(tts.calls) < 1000


# ----------------------------------------------------------------------------------------------------------- voices


async def test_without_a_voice_the_configured_persona_speaks(weights: Weights) -> None:
    tts = ScriptedTTS(voices=KOKORO)
    async with speaking(weights, tts) as clients:
        for more in ({}, {"voice": "default"}, {"voice": None}, {"model": "tts-1"}, {"voice": {"id": "default"}}):
            await pcm_of(clients, "Hello.", **more)
    assert [call.style for call in tts.calls] == [VoiceStyle("af_heart")] * 5


@pytest.mark.parametrize("more", [{"voice": "wukong"}, {"model": "myna/wukong"}, {"voice": "孙悟空", "model": "tts-1"}])
async def test_a_persona_speaks_with_its_voice_and_its_emotions(weights: Weights, more: dict[str, str]) -> None:
    tts = ScriptedTTS(voices=KOKORO)
    async with speaking(weights, tts) as clients:
        await pcm_of(clients, "[平静] 你好。[开心] 太好了！", **more)
    calm, happy = [call.style for call in tts.calls]
    assert calm.voice == "zm_yunxi"
    assert (happy.speed, happy.pitch) != (calm.speed, calm.pitch)
    assert [call.text for call in tts.calls] == ["你好。", "太好了！"]


async def test_an_emotion_changes_a_voice_that_was_named_too(weights: Weights) -> None:
    tts = ScriptedTTS(voices=KOKORO)
    async with speaking(weights, tts) as clients:
        await pcm_of(clients, "[Calm] Hello. [Happy] Great!", voice="zf_xiaobei")
    calm, happy = [call.style for call in tts.calls]
    assert calm == VoiceStyle("zf_xiaobei")
    assert happy == VoiceStyle("zf_xiaobei", speed=1.1, pitch=1)


async def test_openais_voices_have_stand_ins_for_either_language(weights: Weights) -> None:
    tts = ScriptedTTS(voices=KOKORO)
    async with speaking(weights, tts) as clients:
        await pcm_of(clients, "Say 你好 to her.", voice="alloy")
        assert all(call.style.voice == "af_alloy" for call in tts.calls)
        tts.calls.clear()
        await pcm_of(clients, "你好，今天天气很好，我用 Python。", voice="alloy")
    assert all(call.style.voice == "zf_xiaoxiao" for call in tts.calls)


@pytest.mark.parametrize("voice", OPENAI_VOICES)
async def test_openais_voices_work_with_any_tts(weights: Weights, voice: str) -> None:
    async with speaking(weights, ScriptedTTS(voices=("af_heart",))) as clients:
        assert await pcm_of(clients, "Hello.", voice=voice)


async def test_an_unknown_voice_is_told_with_all_there_are(weights: Weights) -> None:
    async with speaking(weights, ScriptedTTS(voices=KOKORO)) as clients:
        with pytest.raises(openai.BadRequestError, match=r"no voice 'nobody'.*wukong.*zf_xiaobei.*alloy") as refused:
            await clients.ask(lambda sdk: sdk.audio.speech.create(model="myna", voice="nobody", input="Hello."))
    assert refused.value.param == "voice"


async def test_a_persona_that_does_not_exist_is_no_model(weights: Weights) -> None:
    async with speaking(weights, ScriptedTTS()) as clients:
        assert (await spoken(clients, "Hello.", model="myna/nobody")).status_code == 404


async def test_strict_models_refuse_others(weights: Weights) -> None:
    settings = Settings.model_validate({"server": {"strict_models": True}})
    async with speaking(weights, ScriptedTTS(), settings) as clients:
        assert (await spoken(clients, "Hello.", model="tts-1")).status_code == 404
        assert (await spoken(clients, "Hello.", model="myna")).status_code == 200


# ------------------------------------------------------------------------------------------------------------ speed


@pytest.mark.parametrize(("speed", "asked"), [(0.25, 0.5), (0.5, 0.5), (1.25, 1.25), (2, 2), (4, 2)])
async def test_speed_is_the_ttss_as_far_as_it_goes_and_stretched_beyond(
    weights: Weights, speed: float, asked: float
) -> None:
    tts = ScriptedTTS()
    async with speaking(weights, tts) as clients:
        pcm = await pcm_of(clients, "abcdefghijklmnopqrstuvwxyz" * 2, speed=speed)
    assert tts.calls[0].style.speed == asked
    assert len(pcm) / 2 / SPEECH_RATE * 1000 == pytest.approx(52 * MS_PER_CHARACTER / speed, rel=0.02)


# -------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": " \n\t "}, "input"),
        ({"input": None}, "input"),
        ({"input": 5}, "input"),
        ({"input": ["Hello."]}, "input"),
        ({"input": "a" * 100_001}, "input"),
        ({"speed": 0}, "speed"),
        ({"speed": 4.1}, "speed"),
        ({"speed": "fast"}, "speed"),
        ({"response_format": "midi"}, "response_format"),
        ({"stream_format": "smoke"}, "stream_format"),
        ({"voice": ["alloy"]}, "voice"),
        ({"voice": ""}, "voice"),
        ({"voice": "a\x00b"}, "voice"),
        ({"voice": "x" * 100_000}, "voice"),
        ({"model": 7}, "model"),
    ],
)
async def test_a_bad_field_is_named(weights: Weights, wrong: dict[str, object], param: str) -> None:
    async with speaking(weights, ScriptedTTS(voices=KOKORO)) as clients:
        answer = await clients.http.post("/v1/audio/speech", json={"input": "Hello.", **wrong})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"].startswith(param)
    assert len(answer.content) < 5000


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'{"input":"\\ud800"}', b'{"input":"a","speed":NaN}'])
async def test_what_is_no_request_is_refused(weights: Weights, body: bytes) -> None:
    async with speaking(weights, ScriptedTTS()) as clients:
        answer = await clients.http.post("/v1/audio/speech", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]
