"""Who talks goes before who remembers."""

import math
from collections.abc import AsyncGenerator, Generator, Hashable
from contextlib import asynccontextmanager, contextmanager

import anyio

QUIET_S = 2.0
"""So long nobody may have talked before work begins."""
LOOK_EVERY_S = 0.5
"""So often who waits looks whether somebody still talks."""
LONGEST_TURN_S = 120.0
"""Somebody who began and never ended is thought to have gone away after this."""
LONGEST_SPEECH_S = 30.0
"""Somebody who speaks, and of whom nothing was heard for so long, is thought to have gone away."""


class RightOfWay:
    """Lets work run only while nobody talks, and stops it when somebody begins.

    Who talks never waits. Times are those of the event loop's clock.
    """

    def __init__(self, quiet_s: float = QUIET_S) -> None:
        self._quiet_s = quiet_s
        self._talking: dict[Hashable, float] = {}  # who, and until when that is believed
        self._quiet_from = -math.inf
        self._at_work: anyio.CancelScope | None = None

    def begin(self, who: Hashable, longest_s: float = LONGEST_TURN_S) -> None:
        """Somebody talks, which is believed for ``longest_s``; work that runs is stopped."""
        now = anyio.current_time()
        self._forget_who_left(now)
        self._talking[who] = max(now + longest_s, self._talking.get(who, 0.0))
        if self._at_work is not None:
            self._at_work.cancel()

    def end(self, who: Hashable) -> None:
        """They do not talk any more."""
        if self._talking.pop(who, None) is not None:
            self._quiet_from = anyio.current_time() + self._quiet_s

    @contextmanager
    def taken(self) -> Generator[None]:
        """Within it somebody talks: a request that has nothing to do with a session."""
        who = object()
        self.begin(who)
        try:
            yield
        finally:
            self.end(who)

    async def wait(self) -> None:
        """Until nobody talks, and has not for a while."""
        while (left_s := self._left_s()) > 0:  # noqa: ASYNC110 - it waits for a time too
            await anyio.sleep(min(left_s, LOOK_EVERY_S))

    @asynccontextmanager
    async def work(self, limit_s: float) -> AsyncGenerator[anyio.CancelScope]:
        """Within it work may run, for ``limit_s`` at most. The scope says whether it was stopped.

        One at a time. Wait first: it begins at once.
        """
        with anyio.move_on_after(limit_s) as scope:
            self._at_work = scope
            try:
                yield scope
            finally:
                self._at_work = None

    def _left_s(self) -> float:
        now = anyio.current_time()
        self._forget_who_left(now)
        return max([self._quiet_from, *self._talking.values()], default=now) - now

    def _forget_who_left(self, now: float) -> None:
        self._talking = {who: until for who, until in self._talking.items() if until > now}
