"""What a session's owner is told: in order, by anybody, bounded.

A stream of anyio's would do. But audio comes fifty times a second from each who talks, and a stream gives each letter
two rounds of the event loop and some objects, where one round is enough.
"""

from collections import deque
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


class Inbox(Generic[T]):
    """A bounded queue for one reader."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._letters: deque[T] = deque()
        self._came: anyio.Event | None = None  # the reader waits
        self._room: anyio.Event | None = None  # somebody waits for room
        self._closed = False

    def __len__(self) -> int:
        """How many letters wait."""
        return len(self._letters)

    @property
    def next(self) -> T | None:
        """The letter that is taken next, if it is there."""
        return self._letters[0] if self._letters else None

    async def put(self, letter: T) -> None:
        """Add ``letter``; wait while there is no room. Cancelled waiting, nothing was added.

        Raises:
            anyio.ClosedResourceError: Nobody reads any more.
        """
        while not self.post(letter):
            self._room = self._room or anyio.Event()
            await self._room.wait()

    def post(self, letter: T) -> bool:
        """Add ``letter`` if there is room. Whether there was.

        Raises:
            anyio.ClosedResourceError: Nobody reads any more.
        """
        if self._closed:
            raise anyio.ClosedResourceError
        if len(self._letters) >= self._limit:
            return False
        self._letters.append(letter)
        if self._came is not None:
            self._came.set()
        return True

    async def take(self) -> T:
        """The oldest letter; waits for one. Cancelled waiting, none is lost."""
        while not self._letters:
            self._came = anyio.Event()
            await self._came.wait()
        self._came = None
        return self.take_next()

    def take_next(self) -> T:
        """The oldest letter, which is there."""
        letter = self._letters.popleft()
        self._make_room()
        return letter

    def close(self) -> None:
        """Take no more letters. Those that wait can still be taken."""
        self._closed = True
        self._make_room()

    def _make_room(self) -> None:
        if self._room is not None:
            self._room.set()
            self._room = None
