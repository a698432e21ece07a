"""Whether a request that failed before its first token is sent again, and when. No I/O, reads no clock."""

import random
from dataclasses import dataclass

import httpx

from myna.core.errors import EngineTimeout, MynaError
from myna.engines.llm.faults import Refused

FIRST_S = 0.3
"""Before the second attempt, at most; it doubles with each. Where many wait, chance keeps them apart."""
LONGEST_S = 5.0
"""Who is to wait longer than this is told so, and may do something else."""
LATER = frozenset({429, 502, 503, 504})

POLL_FIRST_S = 0.5
POLL_LONGEST_S = 3.0
MOST_POLLS = 10
"""How often a server that loads a model is asked whether it is done; after the last it is `POLL_LONGEST_S`."""


@dataclass(slots=True)
class Retries:
    """The attempts of one request.

    Attributes:
        most: How often it is sent again.
        until_s: No later than at this time of the event loop.
        load_s: How long a server may load a model meanwhile; that counts for nothing else.
        loads_until_s: When that will be over; None while none is being loaded.
    """

    most: int
    until_s: float
    load_s: float
    loads_until_s: float | None = None
    _made: int = 0
    _polled: int = 0

    def wait_s(self, problem: MynaError, now_s: float) -> float:
        """How long to wait before the next attempt.

        Raises:
            MynaError: There is none: the problem itself, or that the model was not loaded in time.
        """
        cause = problem.__cause__
        if isinstance(cause, Refused) and cause.loads and self.load_s:
            return self._load_wait_s(problem, now_s)
        if self.loads_until_s is not None:
            self.until_s += now_s - (self.loads_until_s - self.load_s)
            self.loads_until_s = None
        wait_s = min(LONGEST_S, random.uniform(0.5, 1) * FIRST_S * 2**self._made)  # noqa: S311 - no secret
        match cause:
            case Refused(status=status, after_s=after_s) if status in LATER and (after_s or 0) <= LONGEST_S:
                wait_s += after_s or 0
            case httpx.NetworkError() | httpx.RemoteProtocolError():
                pass
            case _:
                raise problem
        if self._made >= self.most or now_s + wait_s > self.until_s:
            raise problem
        self._made += 1
        return wait_s

    def _load_wait_s(self, problem: MynaError, now_s: float) -> float:
        if self.loads_until_s is None:
            self.loads_until_s = now_s + self.load_s
        if now_s >= self.loads_until_s:
            raise EngineTimeout(
                f"{problem.message} That took longer than {self.load_s:g} s.",
                hint="Look at the server's own log; set a longer load_timeout_s in [openai] for a big model.",
            ) from problem
        wait_s = min(POLL_FIRST_S * 1.5**self._polled, POLL_LONGEST_S)
        self._polled = min(self._polled + 1, MOST_POLLS)
        return min(wait_s, self.loads_until_s - now_s)
