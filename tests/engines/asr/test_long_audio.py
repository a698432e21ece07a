"""Hours of audio, with a decoder that only notes what it is given: every step is short and can be the last."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import anyio
import anyio.from_thread
import numpy as np
import pytest

from myna.core.audio import HEARING_RATE
from myna.core.errors import BadAudio
from myna.engines.asr.faster_whisper import LONGEST_WINDOW_S, FasterWhisperASR, FasterWhisperOptions
from myna.engines.asr.whisper_decoding import VAD_FRAME, Decoded, Decoding, WhisperDecoder
from myna.engines.base import ASROptions, Samples, TranscriptSegment
from myna.engines.scheduler import open_scheduler

ENGLISH = ASROptions(language="en")
LONGEST_STEP_S = 5 * 60

pytestmark = pytest.mark.anyio


@dataclass
class NotingDecoder:
    """Hears a word in every window, which ends ``word_s`` after it began."""

    word_s: float = LONGEST_WINDOW_S
    languages: frozenset[str] = frozenset({"en", "zh"})
    judged_s: list[float] = field(default_factory=list[float])
    decoded_s: list[float] = field(default_factory=list[float])
    decoding: anyio.Event = field(default_factory=anyio.Event)

    def speech_probabilities(self, samples: Samples) -> Samples:
        self.judged_s.append(len(samples) / HEARING_RATE)
        return np.ones(-(-len(samples) // VAD_FRAME), np.float32)

    def decode(self, samples: Samples, decoding: Decoding) -> Decoded:
        audio_s = len(samples) / HEARING_RATE
        self.decoded_s.append(audio_s)
        anyio.from_thread.run_sync(self.decoding.set)
        segment = TranscriptSegment("word", 0, min(self.word_s, audio_s))
        return Decoded("en", " word", (segment,), no_speech=0, logprob=0, sound=True)


@asynccontextmanager
async def opened(decoder: NotingDecoder) -> AsyncGenerator[FasterWhisperASR]:
    async with open_scheduler({"cpu": 1}) as scheduler:
        whisper = cast(WhisperDecoder, cast(Any, decoder))
        yield FasterWhisperASR(whisper, FasterWhisperOptions(), scheduler, "cpu")


def tone(seconds: float) -> Samples:
    return np.full(round(seconds * HEARING_RATE), 0.1, np.float32)


async def test_two_hours_are_heard_whole_in_short_steps():
    decoder = NotingDecoder()
    async with opened(decoder) as asr:
        transcript = await asr.transcribe(tone(7200), ENGLISH)
    assert sum(decoder.judged_s) == pytest.approx(7200, abs=1)
    assert sum(decoder.decoded_s) == pytest.approx(7200, abs=1)
    assert max(decoder.judged_s) <= LONGEST_STEP_S
    assert max(decoder.decoded_s) <= LONGEST_WINDOW_S
    assert transcript.segments[-1].end_s == pytest.approx(7200, abs=1)


async def test_two_hours_are_abandoned_at_the_step_that_runs():
    decoder = NotingDecoder()
    async with opened(decoder) as asr, anyio.create_task_group() as tasks:
        tasks.start_soon(asr.transcribe, tone(7200), ENGLISH)
        await decoder.decoding.wait()
        tasks.cancel_scope.cancel()
    assert 1 <= len(decoder.decoded_s) <= 2


async def test_short_words_in_long_windows_cost_no_more_than_a_step_a_second():
    decoder = NotingDecoder(word_s=0.1)
    async with opened(decoder) as asr:
        await asr.transcribe(tone(60), ENGLISH)
    assert 6 <= len(decoder.decoded_s) <= 66


async def test_a_window_is_heard_again_from_where_its_words_ended():
    decoder = NotingDecoder(word_s=8)
    async with opened(decoder) as asr:
        transcript = await asr.transcribe(tone(20), ENGLISH)
    assert [round(segment.end_s) for segment in transcript.segments] == [8, 16, 20]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
async def test_a_value_that_is_no_number_is_found_wherever_it_is(value: float):
    samples = tone(3600)
    samples[-100] = value
    decoder = NotingDecoder()
    async with opened(decoder) as asr:
        with pytest.raises(BadAudio, match="no numbers"):
            await asr.transcribe(samples, ENGLISH)
    assert not decoder.judged_s
