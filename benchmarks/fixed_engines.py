"""Engines that take the time they are told and no more, so that what is left of a turn's time is Myna's own.

They come to ``myna serve`` as any engine does that Myna has never heard of: as a package with entry points, which
`install` writes. Their options are settings as well: ``MYNA_FIXED_TTS__DELAY_S=0.03``.
"""

import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

import anyio
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from myna.core.audio import HEARING_RATE
from myna.engines.base import (
    ASRInfo,
    ASROptions,
    Finished,
    LLMDelta,
    LLMInfo,
    LLMMessage,
    LLMRequest,
    Resources,
    Samples,
    Speech,
    TextDelta,
    Transcript,
    TranscriptSegment,
    TTSInfo,
    VoiceStyle,
)

SPEECH_RATE = 24_000
PACKAGE = "myna-fixed-engines"
ENGINES = {"llm": "fixed_llm", "asr": "fixed_asr", "tts": "fixed_tts", "embed": "fixed_embed"}


def chosen(*kinds: str, delay_s: float = 0.0) -> dict[str, str]:
    """The settings that choose the engines of these kinds, with a delay for each."""
    settings = {f"MYNA_{kind.upper()}__ENGINE": ENGINES[kind] for kind in kinds}
    return settings | {f"MYNA_{ENGINES[kind].upper()}__DELAY_S": str(delay_s) for kind in kinds}


def install(folder: Path) -> None:
    """Write the package, so that a process with ``folder`` in its ``PYTHONPATH`` finds the engines."""
    metadata = folder / f"{PACKAGE.replace('-', '_')}-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: 1\n")
    entry_points = (f"[myna.{kind}]\n{name} = {__name__}:{name}\n" for kind, name in ENGINES.items())
    (metadata / "entry_points.txt").write_text("\n".join(entry_points))


class FixedASROptions(BaseModel):
    """``[fixed_asr]``."""

    model_config = ConfigDict(extra="forbid")

    delay_s: float = Field(default=0.0, ge=0, description="How long hearing takes, in seconds.")
    text: str = Field(default="今天天气怎么样", description="What is heard in whatever is said.")


class FixedLLMOptions(BaseModel):
    """``[fixed_llm]``."""

    model_config = ConfigDict(extra="forbid")

    delay_s: float = Field(default=0.0, ge=0, description="How long it thinks, in seconds.")
    text: str = Field(default="好。", description="What it answers to whatever is asked.")
    repeats: bool = Field(default=False, description="Whether it answers what was asked instead.")


class FixedTTSOptions(BaseModel):
    """``[fixed_tts]``."""

    model_config = ConfigDict(extra="forbid")

    delay_s: float = Field(default=0.0, ge=0, description="How long a segment takes, in seconds.")
    length_s: float = Field(default=0.2, gt=0, description="How long the audio of a segment is, in seconds.")


class FixedEmbedOptions(BaseModel):
    """``[fixed_embed]``."""

    model_config = ConfigDict(extra="forbid")

    delay_s: float = Field(default=0.0, ge=0, description="How long embedding takes, in seconds.")


@dataclass(frozen=True, slots=True)
class FixedASR:
    """Hears the same in everything."""

    options: FixedASROptions

    @property
    def info(self) -> ASRInfo:
        """A model of that name."""
        return ASRInfo("fixed", HEARING_RATE, frozenset(), word_times=False)

    async def transcribe(self, samples: Samples, options: ASROptions) -> Transcript:
        """Wait, and give the text."""
        await anyio.sleep(self.options.delay_s)
        segment = TranscriptSegment(self.options.text, 0.0, len(samples) / HEARING_RATE)
        return Transcript(self.options.text, options.language or "zh", (segment,))


@dataclass(frozen=True, slots=True)
class FixedLLM:
    """Answers the same to everything, or repeats it."""

    options: FixedLLMOptions

    @property
    def info(self) -> LLMInfo:
        """A model of that name."""
        return LLMInfo("fixed", None, native_tools=False, output_schema=False)

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        """Wait, and give the text."""
        await anyio.sleep(self.options.delay_s)
        yield TextDelta(request.messages[-1].content if self.options.repeats else self.options.text)
        yield Finished("stop")

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        """As many as there are messages: it has no tokenizer and no limit."""
        return len(messages)


@dataclass(frozen=True, slots=True)
class FixedTTS:
    """Says everything in a tone of the same length, with any voice."""

    options: FixedTTSOptions

    @property
    def info(self) -> TTSInfo:
        """A model of that name."""
        return TTSInfo("fixed", SPEECH_RATE, frozenset({"en", "zh"}), (), marks=False)

    async def synthesize(
        self, text: str, style: VoiceStyle, *, language: str | None = None, urgent: bool = False
    ) -> AsyncGenerator[Speech]:
        """Wait, and give the tone."""
        await anyio.sleep(self.options.delay_s)
        moments = np.arange(round(self.options.length_s * SPEECH_RATE)) / SPEECH_RATE
        yield Speech((np.sin(2 * math.pi * 440 * moments) / 4).astype(np.float32))


@dataclass(frozen=True, slots=True)
class FixedEmbedder:
    """Finds no two texts alike."""

    options: FixedEmbedOptions

    @property
    def dimensions(self) -> int:
        """As many as the default engine's."""
        return 384

    async def embed(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> NDArray[np.float32]:
        """Wait, and give unit vectors that depend on nothing but the texts."""
        await anyio.sleep(self.options.delay_s)
        drawn = [np.random.default_rng([*text.encode()]).standard_normal(self.dimensions) for text in texts]
        vectors = np.array(drawn, np.float32).reshape(len(texts), self.dimensions)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


OptionsT = TypeVar("OptionsT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class FixedPlugin(Generic[OptionsT]):
    """Opens an engine that needs nothing but its options."""

    options_model: type[OptionsT]
    make: Callable[[OptionsT], object]

    def weights(self, options: OptionsT) -> Sequence[str]:
        """None."""
        return ()

    @asynccontextmanager
    async def open(self, options: OptionsT, resources: Resources) -> AsyncGenerator[object]:
        """Make it."""
        yield self.make(options)


fixed_asr = FixedPlugin(FixedASROptions, FixedASR)
fixed_embed = FixedPlugin(FixedEmbedOptions, FixedEmbedder)
fixed_llm = FixedPlugin(FixedLLMOptions, FixedLLM)
fixed_tts = FixedPlugin(FixedTTSOptions, FixedTTS)
