"""What every ASR engine must do.

::

    class TestMyASR(ASRConformance):
        @pytest.fixture(scope="class")
        async def asr(self, anyio_backend):
            async with open_my_asr() as asr:
                yield asr

        @pytest.fixture
        def spoken(self):
            return Spoken(samples, "zh", "你好")
"""

from dataclasses import dataclass
from itertools import pairwise

import anyio
import numpy as np
import pytest

from myna.engines.base import ASR, ASROptions, Samples, Transcript
from myna.testing.conformance.giving_up import give_up

PATIENCE_S = 120.0
"""What takes longer hangs."""

DETECT = ASROptions()


@dataclass(frozen=True, slots=True)
class Spoken:
    """A few seconds of speech at the engine's sample rate, and words that any engine should hear in it."""

    samples: Samples
    language: str
    words: str


async def hear(asr: ASR, samples: Samples, options: ASROptions = DETECT) -> Transcript:
    """The transcript; every rule for transcripts is checked on the way."""
    with anyio.fail_after(PATIENCE_S):
        transcript = await asr.transcribe(samples, options)
    assert transcript.text == transcript.text.strip()
    assert (transcript.language is None) == (not transcript.text)
    before_s = 0.0
    for segment in transcript.segments:
        assert segment.text
        assert before_s <= segment.start_s <= segment.end_s <= len(samples) / asr.info.sample_rate + 0.01
        before_s = segment.start_s
    return transcript


@pytest.mark.anyio
class ASRConformance:
    """Derive from it and override the fixtures ``asr`` and ``spoken``."""

    @pytest.fixture(scope="class")
    @classmethod
    def anyio_backend(cls) -> str:
        """The event loop that the engine runs on."""
        return "asyncio"

    @pytest.fixture
    def asr(self) -> ASR:
        """The engine, open."""
        raise NotImplementedError("override the fixture asr")

    @pytest.fixture
    def spoken(self) -> Spoken:
        """What it has to hear."""
        raise NotImplementedError("override the fixture spoken")

    async def test_it_says_what_it_is(self, asr: ASR):
        assert asr.info.model
        assert asr.info.sample_rate > 0

    async def test_speech_is_heard(self, asr: ASR, spoken: Spoken):
        transcript = await hear(asr, spoken.samples)
        assert spoken.words in transcript.text
        assert transcript.language == spoken.language
        assert spoken.words in "".join(segment.text for segment in transcript.segments)

    async def test_a_fixed_language_is_the_language_of_the_transcript(self, asr: ASR, spoken: Spoken):
        transcript = await hear(asr, spoken.samples, ASROptions(language=spoken.language))
        assert spoken.words in transcript.text
        assert transcript.language == spoken.language

    async def test_a_partial_hears_as_well(self, asr: ASR, spoken: Spoken):
        transcript = await hear(asr, spoken.samples, ASROptions(language=spoken.language, partial=True))
        assert transcript.text

    @pytest.mark.parametrize("samples", [0, 1, 100, 1599])
    async def test_next_to_no_samples_are_an_empty_transcript(self, asr: ASR, samples: int):
        assert (await hear(asr, np.zeros(samples, np.float32))).text == ""

    @pytest.mark.parametrize("seconds", [0.5, 3, 30])
    async def test_silence_is_an_empty_transcript(self, asr: ASR, seconds: float):
        assert (await hear(asr, np.zeros(int(seconds * asr.info.sample_rate), np.float32))).text == ""

    @pytest.mark.parametrize("level", [0.001, 0.1, 1])
    @pytest.mark.parametrize("language", [None, "zh", "en"])
    async def test_white_noise_is_an_empty_transcript(self, asr: ASR, level: float, language: str | None):
        noise = np.random.default_rng(0).uniform(-level, level, 3 * asr.info.sample_rate).astype(np.float32)
        assert (await hear(asr, noise, ASROptions(language=language))).text == ""

    @pytest.mark.parametrize("hertz", [60, 440, 2000])
    async def test_a_tone_is_an_empty_transcript(self, asr: ASR, hertz: float):
        time_s = np.arange(2 * asr.info.sample_rate) / asr.info.sample_rate
        tone = 0.5 * np.sin(2 * np.pi * hertz * time_s)
        assert (await hear(asr, tone.astype(np.float32))).text == ""

    async def test_the_same_samples_give_the_same_transcript(self, asr: ASR, spoken: Spoken):
        assert await hear(asr, spoken.samples) == await hear(asr, spoken.samples)

    async def test_calls_at_the_same_time_do_not_hear_each_other(self, asr: ASR, spoken: Spoken):
        alone = await hear(asr, spoken.samples)
        silence = np.zeros(asr.info.sample_rate, np.float32)
        heard: list[Transcript] = []

        async def one(samples: Samples) -> None:
            heard.append(await hear(asr, samples))

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(one, spoken.samples)
                tasks.start_soon(one, silence)
        assert sorted(transcript.text for transcript in heard) == ["", "", "", *[alone.text] * 3]

    async def test_after_a_call_was_cancelled_the_next_is_answered(self, asr: ASR, spoken: Spoken):
        alone = await hear(asr, spoken.samples)
        for _ in range(4):  # more than an engine would have slots to lose
            await give_up(asr.transcribe(spoken.samples, DETECT), after_s=0.05)
        assert await hear(asr, spoken.samples) == alone

    async def test_word_times_lie_in_their_segments_where_the_engine_promises_them(self, asr: ASR, spoken: Spoken):
        if not asr.info.word_times:
            pytest.skip("does not promise them")
        transcript = await hear(asr, spoken.samples, ASROptions(language=spoken.language, word_times=True))
        words = [word for segment in transcript.segments for word in segment.words]
        assert spoken.words in "".join(word.text for word in words)
        for word, later in pairwise(words):
            assert 0 <= word.start_s <= word.end_s <= later.end_s
