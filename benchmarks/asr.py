"""Myna's hearing against faster-whisper called the usual way: same model, beam and language, clip by clip in turn.

``python -m benchmarks.asr [--speech FOLDER] [--model NAME] [--every N] [--runs N] [--json] [--picture FILE]``

The usual call hears a window of 30 s, as its library does unless told. It is measured twice, with its own number of
threads and with ours. The clips are those of ``clips.tsv``; FOLDER has the Mandarin ones.
"""

import re
import statistics
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
import jiwer
from benchmarks.clips import SPEECH, Clip, listed, recordings
from benchmarks.picture import scatter
from benchmarks.report import Report, Target, positive, run
from benchmarks.words import tokens
from faster_whisper import WhisperModel

from myna.config.load import load_settings
from myna.core.audio import HEARING_RATE
from myna.engines.asr.faster_whisper import FasterWhisperOptions, catalog_name, plugin
from myna.engines.base import ASR, ASROptions, Resources, Samples
from myna.engines.scheduler import open_scheduler
from myna.weights.catalog import load_catalog
from myna.weights.locate import Weights
from myna.weights.store import WeightsStore

SHORT_S = 5.0
WAYS = USUAL, USUAL_THREADS, MYNA = "usual", "usual, threads as ours", "Myna"

_REPEATED = re.compile(r"(.{4,}?)\1|(.{2,3}?)\2{2}|(.)\3{4}")


@dataclass(slots=True)
class Hearing:
    """A clip, and for every way to hear it the text and the times it took."""

    clip: Clip
    samples: Samples
    texts: dict[str, str] = field(default_factory=dict[str, str])
    times_s: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    @property
    def seconds(self) -> float:
        """How long the clip is."""
        return len(self.samples) / HEARING_RATE

    def time_s(self, way: str) -> float:
        """How long it took to hear, one way."""
        return statistics.median(self.times_s[way])

    def ratio(self, way: str) -> float:
        """How many times as long as Myna it took."""
        return self.time_s(way) / self.time_s(MYNA)


def loops(said: str, heard: str, language: str) -> bool:
    """Whether a text repeats itself where nobody did, and is longer for it.

    Four letters or more twice in a row, two or three of them three times, or one five times.
    """
    right, letters = ("".join(tokens(text, language)) for text in (said, heard))
    return any(
        repeated[0] not in right and len(letters) > len(right) + len(repeated[0]) / 4
        for repeated in _REPEATED.finditer(letters)
    )


def usual(model: WhisperModel, beam_size: int, hearing: Hearing) -> str:
    segments, _ = model.transcribe(  # pyright: ignore[reportUnknownMemberType]
        hearing.samples, language=hearing.clip.language, beam_size=beam_size
    )
    return "".join(segment.text for segment in segments)


async def ours(asr: ASR, hearing: Hearing) -> str:
    return (await asr.transcribe(hearing.samples, ASROptions(language=hearing.clip.language))).text


async def hear_all(hearings: Sequence[Hearing], options: FasterWhisperOptions, weights: Weights, runs: int) -> None:
    """Hear every clip in every way, ``runs`` times; before, the first clip once, which does not count."""
    load = partial(WhisperModel, str(weights.locate(catalog_name(options.model))), device="cpu", compute_type="int8")
    models = {USUAL: load(), USUAL_THREADS: load(cpu_threads=options.threads)}
    async with open_scheduler({"cpu": 1}) as scheduler, plugin.open(options, Resources(weights, scheduler)) as asr:
        calls = [(hearings[0], False), *((hearing, True) for _ in range(runs) for hearing in hearings)]
        for place, (hearing, counts) in enumerate(calls):
            for way in (*WAYS[place % len(WAYS) :], *WAYS[: place % len(WAYS)]):
                began = time.perf_counter()
                if way in models:
                    hearing.texts[way] = usual(models[way], options.beam_size, hearing)
                else:
                    hearing.texts[way] = await ours(asr, hearing)
                if counts:
                    hearing.times_s.setdefault(way, []).append(time.perf_counter() - began)


def error_percent(hearings: Sequence[Hearing], way: str) -> float:
    """Words, and Chinese characters, that are wrong, missing or too many."""
    pairs = [
        [" ".join(tokens(text, hearing.clip.language)) for text in (hearing.clip.text, hearing.texts[way])]
        for hearing in hearings
    ]
    return 100 * jiwer.wer([said for said, _ in pairs], [heard for _, heard in pairs])


def summary(hearings: Sequence[Hearing]) -> dict[str, dict[str, float]]:
    """The figures of every way."""
    short = [hearing for hearing in hearings if hearing.seconds <= SHORT_S]
    languages = sorted({hearing.clip.language for hearing in hearings})
    return {
        way: {
            **{
                f"{language} errors, %": error_percent([h for h in hearings if h.clip.language == language], way)
                for language in languages
            },
            "errors, %": error_percent(hearings, way),
            "looped clips": sum(loops(h.clip.text, h.texts[way], h.clip.language) for h in hearings),
            "median, ms": 1000 * statistics.median(hearing.time_s(way) for hearing in hearings),
            f"median ≤ {SHORT_S:.0f} s, × Myna's": statistics.median(hearing.ratio(way) for hearing in short),
            "median, × Myna's": statistics.median(hearing.ratio(way) for hearing in hearings),
            "sum, × Myna's": sum(h.time_s(way) for h in hearings) / sum(h.time_s(MYNA) for h in hearings),
        }
        for way in WAYS
    }


def targets(table: dict[str, dict[str, float]]) -> tuple[Target, ...]:
    faster = f"median ≤ {SHORT_S:.0f} s, × Myna's"
    return (
        *(Target(f"{way}, {faster}", table[way][faster], "at least", 4) for way in (USUAL, USUAL_THREADS)),
        Target("Myna, errors, %", table[MYNA]["errors, %"], "at most", table[USUAL]["errors, %"]),
        Target("Myna, looped clips", table[MYNA]["looped clips"], "at most", 0),
    )


def measure(wanted: Namespace) -> Report:
    here = recordings(wanted.speech)
    clips = listed()[:: wanted.every]
    here.fetch(clips)
    hearings = [Hearing(clip, here.read(clip)) for clip in clips]
    options = FasterWhisperOptions(model=wanted.model)
    weights = WeightsStore(load_settings().folders.cache / "weights", load_catalog())
    anyio.run(hear_all, hearings, options, weights, wanted.runs)
    table = summary(hearings)
    gained, least = min(
        (min(hearing.ratio(USUAL), hearing.ratio(USUAL_THREADS)), hearing.clip.name)
        for hearing in hearings
        if hearing.seconds <= SHORT_S
    )
    ways = {way: [(h.seconds, 1000 * h.time_s(way)) for h in hearings] for way in table}
    return Report(
        f"{len(clips)} clips heard by {wanted.model}, beam {options.beam_size}",
        table,
        packages=("faster-whisper", "ctranslate2", "jiwer"),
        targets=targets(table),
        notes=(f"least gained on a short clip: {least}, {gained:.2f}",),
        details={"options": options.model_dump(), "clips": [_as_json(hearing) for hearing in hearings]},
        draw=scatter(ways, "clip, s", "heard in, ms"),
    )


def _as_json(hearing: Hearing) -> dict[str, object]:
    return {
        "source": hearing.clip.source,
        "clip": hearing.clip.name,
        "seconds": round(hearing.seconds, 2),
        "said": hearing.clip.text,
        "heard": hearing.texts,
        "median_ms": {way: round(1000 * hearing.time_s(way), 1) for way in hearing.times_s},
        "looped": [way for way, text in hearing.texts.items() if loops(hearing.clip.text, text, hearing.clip.language)],
    }


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--speech", type=Path, default=SPEECH, help="the folder with the Mandarin recordings")
    parser.add_argument("--model", default="whisper-base")
    parser.add_argument("--every", type=positive, default=1, help="only every so many-th clip of the list")


def main(arguments: Sequence[str] | None = None) -> None:
    run("asr", measure, arguments, runs=3, add_options=add_options)


if __name__ == "__main__":
    main()
