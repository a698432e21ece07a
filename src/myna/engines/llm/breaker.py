"""A circuit breaker: who has just failed is left alone for a while, so that nobody waits for it again. No I/O.

https://martinfowler.com/bliki/CircuitBreaker.html
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

BreakerState: TypeAlias = Literal["closed", "open", "half_open"]

Failure: TypeAlias = Literal["refused", "silent", "gone"]
"""How a request failed: there was an answer, and it was no; there was none in time; nobody was there to be asked."""

FAILURES = 2
"""So many refusals in a row open it. Silence and absence do so at once: what they cost is time."""
FIRST_S, LONGEST_S = 5.0, 60.0
"""How long it is open the first time. Each time after that it is twice as long, up to the longest; until it answers."""


@dataclass(slots=True)
class Breaker:
    """Takes what came of each request, as it comes; ``now`` is in seconds and never goes back.

    ``closed``: requests may go. ``open``: none may. ``half_open``: the time is up, and one request is the trial. It
    closes the breaker or opens it again, for twice as long.
    """

    _failures: int = 0
    _openings: int = 0  # since the last answer
    _open_until: float | None = None
    _trial: bool = False
    _gone: bool = False

    def state(self, now: float) -> BreakerState:
        """Where it stands."""
        if self._open_until is None:
            return "closed"
        return "half_open" if self._trial or now >= self._open_until else "open"

    def permits(self, now: float) -> bool:
        """Whether a request may go now."""
        return self._open_until is None or (now >= self._open_until and not self._trial)

    @property
    def wants_probe(self) -> bool:
        """Whether it is open because nobody was there: then a sign of life closes it (`alive`).

        Who is silent, or refuses, may be alive and do so again.
        """
        return self._open_until is not None and self._gone and not self._trial

    def begin(self, now: float) -> bool:
        """A request goes; whether it is the trial. One may also go that is not permitted, where nobody else is left."""
        trial = self._open_until is not None and self.permits(now)
        self._trial = self._trial or trial
        return trial

    def succeeded(self) -> None:
        """An answer has begun."""
        self._failures = self._openings = 0
        self._open_until, self._trial = None, False

    def failed(self, now: float, how: Failure, *, trial: bool) -> None:
        """A request failed. One that was sent before it opened, and fails after, does not count."""
        if self._open_until is not None and not trial:
            return
        self._failures += 1
        if trial or how != "refused" or self._failures >= FAILURES:
            doublings = min(self._openings, 10)  # of more, the number would only be long
            self._open_until = now + min(FIRST_S * 2**doublings, LONGEST_S)
            self._openings += 1
            self._trial, self._gone = False, how == "gone"

    def left(self, *, trial: bool) -> None:
        """A request came to neither: it was given up, or was no good."""
        if trial:
            self._trial = False

    def alive(self) -> None:
        """A probe found it alive again. Before it answers, one failure is enough to open it, for longer."""
        if self.wants_probe:
            self._open_until, self._failures = None, FAILURES - 1
