"""The engines of hearing, and asking them: a job in the session's task group for each call, bounded."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio
from anyio.abc import TaskGroup

from myna.core.audio import HEARING_RATE
from myna.core.errors import MynaError
from myna.engines.base import ASR, VAD, ASROptions, Samples, Transcript, TurnDetector
from myna.engines.samples import resample
from myna.session.bounds import Limits, within
from myna.session.pace import Pace
from myna.session.recognition import Recognition, Work

SLOWEST_HEARING = 4
"""How many times faster than real time an ASR is at least, beside the limit that was set: long audio takes long."""

DETECTOR_S = 5.0
"""How long a turn detector may take; longer than any silence that it could shorten."""


@dataclass(frozen=True, slots=True)
class Ears:
    """The engines of hearing. Without a VAD only what is committed can be heard."""

    asr: ASR
    vad: VAD | None = None
    detector: TurnDetector | None = None


@dataclass(frozen=True, slots=True)
class HearingOptions:
    """How a session hears.

    Attributes:
        tick_s: A partial transcript waits for so much new audio.
        decode_window_s: How much audio is heard at a time.
        max_utterance_s: An utterance that is longer is over.
        missed: So many samples of the session's audio came before it could hear.
        pace: How fast the audio comes.
        language: What the user is likely to speak, as an ISO 639-1 code, until it is known what he does.
    """

    limits: Limits = field(default_factory=Limits)
    tick_s: float = 0.25
    decode_window_s: float = 8.0
    max_utterance_s: float = 1800.0
    missed: int = 0
    pace: Pace = field(default_factory=Pace)
    language: str | None = None


@dataclass(eq=False, slots=True)
class Job:
    """Something that an engine does for an utterance; ``work`` is None for the turn detector."""

    recognition: Recognition
    work: Work | None
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    @property
    def gives_way(self) -> bool:
        """Whether it is a partial transcript, or a final one of what was not all."""
        work = self.work
        return work is None or work.kind == "partial" or (work.kind == "final" and self.recognition.wanted != work.end)


@dataclass(frozen=True, slots=True)
class Done:
    """A job has ended: a transcript, the probability of a turn detector, or why there is neither."""

    job: Job
    result: Transcript | float | MynaError


@dataclass(frozen=True, slots=True)
class Asking:
    """Starts jobs. ``done`` is awaited with the end of each, unless it was left (`Job.scope` cancelled)."""

    ears: Ears
    hear_s: float
    jobs: TaskGroup
    done: Callable[[Done], Awaitable[None]]

    def transcribe(self, recognition: Recognition, work: Work, options: ASROptions) -> Job:
        """Ask the ASR."""
        job = Job(recognition, work)
        self.jobs.start_soon(self._transcribe, job, recognition.samples(work.first, work.end), options)
        return job

    def detect(self, detector: TurnDetector, recognition: Recognition) -> Job:
        """Ask the turn detector."""
        job = Job(recognition, None)
        self.jobs.start_soon(self._detect, job, detector, recognition.last(), recognition.draft.text)
        return job

    async def _transcribe(self, job: Job, samples: Samples, options: ASROptions) -> None:
        asr = self.ears.asr
        waited_s = job.recognition.waited_s(anyio.current_time())
        limit_s = self.hear_s + len(samples) / HEARING_RATE / SLOWEST_HEARING - waited_s
        asked = asr.transcribe(_at(samples, asr.info.sample_rate), options)
        await self._run(job, round(limit_s, 1), asked, f"The ASR {asr.info.model}")

    async def _detect(self, job: Job, detector: TurnDetector, samples: Samples, text: str) -> None:
        asked = detector.completeness(_at(samples, detector.sample_rate), text)
        await self._run(job, DETECTOR_S, asked, "The turn detector")

    async def _run(self, job: Job, limit_s: float, asked: Awaitable[Transcript | float], what: str) -> None:
        result: Transcript | float | MynaError
        with job.scope:
            try:
                result = await within(limit_s, asked, what)
            except MynaError as error:
                result = error
            await self.done(Done(job, result))


def _at(samples: Samples, sample_rate: int) -> Samples:
    return samples if sample_rate == HEARING_RATE else resample(samples, HEARING_RATE, sample_rate)
