"""What a session has to say and its client has not yet taken."""

from collections import deque
from collections.abc import Callable

import anyio

from myna.core.events import Event, LevelsHeard, TranscriptPartial

LONGEST = 4096


class Outbox:
    """A bounded queue of events from which events can be withdrawn.

    An interruption has to stop what was said but not yet taken; a plain stream could not take it back.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: deque[Event] = deque()
        self._changed = anyio.Event()
        self._closed = False

    async def put(self, event: Event) -> None:
        """Add ``event``; wait while the queue is full. Cancelled waiting, nothing was added."""
        while len(self._events) >= self._limit and not self._closed:
            await self._changed.wait()
        if not self._closed:
            self._events.append(event)
            self._notify()

    def post(self, event: Event) -> None:
        """Add ``event`` without waiting, for who must not be held up; the outbox grows by it, however full it is.

        Of a turn's partial transcripts only the newest waits to be taken. When `LONGEST` events wait, the outbox
        closes: a client that is so far behind will not catch up. Of levels, too, only the newest waits, and none where
        the queue is full: meters are no reason to grow.
        """
        if isinstance(event, LevelsHeard):
            self._events = deque(one for one in self._events if not isinstance(one, LevelsHeard))
            if len(self._events) >= self._limit:
                self._notify()
                return
        if isinstance(event, TranscriptPartial):
            self._events = deque(
                one for one in self._events if not (isinstance(one, TranscriptPartial) and one.turn_id == event.turn_id)
            )
        if len(self._events) >= LONGEST:
            self.close()
        if not self._closed:
            self._events.append(event)
            self._notify()

    @property
    def closed(self) -> bool:
        """Whether it takes no more events."""
        return self._closed

    async def take(self) -> Event | None:
        """The oldest event; waits for one. None when the outbox is closed and empty."""
        while not self._events:
            if self._closed:
                return None
            await self._changed.wait()
        event = self._events.popleft()
        self._notify()
        return event

    def withdraw(self, unwanted: Callable[[Event], bool]) -> list[Event]:
        """Remove the events that are ``unwanted`` and return them."""
        withdrawn = [event for event in self._events if unwanted(event)]
        self._events = deque(event for event in self._events if not unwanted(event))
        self._notify()
        return withdrawn

    def close(self) -> None:
        """Take no more events; what is in the queue can still be taken."""
        self._closed = True
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()
