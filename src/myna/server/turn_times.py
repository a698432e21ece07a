"""How the turns of a process went, and how long their stages took: counted, nothing else is kept of them."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import get_args

from myna.core.events import Outcome, Stage

BOUNDS_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)
"""Where the histograms of times are divided, in seconds: close around what a talk bears, some 0.2 to 2 s."""

ANSWERED: tuple[Outcome, ...] = ("completed", "interrupted", "failed")
"""How a turn ends that was to be answered."""


@dataclass(slots=True)
class Histogram:
    """Times in seconds: how many are up to each of `BOUNDS_S` and above the one before, then those above the last."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    sum_s: float = 0.0

    def add(self, time_s: float) -> None:
        """One more."""
        self.counts[bisect_left(BOUNDS_S, time_s)] += 1
        self.sum_s += time_s


@dataclass(slots=True)
class TurnTimes:
    """Since the process began: turns by how they ended, and by stage the times from the end of the utterance on."""

    outcomes: Counter[Outcome] = field(default_factory=lambda: Counter[Outcome](dict.fromkeys(ANSWERED, 0)))
    stages: dict[Stage, Histogram] = field(default_factory=lambda: {stage: Histogram() for stage in get_args(Stage)})

    def add(self, outcome: Outcome, reached_ms: Mapping[Stage, float]) -> None:
        """A turn has ended; see `myna.session.options.Watch`."""
        self.outcomes[outcome] += 1
        for stage, at_ms in reached_ms.items():
            self.stages[stage].add(max(at_ms, 0.0) / 1000)
