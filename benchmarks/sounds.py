"""What is played while Myna speaks: ``python -m benchmarks.sounds`` fetches and makes it.

``sounds.tsv`` lists it: a name, its kind, where it is from and its place there, and what is said in it, if anything.
Recordings come as those of `benchmarks.clips` do. Where ``source`` is ``kokoro``, ``member`` is the voice that speaks
the text; that is done once, and kept beside the recordings.
"""

import csv
import hashlib
from collections.abc import Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, cast

import anyio
import numpy as np
from benchmarks.clips import Clip, Recordings, recordings

from myna.config.load import load_settings
from myna.core.audio import HEARING_RATE
from myna.engines.base import TTS, Resources, Samples, VoiceStyle
from myna.engines.samples import to_pcm16, write_wav
from myna.engines.scheduler import open_scheduler
from myna.engines.tts.kokoro import KokoroOptions, plugin
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

SOUNDS = Path(__file__).with_name("sounds.tsv")
MADE = "kokoro"

LEVEL = 0.1
"""RMS of the loudest 50 ms of every sound as it is played, of full scale: -20 dB, as of speech into a headset."""

ONSET = 0.01
"""RMS of 10 ms from which on a sound can be heard: 20 dB below `LEVEL`."""

_BLOCK = HEARING_RATE // 100

Kind: TypeAlias = Literal["cough", "backchannel", "noise", "interruption"]


@dataclass(frozen=True, slots=True)
class Sound:
    """A line of the list. ``language`` and ``text`` are empty where nothing is said."""

    name: str
    kind: Kind
    source: str
    member: str
    language: str
    text: str

    @property
    def stops(self) -> bool:
        """Whether Myna should stop speaking for it."""
        return self.kind == "interruption"

    @property
    def clip(self) -> Clip:
        """Where it lies. What Kokoro speaks is named by all that it depends on."""
        if self.source != MADE:
            return Clip(self.source, self.member, self.language, self.text)
        name = hashlib.sha256(f"{self.member}\t{self.language}\t{self.text}".encode()).hexdigest()[:16]
        return Clip(MADE, f"{name}.wav", self.language, self.text)


def listed() -> list[Sound]:
    """All sounds, in the order of the list."""
    with SOUNDS.open(encoding="utf-8", newline="") as table:
        rows = csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [Sound(**cast(dict[str, str], row)) for row in rows]  # pyright: ignore[reportArgumentType]


def spread(sounds: Sequence[Sound], every: int) -> list[Sound]:
    """Every so many of each kind, so that a quick look sees all kinds."""
    kinds = dict.fromkeys(sound.kind for sound in sounds)
    return [sound for kind in kinds for sound in [one for one in sounds if one.kind == kind][::every]]


async def prepare(sounds: Iterable[Sound], here: Recordings) -> dict[str, Samples]:
    """All of ``sounds`` by name, at `HEARING_RATE` and `LEVEL`; what is missing is fetched or spoken first."""
    sounds = list(sounds)
    here.fetch(sound.clip for sound in sounds if sound.source != MADE)
    if missing := [sound for sound in sounds if sound.source == MADE and not here.path(sound.clip).exists()]:
        await _speak(missing, here)
    return {sound.name: level(here.read(sound.clip)) for sound in sounds}


async def _speak(sounds: Iterable[Sound], here: Recordings) -> None:
    weights = WeightsStore(load_settings().folders.cache / "weights", load_catalog())
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        plugin.open(KokoroOptions(), Resources(weights, scheduler)) as tts,
    ):
        for sound in sounds:
            path = here.path(sound.clip)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_wav(path, to_pcm16(await _spoken(tts, sound)), tts.info.sample_rate)


async def _spoken(tts: TTS, sound: Sound) -> Samples:
    async with aclosing(tts.synthesize(sound.text, VoiceStyle(sound.member), language=sound.language)) as stream:
        return np.concatenate([speech.samples async for speech in stream])


def level(samples: Samples) -> Samples:
    """The same sound at `LEVEL`, from its onset on."""
    loudest = max(_rms(samples[at : at + 5 * _BLOCK]) for at in range(0, len(samples), 5 * _BLOCK))
    samples = np.clip(samples * (LEVEL / loudest), -1, 1).astype(np.float32)
    blocks = range(0, len(samples), _BLOCK)
    first = next(at for at in blocks if _rms(samples[at : at + _BLOCK]) >= ONSET)
    return samples[first:]


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples))))


if __name__ == "__main__":
    anyio.run(prepare, listed(), recordings())
    print(f"{len(listed())} sounds; they are in {recordings().cache}")
