"""Who may write: so many replies at a time, and no more tokens than the GPU holds. Others wait, each owner in turn."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from myna.core.context import ids
from myna.core.errors import Busy
from myna.engines.fair_queue import FairQueue

MOST_WAITING = 256


@dataclass(slots=True, eq=False)
class _Waiting:
    tokens: int
    owner: str
    urgency: int = 0
    turned_away: bool = False
    called: anyio.Event = field(default_factory=anyio.Event)


class Places:
    """Lends places.

    Args:
        slots: How many there are.
        tokens: How many tokens those who have one may take together. A single one may always take all.
    """

    def __init__(self, slots: int, tokens: int) -> None:
        self._slots = slots
        self._tokens = tokens
        self._inside = list[_Waiting]()
        self._queue = FairQueue[_Waiting](MOST_WAITING)
        self._next: _Waiting | None = None

    @property
    def taken_tokens(self) -> int:
        """How many tokens those who have a place take."""
        return sum(each.tokens for each in self._inside)

    @asynccontextmanager
    async def taken(self, tokens: int) -> AsyncGenerator[None]:
        """Wait for a place for so many tokens, and have it.

        Raises:
            Busy: Too many wait.
        """
        about = ids()
        mine = _Waiting(tokens, about.get("conversation_id") or about.get("request_id", ""))
        if leaving := self._queue.put(mine):
            leaving.turned_away = True
            leaving.called.set()
        self._call()
        try:
            await mine.called.wait()
            if mine.turned_away:
                raise Busy(f"{MOST_WAITING} replies wait for the LLM.", hint="Try again later, or with fewer sessions.")
            yield
        finally:
            self._leave(mine)

    def _leave(self, mine: _Waiting) -> None:
        self._queue.remove(mine)
        if self._next is mine:
            self._next = None
        if mine in self._inside:
            self._inside.remove(mine)
        self._call()

    def _call(self) -> None:
        """Call in whoever fits. One that needs more room than there is keeps those behind it waiting."""
        while len(self._inside) < self._slots and (following := self._next or self._queue.take(least_urgent=0)):
            if self._inside and self.taken_tokens + following.tokens > self._tokens:
                self._next = following
                return
            self._next = None
            self._inside.append(following)
            following.called.set()
