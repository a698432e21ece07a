"""Which memories fit a question, and in which order: pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from myna.memory.base import Memory, Recalled

FITS = 0.125
"""From this fit on, a memory is recalled.

Measured with multilingual-e5-small on the halves marked ``tuning`` of ``benchmarks/recall_questions.toml`` (questions
that ask for a fact) and ``recall_facts.toml`` (remarks that a fact fits), as are the numbers below. With 64 memories,
of 100 questions 94 are told the fact (98 have it among the first three), of 100 remarks 53 (70), and what no fact fits
is told 0.5 (2.6). From 0.18 on it would be 92, 43 and 0.35.
"""
BESIDE = 7.5
"""A memory is left out beside one whose odds to fit are so many times its own.

So a question is told 1.35 memories and not 2, of which the model has to read each, and no fewer of those it asks for.
"""

MEANING = (-6.2, 21.3, 5.0)
"""Of the fit by meaning and words: where it begins, what the cosine adds, and what the square of the words adds.

The first two make it the probability (by logistic regression, on the remarks) that one of the best three of 64 memories
is meant. The sets hold questions and facts that share a word at most, so the third is set so that a question all of
whose words are in a memory fits it, whatever its cosine. Its square, since half of the words say less than half: what
has a word or two in common with many memories is better told by its meaning (1 to 3 in 100 more are found first).
"""
WORDS = (-4.3, 8.0)
"""Of the fit by words alone: from 0.3 of the question on, which one in ten chance questions reaches."""

FRESH, OFTEN = 0.03, 0.02
"""How much sooner a memory comes that is new, or used often. They decide between memories that fit alike."""
FRESH_DAYS = 30.0
OFTEN_USES = 10


@dataclass(frozen=True, slots=True)
class Candidate:
    """A memory that may fit.

    Attributes:
        words: How much of the question is in it, 0 to 1 (`myna.memory.words.shared`).
        cosine: How near its meaning is (`myna.memory.meaning`); None where meaning is not known.
    """

    memory: Memory
    words: float
    cosine: float | None = None


def fit(candidate: Candidate) -> float:
    """How likely it is that the memory fits, 0 to 1."""
    if candidate.cosine is None:
        begins, words = WORDS
        return _share(begins + words * candidate.words) if candidate.words else 0.0
    begins, meaning, words = MEANING
    return _share(begins + meaning * candidate.cosine + words * candidate.words**2)


def nearest(candidates: Iterable[Candidate], limit: int) -> Sequence[Recalled]:
    """The best, however little they fit."""
    found = [Recalled(candidate.memory, fit(candidate)) for candidate in candidates]
    return sorted(found, key=lambda each: (-each.fit, each.memory.id))[:limit]


def recalled(candidates: Iterable[Candidate], limit: int, now: datetime) -> Sequence[Recalled]:
    """The pinned ones, and then the best of those that fit, without those that fit far less than the best."""

    def order(each: Recalled) -> tuple[bool, float, str]:
        memory = each.memory
        days = max(0.0, (now - (memory.used_at or memory.changed_at)).total_seconds() / 86400)
        fresh, often = math.exp(-days / FRESH_DAYS), min(1.0, memory.uses / OFTEN_USES)
        return not memory.pinned, -(each.fit + FRESH * fresh + OFTEN * often), memory.id

    found = [Recalled(candidate.memory, fit(candidate)) for candidate in candidates]
    best = max((_odds(each.fit) for each in found), default=0.0)
    kept = [each for each in found if each.memory.pinned or (each.fit >= FITS and BESIDE * _odds(each.fit) >= best)]
    return sorted(kept, key=order)[:limit]


def _odds(share: float) -> float:
    return share / max(1e-9, 1 - share)


def _share(value: float) -> float:
    return 1 / (1 + math.exp(-value))
