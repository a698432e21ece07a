"""Ending an utterance: how often somebody who goes on is cut off, against how long everybody else waits.

``python -m benchmarks.endpoint [--every N] [--speech FOLDER] [--json] [--picture FILE]``

`benchmarks.hesitations` makes the utterances, recorded speech with pauses inside. Each runs through Myna's own hearing
with real engines, in the time of its audio: the ASR and the turn detector answer as late as they do on two idle cores.
Somebody is cut off if the utterance was over before the last word was; the delay is from there to the end of the
utterance.
"""

# pyright: reportUnknownMemberType=false
# matplotlib leaves keyword arguments untyped.

import statistics
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.lowlevel
from benchmarks.clips import SPEECH, Recordings, recordings
from benchmarks.hesitations import FRAME, Utterance, utterances
from benchmarks.report import Report, Table, Target, positive, run
from matplotlib.figure import Figure

from myna.config.load import load_settings
from myna.core.preferences import Preferences, TurnTakingPreferences
from myna.engines.asr.faster_whisper import FasterWhisperOptions
from myna.engines.asr.faster_whisper import plugin as whisper
from myna.engines.base import ASR, ASRInfo, ASROptions, Resources, Samples, Transcript, TurnDetector
from myna.engines.samples import to_pcm16
from myna.engines.scheduler import open_scheduler
from myna.engines.turn.smart_turn import SmartTurnOptions
from myna.engines.turn.smart_turn import plugin as smart_turn
from myna.engines.vad.silero import SileroOptions
from myna.engines.vad.silero import plugin as silero
from myna.session.ears import Done
from myna.session.hear import Ears, Hearing, HearingOptions
from myna.session.notes import Note, SpeechEnded
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

T = TypeVar("T")

PARTIAL_MS, FINAL_MS, DETECTOR_MS = 300, 400, 80
"""How long the engines take for an utterance of some seconds, on two idle cores."""

PARTIAL_EVERY_S = 0.6
"""Half as often as usual: what it is about are pauses, and each partial transcript has to be computed."""

SILENCES_MS = (300, 400, 500, 600, 800, 1000, 1200)
LONG_SILENCES_MS = (500, 800, 1200)

# ----------------------------------------------------------------------------------------------- hearing in audio time


@dataclass(slots=True)
class AudioClock:
    """The time of the audio: engines compute as long as they need, and answer as late as they are told."""

    now_ms: float = 0.0
    busy: int = 0
    _advanced: anyio.Event = field(default_factory=anyio.Event)

    async def answer(self, asked: Awaitable[T], delay_ms: float) -> T:
        """What is asked for, ``delay_ms`` of audio later."""
        due_ms = self.now_ms + delay_ms
        self.busy += 1
        try:
            answered = await asked
        finally:
            self.busy -= 1
        while self.now_ms < due_ms:
            await self._advanced.wait()
        return answered

    async def advance(self, ms: float) -> None:
        """Let audio pass, and everybody do what is due then."""
        self.now_ms += ms
        self._advanced.set()
        self._advanced = anyio.Event()
        for _ in range(8):
            await anyio.lowlevel.checkpoint()
        while self.busy:  # noqa: ASYNC110 - threads compute, and each engine has its own end
            await anyio.sleep(0.0005)


@dataclass(slots=True)
class LateASR:
    """Answers late, and the same audio the same without computing it again."""

    asr: ASR
    clock: AudioClock
    known: dict[tuple[bytes, ASROptions], Transcript]

    @property
    def info(self) -> ASRInfo:
        """The real one's."""
        return self.asr.info

    async def transcribe(self, samples: Samples, options: ASROptions) -> Transcript:
        """What the real one hears."""
        return await self.clock.answer(self._hear(samples, options), PARTIAL_MS if options.partial else FINAL_MS)

    async def _hear(self, samples: Samples, options: ASROptions) -> Transcript:
        key = (to_pcm16(samples), options)
        if key not in self.known:
            self.known[key] = await self.asr.transcribe(samples, options)
        return self.known[key]


@dataclass(slots=True)
class LateDetector:
    """Likewise."""

    detector: TurnDetector
    clock: AudioClock
    known: dict[bytes, float]

    @property
    def sample_rate(self) -> int:
        """The real one's."""
        return self.detector.sample_rate

    async def completeness(self, samples: Samples, text: str) -> float:
        """What the real one finds."""
        return await self.clock.answer(self._judge(samples, text), DETECTOR_MS)

    async def _judge(self, samples: Samples, text: str) -> float:
        key = to_pcm16(samples)
        if key not in self.known:
            self.known[key] = await self.detector.completeness(samples, text)
        return self.known[key]


@dataclass(slots=True)
class Bench:
    """The engines, and what they have answered."""

    ears: Ears
    heard: dict[tuple[bytes, ASROptions], Transcript] = field(
        default_factory=dict[tuple[bytes, ASROptions], Transcript]
    )
    judged: dict[bytes, float] = field(default_factory=dict[bytes, float])

    async def ended_ms(self, utterance: Utterance, wanted: TurnTakingPreferences) -> float | None:
        """When the utterance was over, or the first of what it was taken for; None if never."""
        clock = AudioClock()
        asr, detector = LateASR(self.ears.asr, clock, self.heard), None
        if self.ears.detector is not None:
            detector = LateDetector(self.ears.detector, clock, self.judged)
        pcm = to_pcm16(utterance.samples)
        over = False
        async with anyio.create_task_group() as jobs:
            inbox: list[Done] = []

            async def done(one: Done) -> None:
                inbox.append(one)

            hearing = Hearing(Ears(asr, self.ears.vad, detector), HearingOptions(tick_s=PARTIAL_EVERY_S), jobs, done)
            hearing.configure(Preferences(turn_taking=wanted))
            for place in range(0, len(pcm), 2 * FRAME):
                notes: list[Note] = list(await hearing.feed(pcm[place : place + 2 * FRAME]))
                await clock.advance(20)
                while inbox:
                    notes += hearing.settle(inbox.pop(0))
                if over := any(isinstance(note, SpeechEnded) for note in notes):
                    break
            jobs.cancel_scope.cancel()
        return clock.now_ms if over else None


# ---------------------------------------------------------------------------------------------------------- the figures


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of an utterance: ``delay_ms`` is None if its speaker was cut off."""

    utterance: Utterance
    delay_ms: float | None


def ways() -> dict[str, dict[str, TurnTakingPreferences]]:
    """The rules, each with its waits."""
    usual = TurnTakingPreferences()
    return {
        "silence": {
            f"silence {ms}": replace(usual, detector=False, end_silence_ms=ms, short_pause_ms=ms) for ms in SILENCES_MS
        },
        "punctuation": {
            f"punctuation 300, {ms}": replace(usual, detector=False, end_silence_ms=ms) for ms in LONG_SILENCES_MS
        },
        "Smart Turn": {f"Smart Turn 300, {ms}": replace(usual, end_silence_ms=ms) for ms in LONG_SILENCES_MS},
        "eagerness": {
            f"Smart Turn 300, 800, {eagerness}": replace(usual, eagerness=eagerness) for eagerness in ("low", "high")
        },
    }


def row(ended: Sequence[Ended]) -> dict[str, float]:
    """The figures of one way."""
    delays = sorted(one.delay_ms for one in ended if one.delay_ms is not None)
    kinds = sorted({one.utterance.kind for one in ended})
    return {
        "cut off, %": _cut_percent(ended),
        **{f"{kind}, %": _cut_percent([one for one in ended if one.utterance.kind == kind]) for kind in kinds},
        "delay p50, ms": statistics.median(delays),
        "mean, ms": statistics.fmean(delays),
        "p95, ms": delays[int(0.95 * (len(delays) - 1))],
    }


def _cut_percent(ended: Sequence[Ended]) -> float:
    return 100 * sum(one.delay_ms is None for one in ended) / len(ended)


async def hear_all(here: Recordings, every: int, weights: WeightsStore) -> dict[str, list[Ended]]:
    """Every utterance, every way."""
    result: dict[str, list[Ended]] = {}
    async with open_scheduler({"cpu": 1}) as scheduler:
        resources = Resources(weights, scheduler)
        async with (
            whisper.open(FasterWhisperOptions(), resources) as asr,
            silero.open(SileroOptions(), resources) as vad,
            smart_turn.open(SmartTurnOptions(), resources) as detector,
        ):
            spoken = await utterances(here, asr, every)
            bench = Bench(Ears(asr, vad, detector))
            for name, wanted in [one for rules in ways().values() for one in rules.items()]:
                result[name] = []
                for utterance in spoken:
                    ended_ms = await bench.ended_ms(utterance, wanted)
                    if ended_ms is None:
                        sys.exit(f"{utterance.name} never ended with {name}.")
                    cut = ended_ms < utterance.end_ms
                    result[name].append(Ended(utterance, None if cut else ended_ms - utterance.end_ms))
                print(name, row(result[name]), file=sys.stderr)
    return result


def curve(table: Table) -> Callable[[Figure], None]:
    """What draws the cut-offs of each rule against its delay."""

    def draw(figure: Figure) -> None:
        figure.set_size_inches(9, 6)
        axes = figure.add_subplot()
        for name, rules in ways().items():
            points = [(table[each]["mean, ms"], table[each]["cut off, %"]) for each in rules]
            style = "o" if name == "eagerness" else "o-"
            axes.plot([x for x, _ in points], [y for _, y in points], style, label=name)
            for each, (x, y) in zip(rules, points, strict=True):
                axes.annotate(each.split()[-1], (x, y), textcoords="offset points", xytext=(4, 4), fontsize="small")
        axes.set(xlabel="delay of those who had ended, mean, ms", ylabel="cut off, %", ylim=(0, None))
        axes.grid(visible=True, alpha=0.3)
        axes.legend()

    return draw


def targets(table: Mapping[str, Mapping[str, float]]) -> tuple[Target, ...]:
    ours, cut, delay = table["Smart Turn 300, 800"], "cut off, %", "delay p50, ms"
    return (
        Target("the default, cut off, %", ours[cut], "at most", table["silence 800"][cut]),
        Target("the default, delay p50, ms", ours[delay], "at most", table["silence 800"][delay]),
    )


def measure(wanted: Namespace) -> Report:
    weights = WeightsStore(load_settings().folders.cache / "weights", load_catalog())
    ended = anyio.run(hear_all, recordings(wanted.speech), wanted.every, weights)
    spoken = [one.utterance for one in next(iter(ended.values()))]
    table = {name: row(each) for name, each in ended.items()}
    return Report(
        f"{len(spoken)} utterances with pauses inside: cut off, against the wait of the others",
        table,
        packages=("faster-whisper", "onnxruntime"),
        targets=targets(table),
        details={
            "utterances": [
                {
                    "kind": one.kind,
                    "name": one.name,
                    "delay_ms": {name: each[place].delay_ms for name, each in ended.items()},
                }
                for place, one in enumerate(spoken)
            ]
        },
        draw=curve(table),
    )


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--speech", type=Path, default=SPEECH, help="the folder with the Mandarin recordings")
    parser.add_argument("--every", type=positive, default=1, help="only every so many-th utterance")


def main(arguments: Sequence[str] | None = None) -> None:
    run("endpoint", measure, arguments, runs=1, add_options=add_options)


if __name__ == "__main__":
    main()
