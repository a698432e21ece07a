"""Myna's hearing against faster-whisper called the usual way: same model, beam and language, clip by clip in turn.

``python -m benchmarks.asr [--clips FOLDER] [--model NAME] [--runs N] [--json]``

The usual call is measured twice, with its own number of threads and with ours. FOLDER holds audio files and a
``transcripts.tsv`` with the columns file, language and text. Numbers in Chinese text are compared as they are spoken.
"""

import argparse
import csv
import json
import re
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import cast

import anyio
import cn2an
import opencc
from benchmarks.machine import describe
from faster_whisper import WhisperModel

from myna.config.load import load_settings
from myna.core.audio import HEARING_RATE
from myna.engines.asr.faster_whisper import FasterWhisperOptions, catalog_name, plugin
from myna.engines.base import ASR, ASROptions, Resources, Samples
from myna.engines.samples import read_audio
from myna.engines.scheduler import open_scheduler
from myna.weights.catalog import load_catalog
from myna.weights.locate import Weights
from myna.weights.store import WeightsStore

RECORDINGS = Path(__file__).resolve().parents[2] / "shared" / "speech"
SHORT_S = 5.0

# opencc and faster-whisper come without whole types.
simplify = cast(Callable[[str], str], opencc.OpenCC("tw2s").convert)  # pyright: ignore[reportUnknownMemberType]


@dataclass
class Clip:
    """A recording, and for every way to hear it the text and the times it took."""

    name: str
    samples: Samples
    language: str
    said: str
    texts: dict[str, str] = field(default_factory=dict[str, str])
    times_s: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / HEARING_RATE

    def time_s(self, way: str) -> float:
        """How long it took to hear, one way."""
        return statistics.median(self.times_s[way])


def normalize(text: str, language: str) -> str:
    """Letters only, numbers as they are spoken, simplified Chinese (隨著 as 随着, which t2s does not do)."""
    text = text.casefold()
    if language == "zh":
        text = cn2an.transform(re.sub(r"(?<=\d),(?=\d)", "", simplify(text)), "an2cn")
    return "".join(letter for letter in text if letter.isalnum())


def edits(one: str, other: str) -> int:
    """Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for above, letter in enumerate(one):
        corner, row[0] = above, above + 1
        for at, against in enumerate(other, 1):
            corner, row[at] = row[at], min(row[at] + 1, row[at - 1] + 1, corner + (letter != against))
    return row[-1]


def read_clips(folder: Path) -> list[Clip]:
    with (folder / "transcripts.tsv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    return [
        Clip(row["file"], read_audio(folder / row["file"], HEARING_RATE), row["language"], row["text"]) for row in rows
    ]


def usual(model: WhisperModel, beam_size: int, clip: Clip) -> str:
    segments, _ = model.transcribe(  # pyright: ignore[reportUnknownMemberType]
        clip.samples, language=clip.language, beam_size=beam_size
    )
    return "".join(segment.text for segment in segments)


async def ours(asr: ASR, clip: Clip) -> str:
    return (await asr.transcribe(clip.samples, ASROptions(language=clip.language))).text


async def measure(clips: list[Clip], options: FasterWhisperOptions, weights: Weights, runs: int) -> None:
    """Hear every clip in every way, ``runs`` times after one that does not count."""
    load = partial(WhisperModel, str(weights.locate(catalog_name(options.model))), device="cpu", compute_type="int8")
    models = {"usual": load(), "usual, threads as ours": load(cpu_threads=options.threads)}
    async with open_scheduler({"cpu": 1}) as scheduler, plugin.open(options, Resources(weights, scheduler)) as asr:
        for run in range(runs + 1):
            for clip in clips:
                for way in (*models, "Myna"):
                    began = time.perf_counter()
                    text = usual(models[way], options.beam_size, clip) if way in models else await ours(asr, clip)
                    took_s = time.perf_counter() - began
                    if run:
                        clip.times_s.setdefault(way, []).append(took_s)
                    clip.texts[way] = text


def error_rate(clips: list[Clip], way: str) -> float:
    pairs = [(normalize(clip.said, clip.language), normalize(clip.texts[way], clip.language)) for clip in clips]
    return sum(edits(said, heard) for said, heard in pairs) / sum(len(said) for said, _ in pairs)


def summary(clips: list[Clip]) -> dict[str, dict[str, float]]:
    """For every way: its error rate, its median time, and how many times as long as Myna it takes, medians of clips."""
    short = [clip for clip in clips if clip.seconds <= SHORT_S]
    return {
        way: {
            "errors, % of characters": 100 * error_rate(clips, way),
            "median, ms": 1000 * statistics.median(clip.time_s(way) for clip in clips),
            "× Myna's time": statistics.median(clip.time_s(way) / clip.time_s("Myna") for clip in clips),
            f"× Myna's time, clips up to {SHORT_S:.0f} s": statistics.median(
                clip.time_s(way) / clip.time_s("Myna") for clip in short
            ),
        }
        for way in clips[0].times_s
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, default=RECORDINGS)
    parser.add_argument("--model", default="whisper-base")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    if not (wanted.clips / "transcripts.tsv").exists():
        sys.exit(f"There are no recordings in {wanted.clips}; name a folder with --clips.")
    clips = read_clips(wanted.clips)
    weights = WeightsStore(load_settings().folders.cache / "weights", load_catalog())
    options = FasterWhisperOptions(model=wanted.model)
    anyio.run(partial(measure, clips, options, weights, wanted.runs))
    measured = summary(clips)
    machine = describe("faster-whisper", "ctranslate2")
    if wanted.json:
        print(json.dumps({"machine": machine, "options": options.model_dump(), "ways": measured}, ensure_ascii=False))
        return
    print(f"{machine}\n{wanted.model}, beam {options.beam_size}, {len(clips)} clips, medians of {wanted.runs} runs\n")
    for clip in clips:
        times = "  ".join(f"{way} {1000 * clip.time_s(way):5.0f} ms" for way in clip.times_s)
        print(f"{clip.seconds:5.1f} s  {times}  {clip.texts['Myna']}")
    for way, figures in measured.items():
        print(f"\n{way}")
        for what, value in figures.items():
            print(f"  {what:38} {value:7.1f}")


if __name__ == "__main__":
    main()
