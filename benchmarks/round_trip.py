"""How much of what Myna says is understood: fixed sentences, spoken as `myna say` speaks them and heard by Whisper.

``python -m benchmarks.round_trip [--language en|zh|mixed] [--emotion NAME] [--asr MODEL] [--only ID …] [--json]``

``sentences/*.tsv`` holds 40 English, 40 Chinese and 20 mixed sentences, listed before anything was tuned to them.
Each goes the way of a reply: segments, speech text, the voice of the built-in assistant of its language, all audio
joined as a client plays it. The ASR knows the language and nothing else.

Errors are counted in words, and in characters where the script is Chinese ("mixed error rate"). Before, both sides go
through the same normalizer, so that ``9:30`` and ``nine thirty`` are equal. The column ``heard_as`` holds what counts
as right where that is not the text itself, alternatives between bars: the nearest counts. The ASR's own errors count as
the voice's, so the figures are an upper bound.
"""

import csv
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import cast

import anyio
import jiwer
import numpy as np
import soxr
from benchmarks.report import Report, Target, medians, run
from benchmarks.words import tokens

from myna.config.load import load_settings
from myna.core.audio import HEARING_RATE
from myna.core.emotion import Emotions
from myna.core.reply import Segment
from myna.engines.asr.faster_whisper import FasterWhisperOptions
from myna.engines.asr.faster_whisper import plugin as whisper
from myna.engines.base import ASR, TTS, ASROptions, Resources, Samples
from myna.engines.scheduler import open_scheduler
from myna.engines.tts.kokoro import KokoroOptions
from myna.engines.tts.kokoro import plugin as kokoro
from myna.personas.load import Personas
from myna.personas.model import Persona
from myna.text.reply import ReplyParser
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

SENTENCES = Path(__file__).parent / "sentences"
ASSISTANTS = {"en": "assistant", "zh": "assistant-zh"}
TARGETS = {"en": 10.0, "zh": 10.0, "mixed": 20.0}
"""How many per cent of a list may be wrong."""
HIGHEST = 30.0
"""How many per cent of a sentence may be wrong."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """A line of a list; ``expected`` is what counts as heard right."""

    id: str
    kind: str
    language: str
    text: str
    expected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """What the ASR made of a sentence: so many of its tokens are wrong, missing or too many."""

    sentence: Sentence
    text: str
    errors: int
    tokens: int

    @property
    def rate(self) -> float:
        """Errors per token; above 1 where much was heard that was not said."""
        return self.errors / self.tokens


def read_sentences(name: str) -> list[Sentence]:
    """The list of a language, or ``mixed``, which names the main language of each of its sentences."""
    with (SENTENCES / f"{name}.tsv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [
        Sentence(
            row["id"],
            row["kind"],
            row.get("language") or name,
            row["text"],
            tuple((row["heard_as"] or row["text"]).split("|")),
        )
        for row in rows
    ]


def judge(sentence: Sentence, text: str) -> Heard:
    """Count the errors against the nearest of what counts as right."""
    heard = " ".join(tokens(text, sentence.language))
    results: list[tuple[int, int]] = []
    for expected in sentence.expected:
        right = tokens(expected, sentence.language)
        found = jiwer.process_words(" ".join(right), heard)
        results.append((found.substitutions + found.deletions + found.insertions, len(right)))
    errors, count = min(results, key=lambda result: result[0] / result[1])
    return Heard(sentence, text, errors, count)


async def say(tts: TTS, persona: Persona, text: str, emotion: str | None) -> Samples:
    """All audio of a reply with this text, joined."""
    settings = load_settings().settings
    emotions: Emotions = persona.emotions_spoken(settings.session.emotions())
    emotions = replace(emotions, default=emotions.find(emotion) or emotion) if emotion else emotions
    parser = ReplyParser(emotions)
    pieces: list[Samples] = []
    for item in (*parser.feed(text), *parser.finish()):
        if isinstance(item, Segment):
            async with aclosing(tts.synthesize(item.speech, persona.style_for(item.emotion))) as stream:
                pieces += [piece.samples async for piece in stream]
    return np.concatenate(pieces)


async def hear(asr: ASR, samples: Samples, sample_rate: int, language: str) -> str:
    """What the ASR understands."""
    at_hearing_rate = cast(Samples, soxr.resample(samples, sample_rate, HEARING_RATE))
    return (await asr.transcribe(at_hearing_rate, ASROptions(language=language))).text


async def measure(lists: Mapping[str, Sequence[Sentence]], emotion: str | None, model: str) -> dict[str, list[Heard]]:
    """Speak and hear every sentence."""
    weights = WeightsStore(load_settings().folders.cache / "weights", load_catalog())
    personas = Personas()

    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        kokoro.open(KokoroOptions(), Resources(weights, scheduler)) as tts,
        whisper.open(FasterWhisperOptions(model=model), Resources(weights, scheduler)) as asr,
    ):

        async def round_trip(sentence: Sentence) -> Heard:
            samples = await say(tts, personas.find(ASSISTANTS[sentence.language]), sentence.text, emotion)
            return judge(sentence, await hear(asr, samples, tts.info.sample_rate, sentence.language))

        return {name: [await round_trip(sentence) for sentence in sentences] for name, sentences in lists.items()}


def overall(heard: Sequence[Heard]) -> float:
    """Errors of all sentences, per token."""
    return sum(one.errors for one in heard) / sum(one.tokens for one in heard)


def as_figures(heard: Sequence[Heard]) -> dict[str, float]:
    """A row of the table."""
    return {"errors, %": 100 * overall(heard), "worst sentence, %": 100 * max(one.rate for one in heard)}


def as_lines(heard: Sequence[Heard]) -> Iterator[str]:
    """Every sentence, and below it what was heard of it if not all is right."""
    for one in heard:
        yield f"{one.rate:5.0%}  {one.sentence.id:9} {one.sentence.kind:13} {one.sentence.text}"
        if one.errors:
            yield " " * 31 + one.text


def round_trips(wanted: Namespace) -> Report:
    """Speak and hear the sentences wanted."""
    lists = {name: read_sentences(name) for name in wanted.language or TARGETS}
    if wanted.only:
        lists = {name: [one for one in of if one.id in wanted.only] for name, of in lists.items()}
    lists = {name: of for name, of in lists.items() if of}
    by_list: dict[str, list[Heard]] = {}
    tables: list[dict[str, dict[str, float]]] = []
    for _ in range(wanted.runs):
        by_list = anyio.run(measure, lists, wanted.emotion, wanted.asr)
        tables.append({name: as_figures(heard) for name, heard in by_list.items()})
    table = medians(tables)
    return Report(
        f"What {wanted.asr} understands of Kokoro, errors in words and Chinese characters",
        table,
        packages=("onnxruntime", "faster-whisper", "wetext", "jiwer"),
        targets=(
            *(
                Target(f"errors over all, {name}, %", figures["errors, %"], "at most", TARGETS[name])
                for name, figures in table.items()
            ),
            *(
                Target(f"worst sentence, {name}, %", figures["worst sentence, %"], "at most", HIGHEST)
                for name, figures in table.items()
                if name != "mixed"
            ),
        ),
        notes=tuple(line for heard in by_list.values() for line in as_lines(heard)),
        details={"sentences": [asdict(one) | {"rate": one.rate} for heard in by_list.values() for one in heard]},
    )


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--language", choices=list(TARGETS), action="append", help="of these lists; all")
    parser.add_argument("--only", nargs="+", metavar="ID", help="only these sentences")
    parser.add_argument("--emotion", help="spoken with this one; the assistant's default")
    parser.add_argument("--asr", default="whisper-base", help="a catalog name or a folder of a Whisper model")


def main(arguments: Sequence[str] | None = None) -> None:
    run("round_trip", round_trips, arguments, runs=1, add_options=add_options)


if __name__ == "__main__":
    main()
