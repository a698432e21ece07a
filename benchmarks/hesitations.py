"""Recorded speech with pauses inside: what `benchmarks.endpoint` must not take for the end of an utterance.

Clips cut between two words or two clauses, beginnings of sentences and what might follow, and numbers and addresses
said in pieces.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from benchmarks.clips import Clip, Recordings, listed

from myna.core.audio import HEARING_RATE
from myna.engines.base import ASR, ASROptions, Samples

PAUSES_MS = (250, 400, 600, 800, 1000)
"""The pauses within, in turn: of people who think while they talk four of five are shorter than a second."""

JOINED_S = 0.05
"""Words that are nearer are said without a pause between them."""

FRAME = HEARING_RATE // 50
"""In samples, 20 ms."""

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


def speech_of(samples: Samples) -> Samples:
    """The samples without the silence around them, at a common level."""
    blocks = np.sqrt(np.mean(np.square(samples[: len(samples) // FRAME * FRAME]).reshape(-1, FRAME), axis=1))
    loud = np.flatnonzero(blocks > 0.03 * blocks.max())
    samples = samples[loud[0] * FRAME : (loud[-1] + 1) * FRAME]
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
    blocks = np.mean(np.square(samples[: len(samples) // FRAME * FRAME]).reshape(-1, FRAME), axis=1)
    first, end = int(len(blocks) * 0.35), int(len(blocks) * 0.7)
    place = (first + int(np.argmin(np.convolve(blocks, np.ones(3), "same")[first:end]))) * FRAME
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
