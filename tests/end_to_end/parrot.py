"""Engines for the tests of the web app: a parrot, and a server with it.

It says again what it was told, at the pace that it was told, so that a test has any reply that it wants; and what it
says can be seen in its voice. No weights are needed. The engines come to ``myna serve`` as those of any package.
"""

import math
import os
import re
import signal
import subprocess
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import numpy as np
from pydantic import BaseModel
from tests.end_to_end.processes import MYNA, Server

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
    SpeechMark,
    TextDelta,
    Transcript,
    TranscriptSegment,
    TTSInfo,
    VoiceStyle,
)
from myna.session.prompt import LANGUAGE_HINTS
from myna.testing.embed import ScriptedEmbedder
from myna.testing.vad import ScriptedVAD

SPEECH_RATE = 24_000
LETTER_MS = 50
"""How long a letter sounds."""
LOUD = 0.15
"""The amplitude of a vowel; other letters are silent."""
VOWELS = frozenset("aeiou")
SYLLABLES = "aeio bcdfg ou klmnp aeiouae rst eea vwxzk oioi trnm uue. "
"""What is now loud and now silent, for as long as no other part of it."""
POLLY = """
id = "polly"
name = "Polly"
language = "en"
greeting = "Hi."
system_prompt = "Say it again."
voice.voice = "any"
"""
"""A persona whose greeting is over at once."""
HEARD = "I heard you"
"""What the parrot understands of whatever sounds."""
STOPS_S = 30
PACKAGES = "packages"
URL = re.compile(r"https?://[\w.]+:\d+")

TOLD = re.compile(r"(?:(\d+|endless) times(?: every (\d+) ms)? )?(.*)", re.DOTALL)
"""``30 times every 10 ms word`` is said thirty times; ``endless times word`` without end."""

SETTINGS = {
    "MYNA_LLM__ENGINE": "parrot_llm",
    "MYNA_ASR__ENGINE": "parrot_asr",
    "MYNA_TTS__ENGINE": "parrot_tts",
    "MYNA_VAD__ENGINE": "parrot_vad",
    "MYNA_EMBED__ENGINE": "parrot_embed",
    "MYNA_TURN__ENGINE": "none",
    "MYNA_MEMORY__ENABLED": "false",
    "MYNA_MEMORY__VECTORS": "none",
}


class NoOptions(BaseModel):
    """A parrot takes none."""


@dataclass(frozen=True, slots=True)
class ParrotLLM:
    """Says again what the user said, as often as it was told."""

    @property
    def info(self) -> LLMInfo:
        """A model that needs no tools."""
        return LLMInfo("parrot", None, native_tools=True, output_schema=False)

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        """A piece each time."""
        last = request.messages[-1]
        words = last.content if last.said is None else last.said
        for hint in LANGUAGE_HINTS.values():
            words = words.removesuffix(hint)
        told = TOLD.fullmatch(words)
        assert told
        times, pause_ms, said = told.groups()
        count = math.inf if times == "endless" else int(times or 1)
        done = 0
        while done < count:
            yield TextDelta(said if times is None else f"{said} ")
            done += 1
            await anyio.sleep(int(pause_ms or 0) / 1000)
        yield Finished("stop")

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        """As many as there are messages."""
        return len(messages)


@dataclass(frozen=True, slots=True)
class ParrotTTS:
    """Vowels are a tone of one loudness, the other letters and digits as long a silence."""

    @property
    def info(self) -> TTSInfo:
        """A model with any voice."""
        return TTSInfo("parrot", SPEECH_RATE, frozenset({"en", "zh"}), (), marks=True)

    async def synthesize(
        self, text: str, style: VoiceStyle, *, language: str | None = None, urgent: bool = False
    ) -> AsyncGenerator[Speech]:
        """At once, letter by letter."""
        length = LETTER_MS * SPEECH_RATE // 1000
        tone = (LOUD * np.sin(2 * np.pi * 440 * np.arange(length) / SPEECH_RATE)).astype(np.float32)
        said = 0
        for place, letter in enumerate(text.lower()):
            if letter.isalnum():
                said += 1
                mark = SpeechMark(place + 1, said * LETTER_MS)
                yield Speech(tone if letter in VOWELS else np.zeros(length, np.float32), (mark,))


@dataclass(frozen=True, slots=True)
class ParrotASR:
    """Understands the same in whatever sounds."""

    @property
    def info(self) -> ASRInfo:
        """A model for any language."""
        return ASRInfo("parrot", HEARING_RATE, frozenset(), word_times=False)

    async def transcribe(self, samples: Samples, options: ASROptions) -> Transcript:
        """At once."""
        if not len(samples) or float(np.abs(samples).max()) < 0.01:
            return Transcript("", None)
        return Transcript(HEARD, "en", (TranscriptSegment(HEARD, 0.0, len(samples) / HEARING_RATE),))


@dataclass(frozen=True, slots=True)
class Parrot:
    """Opens an engine that needs nothing."""

    make: Callable[[], object]
    options_model: type[NoOptions] = NoOptions

    def weights(self, options: NoOptions) -> Sequence[str]:
        """None."""
        return ()

    @asynccontextmanager
    async def open(self, options: NoOptions, resources: Resources) -> AsyncGenerator[object]:
        """Make it."""
        yield self.make()


ENGINES = {
    "llm": Parrot(ParrotLLM),
    "asr": Parrot(ParrotASR),
    "tts": Parrot(ParrotTTS),
    "vad": Parrot(ScriptedVAD),
    "embed": Parrot(ScriptedEmbedder),
}
parrot_llm, parrot_asr, parrot_tts, parrot_vad, parrot_embed = ENGINES.values()


@contextmanager
def serving_parrot(folder: Path, *arguments: str) -> Generator[Server]:
    """A server that is ready, with these engines and all that it keeps in ``folder``.

    Args:
        folder: Its home; personas in it are there.
        arguments: More for ``myna serve``.
    """
    personas = folder / "personas"
    personas.mkdir(exist_ok=True)
    (personas / "polly.toml").write_text(POLLY, encoding="utf-8")
    log = folder / "serve.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [MYNA, "serve", "--port", "0", *arguments],
            cwd=folder,
            env=environ_of(folder),
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            text=True,
        )
    try:
        server = Server("", process, log)
        server.wait(lambda: URL.search(log.read_text()) is not None)
        server = Server(URL.findall(log.read_text())[0], process, log)
        server.wait_ready()
        yield server
        process.send_signal(signal.SIGINT)
        process.wait(STOPS_S)
    finally:
        process.kill()
        process.wait()


def environ_of(folder: Path) -> dict[str, str]:
    """The environment of ``myna`` with these engines, and with ``folder`` for its home."""
    _install(folder / PACKAGES)
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MYNA_")}
    path = [str(folder / PACKAGES), str(Path(__file__).parents[2]), *filter(None, [environ.get("PYTHONPATH")])]
    return environ | SETTINGS | {"MYNA_HOME": str(folder), "PYTHONPATH": os.pathsep.join(path)}


def _install(folder: Path) -> None:
    """Write a package with the engines, as `benchmarks.fixed_engines` does."""
    metadata = folder / "myna_parrot-1.dist-info"
    metadata.mkdir(parents=True, exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: myna-parrot\nVersion: 1\n")
    points = (f"[myna.{kind}]\nparrot_{kind} = {__name__}:parrot_{kind}\n" for kind in ENGINES)
    (metadata / "entry_points.txt").write_text("\n".join(points))
