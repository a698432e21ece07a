"""Who is answered when: some at a time, others wait in the order in which they came."""

import threading
from collections.abc import Callable

POLL_S = 0.05
"""How long it may take until one who waits sees that he is no longer wanted."""


class Turns:
    """Places for those who are answered, and for those who wait.

    Args:
        concurrent: How many are answered at a time.
        queue: How many more may wait.
    """

    def __init__(self, concurrent: int, queue: int) -> None:
        self._concurrent = concurrent
        self._queue = queue
        self._changed = threading.Condition()
        self._places: list[Place] = []

    def take(self) -> "Place | None":
        """A place at the end, or None if there is none; whoever has it leaves it in any case."""
        with self._changed:
            if len(self._places) >= self._concurrent + self._queue:
                return None
            place = Place(self)
            self._places.append(place)
            return place

    @property
    def running(self) -> int:
        """How many are being answered."""
        with self._changed:
            return min(len(self._places), self._concurrent)

    @property
    def waiting(self) -> int:
        """How many wait."""
        with self._changed:
            return max(0, len(self._places) - self._concurrent)

    def wait_empty(self, within_s: float) -> bool:
        """Whether all have left by then."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._places, within_s)

    def wait(self, place: "Place", unwanted: Callable[[], bool]) -> bool:
        """Until it is the turn of ``place``: True; or False, if it is not wanted any more."""
        with self._changed:
            while place not in self._places[: self._concurrent]:
                if unwanted():
                    return False
                self._changed.wait(POLL_S)
            return True

    def leave(self, place: "Place") -> None:
        """Give it up; doing so twice does no harm."""
        with self._changed:
            if place in self._places:
                self._places.remove(place)
                self._changed.notify_all()


class Place:
    """One of the places; the oldest ones are answered."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns

    def wait(self, unwanted: Callable[[], bool]) -> bool:
        """See `Turns.wait`."""
        return self._turns.wait(self, unwanted)

    def leave(self) -> None:
        """See `Turns.leave`."""
        self._turns.leave(self)

    def __enter__(self) -> "Place":
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
