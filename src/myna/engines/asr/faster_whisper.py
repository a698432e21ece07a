"""Whisper through faster-whisper and CTranslate2, on a short window."""

from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from math import isfinite
from typing import Literal, TypeVar

import anyio.lowlevel
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from myna.core.audio import HEARING_RATE
from myna.core.errors import BadAudio, BadConfig, EngineUnavailable, UnknownName
from myna.engines.asr.whisper_decoding import (
    FULL_WINDOW_S,
    VAD_FRAME,
    Decoded,
    Decoding,
    Loading,
    WhisperDecoder,
    has_cuda,
    load_decoder,
)
from myna.engines.asr.whisper_guards import Evidence, is_doubtful, is_impossible, is_made_up
from myna.engines.asr.windows import Window, speech_windows
from myna.engines.base import ASR, ASRInfo, ASROptions, Resources, Samples, Transcript, TranscriptSegment, Word
from myna.engines.scheduler import Scheduler, Urgency

T = TypeVar("T")

SHORTEST_S = 0.1
"""In less there is no word."""

SHORT_WINDOW_S = 8.0
"""Below this Whisper loops on a third of short clips, and at a *better* log-probability."""

LONGEST_WINDOW_S = 20.0
"""Long audio is cut to this. In windows of 29 s a step takes longer, and Whisper base makes more errors."""

_STEP = 5 * 60 * HEARING_RATE  # 0.4 s of work for the VAD
_VAD_FRAME_S = VAD_FRAME / HEARING_RATE
_LEAST_FRAMES = round(1 / _VAD_FRAME_S)  # what is heard again begins so much later at least
_SURE = 0.5  # from this probability on, a frame counts as speech
_MISSED_S = 0.5  # so much speech after the last word is heard again
_PEAK = 0.3
_HIGHEST_GAIN = 100.0

_NAMES = ("tiny", "base", "small", "medium", "large-v1", "large-v2", "large-v3", "large-v3-turbo")

ComputeType = Literal[
    "auto", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16", "float32"
]


class FasterWhisperOptions(BaseModel):
    """``[faster_whisper]``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        default="whisper-base",
        description="A catalog name, a Whisper name such as `small` or `large-v2`, or the path of a folder with a "
        "CTranslate2 model.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="`auto` follows the general `device`.")
    compute_type: ComputeType = Field(default="auto", description="`auto` is int8 on a CPU and float16 on CUDA.")
    languages: tuple[str, ...] = Field(
        default=("zh", "en"),
        description="What may be detected where no language is fixed; empty for anything Whisper knows. Few are "
        "better: short utterances are easily taken for another language.",
    )
    beam_size: int = Field(default=5, ge=1, le=20, description="How many hypotheses are followed; 1 is fastest.")
    threads: int = Field(
        default=1,
        ge=1,
        description="CPU threads for one utterance. More help bigger models, and only where cores are idle.",
    )


def catalog_name(model: str) -> str:
    """What to look a model up by: ``small`` is ``whisper-small`` in the catalog."""
    return f"whisper-{model}" if model in _NAMES else model


def _candidates(options: FasterWhisperOptions, known: frozenset[str]) -> tuple[str, ...]:
    if len(known) == 1:  # an English-only model
        return tuple(known)
    if unknown := set(options.languages) - known:
        raise BadConfig(
            f"faster_whisper.languages: {options.model} does not hear {', '.join(sorted(unknown))}.",
            hint=f"It hears {', '.join(sorted(known))}.",
        )
    return options.languages


def _slots(device: str, scheduler: Scheduler) -> str:
    return "cuda" if device == "cuda" and "cuda" in scheduler.load() else "cpu"


class FasterWhisperASR:
    """A `myna.engines.base.ASR`. Made by `plugin`; ``device`` is where its decoder computes."""

    def __init__(
        self, decoder: WhisperDecoder, options: FasterWhisperOptions, scheduler: Scheduler, device: str
    ) -> None:
        self.info = ASRInfo(options.model, HEARING_RATE, decoder.languages, word_times=True)
        self._decoder = decoder
        self._options = options
        self._scheduler = scheduler
        self.device = device
        self._slots = _slots(device, scheduler)
        self._candidates = _candidates(options, decoder.languages)

    async def transcribe(self, samples: Samples, options: ASROptions) -> Transcript:
        """Hear ``samples``.

        Raises:
            BadAudio: Values that are no numbers.
            UnknownName: A language that the model does not hear.
            EngineUnavailable: The model failed, for example for want of memory.
        """
        gain = _gain(await _peak(samples))
        languages = self._languages(options.language)
        if len(samples) < SHORTEST_S * HEARING_RATE:
            return Transcript("", None)
        probabilities = await self._speech(samples, gain, options)
        text = ""
        segments: list[TranscriptSegment] = []
        sure = probabilities >= _SURE
        windows = deque(speech_windows(probabilities, _VAD_FRAME_S, LONGEST_WINDOW_S))
        while windows:
            window = windows.popleft()
            speech_s = _seconds(sure[window.first : window.end])
            within = samples[window.first * VAD_FRAME : window.end * VAD_FRAME] * gain
            decoded = await self._hear(within, speech_s, languages, options)
            if decoded is None:
                continue
            languages = (decoded.language,)  # one transcript, one language
            text += decoded.text
            segments += (_moved(segment, window.first * _VAD_FRAME_S) for segment in decoded.segments)
            # Whisper leaves a sentence that it takes for unfinished to the next window.
            rest = window.first + max(int(decoded.segments[-1].end_s / _VAD_FRAME_S), _LEAST_FRAMES)
            if _seconds(sure[rest : window.end]) > _MISSED_S:
                windows.appendleft(Window(rest, window.end))
        return Transcript(text.strip(), languages[0] if text else None, tuple(segments))

    def _languages(self, wanted: str | None) -> tuple[str, ...]:
        if wanted is None:
            return self._candidates
        if wanted not in self.info.languages:
            raise UnknownName(
                f"The Whisper model {self.info.model} does not hear the language {wanted!r}.",
                hint=f"It hears {', '.join(sorted(self.info.languages))}.",
            )
        return (wanted,)

    async def _speech(self, samples: Samples, gain: np.float32, options: ASROptions) -> NDArray[np.float32]:
        def probabilities(first: int) -> NDArray[np.float32]:
            return self._decoder.speech_probabilities(samples[first : first + _STEP] * gain)

        return np.concatenate(
            [await self._run(partial(probabilities, first), options) for first in range(0, len(samples), _STEP)]
        )

    async def _hear(
        self, samples: Samples, speech_s: float, languages: tuple[str, ...], options: ASROptions
    ) -> Decoded | None:
        """What is said in a window; None if nobody speaks in it."""
        beam_size = 1 if options.partial else self._options.beam_size
        for window_s in (SHORT_WINDOW_S, FULL_WINDOW_S):
            decoding = Decoding(languages, window_s, beam_size, options.hint, options.word_times)
            decoded = await self._run(partial(self._decoder.decode, samples, decoding), options)
            evidence = Evidence(decoded.text, speech_s, decoded.no_speech, decoded.logprob)
            if is_made_up(evidence):
                return None
            if decoded.sound and not is_doubtful(evidence):
                return decoded
        return None if is_impossible(evidence) else decoded

    async def _run(self, call: Callable[[], T], options: ASROptions) -> T:
        urgency = Urgency.BACKGROUND if options.recording else Urgency.HEARING
        if options.partial and not options.awaited:
            urgency = Urgency.PARTIAL
        try:
            return await self._scheduler.run(call, device=self._slots, urgency=urgency)
        except RuntimeError as error:  # what CTranslate2 raises
            raise EngineUnavailable(
                f"The Whisper model {self.info.model} failed: {error}.", hint="Try again, or choose a smaller model."
            ) from error


async def _peak(samples: Samples) -> float:
    """The highest level; in steps, so that hours of audio hold up nobody else.

    Raises:
        BadAudio: Values that are no numbers.
    """
    peak = 0.0
    for first in range(0, len(samples), _STEP):
        piece = samples[first : first + _STEP]
        level = max(float(piece.max()), -float(piece.min()))
        if not isfinite(level):
            raise BadAudio("The samples hold values that are no numbers.", hint="Check what recorded them.")
        peak = max(peak, level)
        await anyio.lowlevel.checkpoint()
    return peak


def _gain(peak: float) -> np.float32:
    """What makes quiet samples louder: below a hundredth of full scale the VAD misses most speech."""
    return np.float32(min(_HIGHEST_GAIN, _PEAK / peak) if 0 < peak < _PEAK else 1)


def _seconds(frames: NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(frames)) * _VAD_FRAME_S


def _moved(segment: TranscriptSegment, by_s: float) -> TranscriptSegment:
    words = tuple(Word(word.text, word.start_s + by_s, word.end_s + by_s) for word in segment.words)
    return TranscriptSegment(segment.text, segment.start_s + by_s, segment.end_s + by_s, words)


class FasterWhisperPlugin:
    """Opens `FasterWhisperASR`."""

    options_model = FasterWhisperOptions

    def weights(self, options: FasterWhisperOptions) -> tuple[str, ...]:
        """The model."""
        return (catalog_name(options.model),)

    @asynccontextmanager
    async def open(self, options: FasterWhisperOptions, resources: Resources) -> AsyncGenerator[ASR]:
        """Load the model.

        Raises:
            BadConfig: No Whisper model, or a compute type or a language that it does not have.
            WeightsDamaged: The model cannot be read.
        """
        folder = resources.weights.locate(catalog_name(options.model))
        scheduler = resources.scheduler
        device = resources.device if options.device == "auto" else options.device
        if device == "auto":
            device = "cuda" if await scheduler.run(has_cuda) else "cpu"
        slots = _slots(device, scheduler)
        compute_type = options.compute_type
        if compute_type == "auto":
            compute_type = "float16" if device == "cuda" else "int8"
        loading = Loading(folder, device, compute_type, options.threads, workers=scheduler.load()[slots].slots)
        decoder = await scheduler.run(partial(load_decoder, loading), device=slots)
        yield FasterWhisperASR(decoder, options, scheduler, device)


plugin = FasterWhisperPlugin()
