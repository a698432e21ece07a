"""Which memories fit a question, and in which order: pure."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from myna.memory.base import Memory, Recalled

FITS = 0.125
"""From this fit on, a memory is recalled.

Measured with multilingual-e5-small on the half marked ``tuning`` of ``benchmarks/recall_facts.toml``, as are the
numbers below: with 64 memories, of 100 questions that one of them fits 59 have it among the first three (69 if nothing
is left out), and one that none fits is given 0.9 memories (2.6). A higher one loses more than it spares.
"""

MEANING = (-6.2, 21.3, 5.0)
"""Of the fit by meaning and words: where it begins, what the cosine adds, and what the words add.

The first two make it the probability (by logistic regression) that one of the best three of 64 memories is meant. The
questions of the set share no words with what they mean, so the third is set so that a question all of whose words are
in a memory fits it, whatever its cosine, and one that shares a third of them does not for that alone.
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
    return _share(begins + meaning * candidate.cosine + words * candidate.words)


def nearest(candidates: Iterable[Candidate], limit: int) -> Sequence[Recalled]:
    """The best, however little they fit."""
    found = [Recalled(candidate.memory, fit(candidate)) for candidate in candidates]
    return sorted(found, key=lambda each: (-each.fit, each.memory.id))[:limit]


def recalled(candidates: Iterable[Candidate], limit: int, now: datetime) -> Sequence[Recalled]:
    """The pinned ones, and then the best of those that fit."""

    def order(each: Recalled) -> tuple[bool, float, str]:
        memory = each.memory
        days = max(0.0, (now - (memory.used_at or memory.changed_at)).total_seconds() / 86400)
        fresh, often = math.exp(-days / FRESH_DAYS), min(1.0, memory.uses / OFTEN_USES)
        return not memory.pinned, -(each.fit + FRESH * fresh + OFTEN * often), memory.id

    found = [Recalled(candidate.memory, fit(candidate)) for candidate in candidates]
    return sorted((each for each in found if each.memory.pinned or each.fit >= FITS), key=order)[:limit]


def _share(value: float) -> float:
    return 1 / (1 + math.exp(-value))
