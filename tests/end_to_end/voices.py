"""A mouth and an ear for tests: what users say is spoken, and what the bot said is heard, by a server's own engines."""

from functools import cache
from io import BytesIO
from typing import Any

import httpx
import soundfile

from myna.core.audio import HEARING_RATE
from myna.engines.base import Samples
from myna.engines.samples import from_pcm16, resample

SPEECH_RATE = 24_000
PATIENCE_S = 300


@cache
def spoken(url: str, text: str, voice: str = "af_heart") -> Samples:
    """``text`` in a voice of Kokoro, at 16 kHz. Blocks."""
    body = {"model": "tts-1", "voice": voice, "input": text, "response_format": "pcm"}
    answer = httpx.post(f"{url}/v1/audio/speech", json=body, timeout=PATIENCE_S)
    assert answer.status_code == 200, answer.text
    return resample(from_pcm16(answer.content), SPEECH_RATE, HEARING_RATE)


async def heard(url: str, samples: Samples, language: str | None = None) -> str:
    """What is said in samples at 16 kHz."""
    async with httpx.AsyncClient(timeout=PATIENCE_S) as http:
        return _text(await http.post(f"{url}/v1/audio/transcriptions", **_recording(samples, language)))


def heard_meanwhile(url: str, samples: Samples, language: str | None = None) -> str:
    """The same, for tests that have an event loop of another's. Blocks."""
    return _text(httpx.post(f"{url}/v1/audio/transcriptions", timeout=PATIENCE_S, **_recording(samples, language)))


def _recording(samples: Samples, language: str | None) -> dict[str, Any]:
    file = BytesIO()
    soundfile.write(file, samples, HEARING_RATE, format="WAV")
    form = {"model": "whisper-1"} | ({"language": language} if language else {})
    return {"data": form, "files": {"file": ("reply.wav", file.getvalue())}}


def _text(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    return answer.json()["text"]
