"""Kokoro-82M on onnxruntime: Chinese and English, mixed within a sentence.

Run directly: the package kokoro-onnx brings phonemizer and espeak-ng, which are under the GPL. The model's inputs are
those of hexgrad/Kokoro-82M: symbols, a style vector chosen by how many they are, and the speed.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias, cast

import numpy as np
import soxr
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from myna.core.errors import BadInput, UnknownName, WeightsDamaged
from myna.engines.base import Resources, Samples, Speech, TTSInfo, Voice, VoiceStyle
from myna.engines.onnx import OnnxSession, open_onnx
from myna.engines.scheduler import Scheduler, Urgency
from myna.engines.tts.kokoro_vocabulary import LONGEST, PAD, VOCABULARY
from myna.engines.tts.loudness import finish
from myna.engines.tts.pronunciation import Pronunciation, cut, open_pronunciation

RATE = 24_000
LONGEST_PIECE = 300
"""In symbols, some 20 s: quality falls long before the model's limit, and a step has to be short enough to abandon."""

VoiceTensor: TypeAlias = NDArray[np.float32]
"""Style vectors by the number of symbols; shape ``(LONGEST, 1, 256)``."""

_LANGUAGES = {"a": "en", "b": "en", "z": "zh", "e": "es", "f": "fr", "h": "hi", "i": "it", "j": "ja", "p": "pt"}
_GENDERS: Mapping[str, Literal["female", "male"]] = {"f": "female", "m": "male"}
_WARM_UP = "ðə kwˈɪk bɹˈWn fˈɑks."


class KokoroOptions(BaseModel):
    """``[kokoro]``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        default="kokoro-v1.0",
        description="A catalog name, or the path of a folder with one `.onnx` file and `voices/*.bin`.",
    )
    english: str = Field(
        default="english-pronunciation",
        description="How English words are spoken: a catalog name, or the path of a folder with the same files.",
    )
    threads: int = Field(default=2, ge=1, le=64, description="Threads of one synthesis.")


@dataclass(frozen=True, slots=True)
class KokoroTTS:
    """The voice. Made by `open_kokoro`."""

    info: TTSInfo
    _session: OnnxSession
    _pronunciation: Pronunciation
    _voices: Mapping[str, Path]
    _scheduler: Scheduler
    _loaded: dict[str, VoiceTensor] = field(default_factory=dict[str, VoiceTensor])

    async def synthesize(self, text: str, style: VoiceStyle, *, language: str | None = None) -> AsyncGenerator[Speech]:
        """Speak ``text``; a long one in several pieces. A ``reference`` is not used: Kokoro does not clone voices.

        Raises:
            UnknownName: No such voice; the hint lists what there is.
            BadInput: Speed or pitch out of range.
            WeightsDamaged: The voice's file is not a voice.
        """
        _check(style)
        voice = self.blend(style.voice)
        phonemes = await self._scheduler.run(
            partial(self._pronunciation.phonemes, text, language), urgency=Urgency.SPEAKING
        )
        for piece in cut(phonemes, LONGEST_PIECE):
            samples = await self._scheduler.run(
                partial(_speak, self._session, piece, voice, style.speed, style.pitch), urgency=Urgency.SPEAKING
            )
            yield Speech(samples)

    def blend(self, voice: str | Mapping[str, float]) -> VoiceTensor:
        """A voice, or the weighted mean of several.

        Raises:
            UnknownName: No such voice; the hint lists what there is.
        """
        blend = {voice: 1.0} if isinstance(voice, str) else voice
        whole = sum(blend.values())
        if not blend or whole <= 0 or min(blend.values()) < 0:
            raise BadInput("The weights of the voices in a blend do not add up.", hint="Give each one above 0.")
        parts = [self._one(name) * np.float32(weight / whole) for name, weight in blend.items()]
        return cast(VoiceTensor, sum(parts[1:], start=parts[0]))

    def _one(self, name: str) -> VoiceTensor:
        if name not in self._voices:
            raise UnknownName(f"Kokoro has no voice {name}.", hint=f"There is: {', '.join(self._voices)}")
        if name not in self._loaded:
            values = np.fromfile(self._voices[name], np.float32)
            if values.size != LONGEST * 256:
                raise WeightsDamaged(f"{self._voices[name]} is no voice.", hint="Run: myna models verify")
            self._loaded[name] = values.reshape(LONGEST, 1, 256)
        return self._loaded[name]


def _check(style: VoiceStyle) -> None:
    if not 0.5 <= style.speed <= 2:
        raise BadInput(f"A speed of {style.speed:g} is out of range.", hint="Choose one from 0.5 to 2.")
    if not -12 <= style.pitch <= 12:
        raise BadInput(f"A pitch of {style.pitch:g} semitones is out of range.", hint="Choose one from -12 to 12.")


def _speak(session: OnnxSession, phonemes: str, voice: VoiceTensor, speed: float, pitch: float) -> Samples:
    """One inference. Pitch is changed by playing faster what was spoken slower by as much."""
    ratio = 2 ** (pitch / 12)
    tokens = [VOCABULARY[symbol] for symbol in phonemes]
    inputs = {
        "tokens": np.array([[PAD, *tokens, PAD]], np.int64),
        "style": voice[len(tokens) - 1],
        "speed": np.array([speed / ratio], np.float32),
    }
    samples = cast(Samples, session.run(None, inputs)[0]).astype(np.float32)
    if pitch:
        samples = cast(Samples, soxr.resample(samples, RATE * ratio, RATE))
    return finish(samples, RATE)


def _voices(folder: Path) -> dict[str, Path]:
    return {path.stem: path for path in sorted((folder / "voices").glob("*.bin"))}


def _described(name: str) -> Voice:
    language = _LANGUAGES.get(name[:1])
    return Voice(name, (language,) if language else (), _GENDERS.get(name[1:2], "other"))


@asynccontextmanager
async def open_kokoro(options: KokoroOptions, resources: Resources) -> AsyncGenerator[KokoroTTS]:
    """Load Kokoro.

    Raises:
        WeightsMissing: Its files are not on this machine.
        WeightsDamaged: They are not what they should be.
    """
    folder = resources.weights.locate(options.model)
    english = resources.weights.locate(options.english)
    voices = _voices(folder)
    models = sorted(folder.glob("*.onnx"))
    if len(models) != 1 or not voices:
        raise WeightsDamaged(
            f"{folder} is no Kokoro model.", hint="It needs one .onnx file, and a folder voices with .bin files."
        )
    run = partial(resources.scheduler.run, urgency=Urgency.BACKGROUND)
    session = await run(partial(open_onnx, models[0], threads=options.threads))
    pronunciation = await run(partial(open_pronunciation, english))
    info = TTSInfo(
        model=models[0].stem,
        sample_rate=RATE,
        languages=frozenset({"zh", "en"}),
        voices=tuple(map(_described, voices)),
        marks=False,
    )
    tts = KokoroTTS(info, session, pronunciation, voices, resources.scheduler)
    voice = tts.blend(next(iter(voices)))
    await run(partial(_speak, session, _WARM_UP, voice, 1.0, 0.0))
    yield tts


@dataclass(frozen=True, slots=True)
class KokoroPlugin:
    """The entry point ``kokoro`` of ``myna.tts``."""

    options_model: type[KokoroOptions] = KokoroOptions

    def weights(self, options: KokoroOptions) -> Sequence[str]:
        """The model with its voices, and the English dictionary."""
        return options.model, options.english

    def open(self, options: KokoroOptions, resources: Resources) -> AbstractAsyncContextManager[KokoroTTS]:
        """See `open_kokoro`."""
        return open_kokoro(options, resources)


plugin = KokoroPlugin()
