"""Ending an utterance: how often somebody who goes on is cut off, against how long everybody else waits.

``python -m benchmarks.endpoint [--every N] [--speech FOLDER] [--json] [--picture FILE]``

Recorded speech with pauses inside: clips cut between two words or two clauses, beginnings of sentences and what might
follow, and numbers and addresses said in pieces. Each runs through Myna's own hearing with real engines, in
the time of its audio: the ASR and the turn detector answer as late as they do on two idle cores. Somebody is cut off
if the utterance was over before the last word was; the delay is from there to the end of the utterance.
"""

# pyright: reportUnknownMemberType=false
# matplotlib leaves keyword arguments untyped.

import itertools
import statistics
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.lowlevel
import numpy as np
from benchmarks.clips import SPEECH, Clip, Recordings, listed, recordings
from benchmarks.report import Report, Table, Target, positive, run
from matplotlib.figure import Figure

from myna.config.load import load_settings
from myna.core.audio import HEARING_RATE
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

PAUSES_MS = (250, 400, 600, 800, 1000)
"""The pauses within, in turn: of people who think while they talk four of five are shorter than a second."""

SILENCES_MS = (300, 400, 500, 600, 800, 1000, 1200)
LONG_SILENCES_MS = (500, 800, 1200)

JOINED_S = 0.05
"""Words that are nearer are said without a pause between them."""

_FRAME = HEARING_RATE // 50
_ASTERISK = "asterisk-core-sounds-en-wav"
_ALLISON = "usr/share/asterisk/sounds/en_US_f_Allison"
_DICTATED = (
    "5 5 5, 0 1 3 2",
    "1 3 8, 0 0 1 3, 8 0 0 0",
    "0 2 0, 7 9 4 6, 0 0 1 8",
    "1, 8 0 0, 5 5 5, 0 1 9 9",
    "4 9, 8 9, 2 1 7 5, 3 6",
    "j a n e, at h o m e, dot c o m",
    "m y n a, dash, b i r d, at w o r k",
    "p q 7, 4 k 2, x 9 l",
)
_OPEN = (
    ("conf-thereare", "conf-onlyperson"),
    ("queue-holdtime", "vm-onefor-full"),
    ("num-was-successfully", "is-in-use"),
    ("queue-thereare", "queue-quantity2"),
    ("vm-from-phonenumber", "vm-isonphone"),
    ("confbridge-lock-in", "vm-star-cancel"),
    ("confbridge-menu-exit-in", "vm-then-pound"),
    ("to-call-this-number", "vm-star-cancel"),
)


@dataclass(frozen=True, slots=True)
class Utterance:
    """Recorded speech with pauses inside.

    Attributes:
        end_ms: Where its speech ends: who ends it earlier cuts its speaker off.
    """

    kind: str
    name: str
    samples: Samples
    end_ms: float


# ------------------------------------------------------------------------------------------------------ the utterances


def speech_of(samples: Samples) -> Samples:
    """The samples without the silence around them, at a common level."""
    blocks = np.sqrt(np.mean(np.square(samples[: len(samples) // _FRAME * _FRAME]).reshape(-1, _FRAME), axis=1))
    loud = np.flatnonzero(blocks > 0.03 * blocks.max())
    samples = samples[loud[0] * _FRAME : (loud[-1] + 1) * _FRAME]
    return (samples * (0.1 / np.sqrt(np.mean(np.square(samples))))).clip(-1, 1).astype(np.float32)


def with_pauses(kind: str, name: str, pieces: Sequence[Samples], pauses_ms: Iterable[float]) -> Utterance:
    """The pieces with pauses between them, in the noise of a quiet room."""
    parts: list[Samples] = [np.zeros(HEARING_RATE // 2, np.float32)]
    for piece, pause_ms in zip(pieces, [*pauses_ms, 0], strict=True):
        parts += [piece, np.zeros(round(pause_ms * HEARING_RATE / 1000), np.float32)]
    end = sum(map(len, parts)) - len(parts[-1])
    samples = np.concatenate([*parts[:-1], np.zeros(4 * HEARING_RATE, np.float32)])
    samples += np.random.default_rng(0).normal(0, 0.0008, len(samples)).astype(np.float32)
    return Utterance(kind, name, samples, end * 1000 / HEARING_RATE)


def between_clauses(samples: Samples) -> list[Samples]:
    """The pieces before and behind the quietest place in the middle: where people breathe."""
    blocks = np.mean(np.square(samples[: len(samples) // _FRAME * _FRAME]).reshape(-1, _FRAME), axis=1)
    first, end = int(len(blocks) * 0.35), int(len(blocks) * 0.7)
    place = (first + int(np.argmin(np.convolve(blocks, np.ones(3), "same")[first:end]))) * _FRAME
    return [speech_of(samples[:place]), speech_of(samples[place:])]


async def between_words(samples: Samples, asr: ASR, language: str) -> list[Samples] | None:
    """The pieces before and behind a word in the middle that follows the one before without a pause."""
    heard = await asr.transcribe(samples, ASROptions(language=language, word_times=True))
    words = [word for segment in heard.segments for word in segment.words]
    middle_s = len(samples) / HEARING_RATE / 2
    gaps = [one.end_s for one, other in itertools.pairwise(words) if other.start_s - one.end_s < JOINED_S]
    gap_s = min(gaps, key=lambda gap_s: abs(gap_s - middle_s), default=0.0)
    if abs(gap_s - middle_s) > 0.4 * middle_s:
        return None
    place = round(gap_s * HEARING_RATE)
    return [speech_of(samples[:place]), speech_of(samples[place:])]


def _allison(name: str) -> Clip:
    return Clip(_ASTERISK, f"{_ALLISON}/{name}.wav", "en", name)


def _said(token: str) -> Clip:
    return _allison(f"digits/{token}" if token.isdigit() else f"letters/{token}")


async def utterances(here: Recordings, asr: ASR, every: int) -> list[Utterance]:
    """All of them; the clips are fetched first."""
    pauses = itertools.cycle(PAUSES_MS)
    clips = [clip for clip in listed() if clip.source in ("speech", _ASTERISK, "pocketsphinx-testdata")]
    opened = [[_allison(name) for name in pair] for pair in _OPEN]
    dictated = [[[_said(token) for token in group.split()] for group in said.split(",")] for said in _DICTATED]
    here.fetch([*clips, *itertools.chain(*opened), *itertools.chain(*itertools.chain(*dictated))])
    made: list[Utterance] = []
    for clip in clips:
        speech = speech_of(here.read(clip))
        if not 1.6 <= len(speech) / HEARING_RATE <= 7:
            continue
        made.append(with_pauses("clause", clip.name, between_clauses(speech), [next(pauses)]))
        if pieces := await between_words(speech, asr, clip.language):
            made.append(with_pauses("hesitation", clip.name, pieces, [next(pauses)]))
    for pair in opened * 3:
        pieces = [speech_of(here.read(clip)) for clip in pair]
        made.append(with_pauses("open end", pair[0].name, pieces, [next(pauses)]))
    for groups, said in zip(dictated * 2, _DICTATED * 2, strict=True):
        pieces = [np.concatenate([speech_of(here.read(clip)) for clip in group]) for group in groups]
        made.append(with_pauses("dictation", said, pieces, [next(pauses) for _ in groups[1:]]))
    return made[::every]


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
            for place in range(0, len(pcm), 2 * _FRAME):
                notes: list[Note] = list(await hearing.feed(pcm[place : place + 2 * _FRAME]))
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
        Target("the default, delay p50, ms", ours[delay], "at most", table["silence 600"][delay]),
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
