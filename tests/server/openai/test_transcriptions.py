import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import numpy as np
import openai
import pytest
from tests.server.serving import Clients, choice, serving_engines, until
from tests.server.test_audio_decoding import FILES, tone, wav

from myna.config.settings import Settings
from myna.core.audio import HEARING_RATE
from myna.core.errors import EngineRefused
from myna.engines.base import ASROptions, Transcript, TranscriptSegment
from myna.server.audio_decoding import PIECE_S
from myna.testing.asr import ScriptedASR
from myna.testing.llm import HANG
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

SECONDS = wav(tone(2, HEARING_RATE), HEARING_RATE)
MINUTES = wav(tone(150, HEARING_RATE), HEARING_RATE)
SAID = Transcript(
    "Good morning. How are you?",
    "en",
    (TranscriptSegment("Good morning.", 0.0, 0.8), TranscriptSegment(" How are you?", 0.9, 1.75)),
)


@asynccontextmanager
async def hearing(weights: Weights, asr: ScriptedASR, settings: Settings | None = None) -> AsyncGenerator[Clients]:
    async with serving_engines(weights, {"asr": choice(asr)}, settings) as clients:
        yield clients


async def sent(clients: Clients, data: bytes = SECONDS, name: str = "a.wav", **fields: Any) -> httpx.Response:
    return await clients.http.post("/v1/audio/transcriptions", files={"file": (name, data)}, data=fields)


# ---------------------------------------------------------------------------------------------------------- formats


async def test_the_sdk_gets_the_text(weights: Weights) -> None:
    async with hearing(weights, ScriptedASR(SAID)) as clients:
        answer = await clients.ask(
            lambda sdk: sdk.audio.transcriptions.create(model="whisper-1", file=("a.wav", SECONDS))
        )
    assert answer.text == SAID.text


async def test_the_sdk_gets_plain_text(weights: Weights) -> None:
    async with hearing(weights, ScriptedASR(SAID)) as clients:
        answer = await clients.ask(
            lambda sdk: sdk.audio.transcriptions.create(
                model="whisper-1", file=("a.wav", SECONDS), response_format="text"
            )
        )
    assert answer == SAID.text + "\n"


async def test_the_sdk_gets_segments_with_times(weights: Weights) -> None:
    async with hearing(weights, ScriptedASR(SAID)) as clients:
        answer = await clients.ask(
            lambda sdk: sdk.audio.transcriptions.create(
                model="whisper-1", file=("a.wav", SECONDS), response_format="verbose_json"
            )
        )
    assert (answer.text, answer.language, answer.duration) == (SAID.text, "english", 2.0)
    assert answer.segments is not None
    assert [(each.id, each.text, each.start, each.end) for each in answer.segments] == [
        (0, "Good morning.", 0.0, 0.8),
        (1, " How are you?", 0.9, 1.75),
    ]
    assert answer.words is None


async def test_the_sdk_gets_subtitles(weights: Weights) -> None:
    async with hearing(weights, ScriptedASR(SAID)) as clients:
        srt = await clients.ask(
            lambda sdk: sdk.audio.transcriptions.create(
                model="whisper-1", file=("a.wav", SECONDS), response_format="srt"
            )
        )
        vtt = await clients.ask(
            lambda sdk: sdk.audio.transcriptions.create(
                model="whisper-1", file=("a.wav", SECONDS), response_format="vtt"
            )
        )
    assert srt == (
        "1\n00:00:00,000 --> 00:00:00,800\nGood morning.\n\n2\n00:00:00,900 --> 00:00:01,750\nHow are you?\n"
    )
    assert vtt == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:00.800\nGood morning.\n\n00:00:00.900 --> 00:00:01.750\nHow are you?\n"
    )


@pytest.mark.parametrize("wanted", ["json", "text", "verbose_json", "srt", "vtt"])
async def test_when_nobody_speaks_there_is_an_empty_transcript(weights: Weights, wanted: str) -> None:
    async with hearing(weights, ScriptedASR()) as clients:
        answer = await sent(clients, response_format=wanted)
    assert answer.status_code == 200
    if "json" in wanted:
        assert answer.json()["text"] == ""
    else:
        assert answer.text.strip() == ("WEBVTT" if wanted == "vtt" else "")


async def test_the_sdk_gets_it_piece_by_piece(weights: Weights) -> None:
    def ask(sdk: openai.OpenAI) -> list[Any]:
        return list(
            sdk.audio.transcriptions.create(model="whisper-1", file=("a.wav", MINUTES), stream=True, language="en")
        )

    async with hearing(weights, ScriptedASR("One.", "Two.", "", "Four.")) as clients:
        events = await clients.ask(ask)
    assert [event.delta for event in events[:-1]] == ["One.", " Two.", " Four."]
    assert (events[-1].type, events[-1].text) == ("transcript.text.done", "One. Two. Four.")


async def test_the_first_piece_is_told_before_the_rest_is_heard(weights: Weights) -> None:
    async with hearing(weights, ScriptedASR("One.", [HANG])) as clients:
        async with clients.http.stream(
            "POST", "/v1/audio/transcriptions", files={"file": ("a.wav", MINUTES)}, data={"stream": "true"}
        ) as answer:
            with anyio.fail_after(20):
                first = await anext(answer.aiter_text())
        assert json.loads(first.removeprefix("data: "))["delta"] == "One."


async def test_a_failure_in_the_middle_is_told_as_an_event(weights: Weights) -> None:
    async with hearing(weights, ScriptedASR("One.", EngineRefused("No ears."))) as clients:
        answer = await sent(clients, MINUTES, stream="true")
    assert json.loads(answer.text.rstrip().rsplit("data: ", 1)[1])["error"]["message"] == "No ears."


# ------------------------------------------------------------------------------------------------------------ files


@pytest.mark.parametrize("kind", FILES)
async def test_any_file_that_people_send_is_heard_at_16_khz(weights: Weights, kind: str) -> None:
    asr = ScriptedASR("Hello.")
    async with hearing(weights, asr) as clients:
        answer = await sent(clients, FILES[kind](tone(1)), f"a.{kind}")
    assert answer.json()["text"] == "Hello."
    assert len(asr.calls[0].samples) / HEARING_RATE == pytest.approx(1, abs=0.15)


async def test_a_long_file_is_heard_in_pieces_with_one_language_and_its_own_times(weights: Weights) -> None:
    asr = ScriptedASR("你好。", "再见。", language="zh")
    async with hearing(weights, asr) as clients:
        told = (await sent(clients, MINUTES, response_format="verbose_json")).json()
    assert told["text"] == "你好。" + "再见。" * (len(asr.calls) - 1)
    assert told["language"] == "chinese"
    assert told["duration"] == pytest.approx(150, abs=0.1)
    assert told["segments"][-1]["end"] == pytest.approx(150, abs=0.1)
    assert [call.options.language for call in asr.calls] == [None, *["zh"] * (len(asr.calls) - 1)]
    assert max(len(call.samples) for call in asr.calls) <= (PIECE_S + 1) * HEARING_RATE


async def test_the_longest_file_is_a_setting(weights: Weights) -> None:
    settings = Settings.model_validate({"asr": {"longest_file_s": 60}})
    asr = ScriptedASR("Hello.")
    async with hearing(weights, asr, settings) as clients:
        answer = await sent(clients, MINUTES)
    assert answer.status_code == 400
    assert "longer than 1 minutes" in answer.json()["error"]["message"]
    assert asr.calls == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"This is no audio.",
        b"\x00" * 100_000,
        wav(np.zeros(0, np.float32), HEARING_RATE),
        wav(np.full(HEARING_RATE, np.nan, np.float32), HEARING_RATE, "FLOAT"),
        SECONDS[:30],
    ],
)
async def test_a_file_that_is_no_audio_is_refused(weights: Weights, data: bytes) -> None:
    asr = ScriptedASR("Hello.")
    async with hearing(weights, asr) as clients:
        for stream in ("false", "true"):
            answer = await sent(clients, data, stream=stream)
            assert answer.status_code == 400
            assert answer.json()["error"]["type"] == "invalid_request_error"
            assert answer.json()["error"]["code"] == "bad_audio"
    assert asr.calls == []


# ---------------------------------------------------------------------------------------------------------- options


async def test_language_and_prompt_reach_the_asr(weights: Weights) -> None:
    asr = ScriptedASR("Hello.")
    async with hearing(weights, asr) as clients:
        for language in ("en", "EN", "English", "en-GB", "en_US"):
            await sent(clients, language=language, prompt="Myna, a bird", temperature="0.5")
        await sent(clients)
    assert [call.options for call in asr.calls] == [
        *[ASROptions(language="en", hint="Myna, a bird")] * 5,
        ASROptions(),
    ]


async def test_what_goes_on_after_a_minute_holds_up_no_conversation(weights: Weights) -> None:
    asr = ScriptedASR("Hello.")
    async with hearing(weights, asr) as clients:
        await sent(clients, MINUTES)
    first, *others = (call.options.recording for call in asr.calls)
    assert not first
    assert len(others) >= 2
    assert all(others)


@pytest.mark.parametrize("fields", [{}, {"language": ""}, {"language": "auto"}])
async def test_the_configured_language_holds_where_the_request_names_none(weights: Weights, fields: Any) -> None:
    asr = ScriptedASR("你好。")
    async with hearing(weights, asr, Settings.model_validate({"asr": {"language": "zh"}})) as clients:
        await sent(clients, **fields)
    assert asr.calls[0].options.language == "zh"


async def test_times_of_words_are_refused_where_the_asr_tells_none(weights: Weights) -> None:
    async with hearing(weights, ScriptedASR("Hello.")) as clients:
        with pytest.raises(openai.BadRequestError, match="tells no times of words"):
            await clients.ask(
                lambda sdk: sdk.audio.transcriptions.create(
                    model="whisper-1",
                    file=("a.wav", SECONDS),
                    response_format="verbose_json",
                    timestamp_granularities=["word"],
                )
            )


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"language": "klingon"}, "language"),
        ({"language": "e" * 5000}, "language"),
        ({"response_format": "pdf"}, "response_format"),
        ({"temperature": "nan"}, "temperature"),
        ({"temperature": "2"}, "temperature"),
        ({"timestamp_granularities[]": ["letter"]}, "timestamp_granularities"),
        ({"timestamp_granularities[]": ["word"]}, "timestamp_granularities"),
        ({"stream": "maybe"}, "stream"),
        ({"model": "myna/nobody"}, "model"),
        ({"model": "m" * 5000}, "model"),
    ],
)
async def test_a_bad_field_is_named(weights: Weights, fields: dict[str, Any], param: str) -> None:
    async with hearing(weights, ScriptedASR("Hello.")) as clients:
        answer = await sent(clients, **fields)
    assert answer.status_code in (400, 404)
    assert answer.json()["error"]["param"].startswith(param)
    assert len(answer.content) < 5000


async def test_a_request_without_a_file_is_refused(weights: Weights) -> None:
    async with hearing(weights, ScriptedASR("Hello.")) as clients:
        post = clients.http.post
        answers = [
            await post("/v1/audio/transcriptions"),
            await post("/v1/audio/transcriptions", json={"file": "a.wav"}),
            await post("/v1/audio/transcriptions", data={"file": "a.wav"}),
            await post("/v1/audio/transcriptions", files={"file": (None, "text")}),
            await post(
                "/v1/audio/transcriptions", content=b"x", headers={"Content-Type": "multipart/form-data; boundary=a"}
            ),
            await post("/v1/audio/transcriptions", content=b"x", headers={"Content-Type": "multipart/form-data"}),
            await post("/v1/audio/transcriptions", files=[("file", ("a", b"a")), ("file", ("b", b"b"))]),
            await post("/v1/audio/transcriptions", files={"file": ("a", SECONDS)}, data={"prompt": "x" * 100_000}),
        ]
    for answer in answers:
        assert answer.status_code in (400, 413), answer.text
        assert answer.json()["error"]["message"]


async def test_strict_models_refuse_others(weights: Weights) -> None:
    settings = Settings.model_validate({"server": {"strict_models": True}})
    async with hearing(weights, ScriptedASR("Hello."), settings) as clients:
        assert (await sent(clients, model="whisper-1")).status_code == 404
        assert (await sent(clients, model="myna")).status_code == 200


# --------------------------------------------------------------------------------------------------------- failures


async def test_a_client_that_goes_away_stops_the_hearing(weights: Weights) -> None:
    asr = ScriptedASR([HANG], "Hello.")
    settings = Settings.model_validate({"session": {"hear_timeout_s": 3600}})
    async with hearing(weights, asr, settings) as clients:
        with pytest.raises(httpx.ReadTimeout):
            await clients.http.post("/v1/audio/transcriptions", files={"file": ("a.wav", MINUTES)}, timeout=1.5)
        await until(lambda: len(asr.calls) == 1)
        assert (await sent(clients)).json()["text"] == "Hello."
        assert len(asr.calls) == 2


async def test_an_asr_that_hangs_is_given_up(weights: Weights) -> None:
    settings = Settings.model_validate({"session": {"hear_timeout_s": 0.1}})
    async with hearing(weights, ScriptedASR([HANG]), settings) as clients:
        assert (await sent(clients, wav(tone(0.2, HEARING_RATE), HEARING_RATE))).status_code == 504


async def test_a_failure_has_a_status(weights: Weights) -> None:
    async with hearing(weights, ScriptedASR(EngineRefused("No ears."))) as clients:
        answer = await sent(clients)
    assert (answer.status_code, answer.json()["error"]["message"]) == (502, "No ears.")
