"""Kokoro-82M v1.0 on onnxruntime: Chinese and English, mixed within a sentence.

The model (hexgrad/Kokoro-82M, exported by thewh1teagle/kokoro-onnx) takes phonemes, a style vector and a speed, and
gives 24 kHz audio. It tells no times, so there are no marks.
"""

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from myna.core.errors import BadInput, WeightsDamaged, WeightsMissing
from myna.engines.abandoned import run_abandonable
from myna.engines.base import Resources, Samples, Speech, TTSInfo, VoiceStyle
from myna.engines.onnx import OnnxSession, device_of, load_onnxruntime, open_onnx
from myna.engines.scheduler import Scheduler, Urgency
from myna.engines.tts.bilingual import with_partner
from myna.engines.tts.kokoro_vocabulary import PAD, VOCABULARY
from myna.engines.tts.kokoro_voices import KokoroVoices, is_chinese, open_voices
from myna.engines.tts.pronunciation import Pronunciation, cut, main_language, open_pronunciation
from myna.engines.tts.waveform import finish, restyle

SAMPLE_RATE = 24_000

LONGEST_PIECE = 160
"""In phonemes, some 12 s of speech. The model takes 510, but what it does at once cannot be interrupted."""

_PART = re.compile(r"[\s\S]{1,1000}(?:(?<=[。！？!?\n])|(?<=\.\s)|\Z)|[\s\S]{1,1000}")
"""What is read at once: whole sentences, if they end anywhere. Reading cannot be interrupted either."""

SPEEDS = (0.5, 2.0)
PITCHES = (-12.0, 12.0)

_PAUSES_S: Mapping[str, float] = {"…": 0.45, **dict.fromkeys(".!?", 0.3), **dict.fromkeys(",;:—", 0.15)}
_PAUSE_S = 0.1
"""After a piece without a mark at its end."""


class KokoroOptions(BaseModel):
    """The section ``[kokoro]``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        default="kokoro-v1.0", description="A catalog name, or a folder with an .onnx file and voices/*.bin."
    )
    english: str = Field(default="misaki-en", description="The English dictionary: a catalog name, or a folder.")
    threads: int = Field(default=2, ge=1, le=64, description="Threads of one inference.")


@dataclass(frozen=True, slots=True)
class _Loaded:
    session: OnnxSession
    voices: KokoroVoices
    pronunciation: Pronunciation


@dataclass(frozen=True, slots=True)
class _Manner:
    """A voice style as the model and what follows it take it."""

    voices: Mapping[str, float]
    speed: float
    pitch: float


class KokoroTTS:
    """Speaks. Made by `plugin`.

    Any voice speaks any text. ``VoiceStyle.reference`` is left aside: Kokoro does not clone.
    """

    def __init__(self, model: str, loaded: _Loaded, scheduler: Scheduler) -> None:
        self._loaded = loaded
        self._scheduler = scheduler
        self._info = TTSInfo(
            model=model,
            sample_rate=SAMPLE_RATE,
            languages=frozenset({"zh", "en"}),
            voices=loaded.voices.voices(),
            marks=False,
        )

    @property
    def info(self) -> TTSInfo:
        """What this engine is."""
        return self._info

    @property
    def device(self) -> str:
        """See `myna.engines.base.TellsDevice`."""
        return device_of(self._loaded.session)

    async def synthesize(
        self, text: str, style: VoiceStyle, *, language: str | None = None, urgent: bool = False
    ) -> AsyncGenerator[Speech]:
        """Speak; a long text comes in pieces of some 12 s at most.

        Raises:
            UnknownName: No such voice.
            BadInput: A speed, pitch or blend out of range.
        """
        manner = self._manner(style)
        run = partial(self._scheduler.run, urgency=Urgency.SPEAKING)
        language = language or main_language(text, "zh" if all(map(is_chinese, manner.voices)) else "en")
        for part in _PART.findall(text):
            begin = partial(self._begin, part, language, manner)
            first, others = await run(begin, urgency=Urgency.FIRST_WORDS if urgent else Urgency.SPEAKING)
            if first is not None:
                urgent = False
                yield first
            for piece in others:
                yield await run(partial(self._speak, piece, manner))

    def _manner(self, style: VoiceStyle) -> _Manner:
        for name, value, (low, high) in (("speed", style.speed, SPEEDS), ("pitch", style.pitch, PITCHES)):
            if not low <= value <= high:
                raise BadInput(f"A {name} of {value:g} cannot be spoken.", hint=f"It goes from {low:g} to {high:g}.")
        return _Manner(self._loaded.voices.weights(style.voice), style.speed, style.pitch)

    def _begin(self, text: str, language: str | None, manner: _Manner) -> tuple[Speech | None, Sequence[str]]:
        """The first piece's speech, and the other pieces: one call, so that the first waits for the device once."""
        chinese_voice = all(map(is_chinese, manner.voices))
        phonemes = self._loaded.pronunciation.phonemes(text, language, chinese_voice=chinese_voice)
        pieces = cut(phonemes, LONGEST_PIECE)
        return (self._speak(pieces[0], manner), pieces[1:]) if pieces else (None, ())

    def _speak(self, phonemes: str, manner: _Manner) -> Speech:
        voices = with_partner(manner.voices, phonemes, self._loaded.voices.styles)
        style = self._loaded.voices.style(voices, len(phonemes))
        # The model's own speed is left alone: it rounds each phoneme to 25 ms, and 1.25 would come out as 1.15
        samples = _infer(self._loaded.session, phonemes, style)
        samples = restyle(samples, SAMPLE_RATE, manner.speed, manner.pitch)
        return Speech(finish(samples, SAMPLE_RATE, _PAUSES_S.get(phonemes[-1], _PAUSE_S) / manner.speed))


def _infer(session: OnnxSession, phonemes: str, style: Samples) -> Samples:
    tokens = [PAD, *(VOCABULARY[symbol] for symbol in phonemes), PAD]
    inputs = {"tokens": np.array([tokens], np.int64), "style": style, "speed": np.ones(1, np.float32)}
    return cast(Samples, session.run(None, inputs)[0]).reshape(-1)


def _load(folder: Path, english: Path, threads: int, device: str) -> _Loaded:
    model = next(iter(sorted(folder.glob("*.onnx"))), None)
    if model is None:
        raise WeightsMissing(f"There is no .onnx file in {folder}.", hint="It takes one, and voices/*.bin beside it.")
    # Patient: what else hears, looks up and sends would wait behind seconds of speech
    session, voices = open_onnx(model, threads=threads, patient=True, device=device), open_voices(folder / "voices")
    invalid = load_onnxruntime().capi.onnxruntime_pybind11_state.InvalidArgument
    try:  # the first inference is slow; also, it shows whether the model is one
        _infer(session, "wˈɔɹm", next(iter(voices.styles.values()))[:1])
    except (ValueError, invalid) as error:
        raise WeightsDamaged(f"{model} is not Kokoro v1.0.", hint="Its inputs are tokens, style and speed.") from error
    return _Loaded(session, voices, open_pronunciation(english))


class _Plugin:
    """Opens Kokoro; the entry point ``kokoro`` names its only instance."""

    options_model = KokoroOptions

    def weights(self, options: KokoroOptions) -> Sequence[str]:
        return (options.model, options.english)

    @asynccontextmanager
    async def open(self, options: KokoroOptions, resources: Resources) -> AsyncGenerator[KokoroTTS]:
        folder, english = (resources.weights.locate(name) for name in self.weights(options))
        load = partial(_load, folder, english, options.threads, resources.device)
        yield KokoroTTS(folder.name, await run_abandonable(load), resources.scheduler)


plugin = _Plugin()
