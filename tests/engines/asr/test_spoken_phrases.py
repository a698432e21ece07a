"""What Whisper makes up on silence can also be said: then it is heard. Spoken by Kokoro."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

import numpy as np
import pytest
from tests.engines.noises import noise

from myna.core.audio import HEARING_RATE
from myna.engines.asr import faster_whisper
from myna.engines.asr.faster_whisper import FasterWhisperOptions
from myna.engines.base import ASR, TTS, ASROptions, Resources, Samples, VoiceStyle
from myna.engines.samples import resample
from myna.engines.scheduler import open_scheduler
from myna.engines.tts import kokoro
from myna.engines.tts.kokoro import KokoroOptions
from myna.weights.locate import Weights

pytestmark = [pytest.mark.models, pytest.mark.anyio]

PHRASES = [
    ("zf_xiaoyi", "谢谢。", "谢谢"),
    ("zm_yunjian", "谢谢你。", "谢谢你"),
    ("zf_xiaoyi", "谢谢观看。", "谢谢观看"),
    ("af_heart", "Thank you.", "thank you"),
    ("am_adam", "Thank you for watching.", "thank you for watching"),
    ("bf_emma", "Bye.", "bye"),
]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def engines(anyio_backend: str, weights: Weights) -> AsyncGenerator[tuple[ASR, TTS]]:
    async with open_scheduler({"cpu": 2}) as scheduler:
        resources = Resources(weights, scheduler, "cpu")
        async with (
            faster_whisper.plugin.open(FasterWhisperOptions(), resources) as asr,
            kokoro.plugin.open(KokoroOptions.model_validate({}), resources) as tts,
        ):
            yield asr, tts


async def speak(tts: TTS, voice: str, text: str) -> Samples:
    async with aclosing(tts.synthesize(text, VoiceStyle(voice))) as speech:
        spoken = np.concatenate([piece.samples async for piece in speech])
    around = np.zeros(HEARING_RATE // 2, np.float32)
    return np.concatenate([around, resample(spoken, tts.info.sample_rate, HEARING_RATE), around])


@pytest.mark.parametrize(("voice", "text", "words"), PHRASES, ids=[voice for voice, _, _ in PHRASES])
@pytest.mark.parametrize("heard", ["clearly", "faintly", "over noise"])
async def test_a_phrase_that_is_often_made_up_is_heard_when_it_is_said(
    engines: tuple[ASR, TTS], voice: str, text: str, words: str, heard: str
):
    asr, tts = engines
    samples = await speak(tts, voice, text)
    if heard == "faintly":
        samples = samples * np.float32(0.01)
    elif heard == "over noise":
        samples = samples + (0.02 * noise(len(samples) / HEARING_RATE, exponent=1)).astype(np.float32)
    transcript = await asr.transcribe(samples, ASROptions())
    assert words in transcript.text.lower()
