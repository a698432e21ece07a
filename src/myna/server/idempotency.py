"""Requests that are asked again: the answer is generated once, kept for a while, and given again.

The work runs in a task of its own, not in that of the request which came first: a client that lost its connection finds
the answer when it asks again, and whoever else waits for it is not disturbed.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio
from anyio.abc import TaskGroup

from myna.core.errors import BadInput, Busy, Closed
from myna.engines.task_group import open_task_group

T = TypeVar("T")

KEPT_S = 600.0
"""How long an answer is given again, counted from when it was made."""
LONGEST_KEY = 255


class KeyReused(BadInput):
    """An idempotency key that came before with another request."""

    code = "idempotency_key_reused"


@dataclass(slots=True)
class _Entry(Generic[T]):
    fingerprint: bytes
    ended: anyio.Event = field(default_factory=anyio.Event)
    answer: T | None = None
    failure: BaseException | None = None
    size: int = 0
    until: float = 0.0


class Idempotency(Generic[T]):
    """What was asked under which key, and what was answered. Made by `open_idempotency`.

    Args:
        work: Runs what is asked; whoever opened it ends what still runs.
        size: How much room an answer takes.
        most: How many keys are held, running or answered; the oldest answers go first.
        room: How much room the kept answers may take together, in the units of ``size``.
    """

    def __init__(self, work: TaskGroup, size: Callable[[T], int], most: int, room: int) -> None:
        self._work = work
        self._size = size
        self._most = most
        self._room = room
        self._running: dict[str, _Entry[T]] = {}
        self._kept: OrderedDict[str, _Entry[T]] = OrderedDict()  # in the order in which they were made

    async def once(self, key: str, fingerprint: bytes, make: Callable[[], Awaitable[T]]) -> tuple[T, bool]:
        """What ``make`` gives, and whether it was made for an earlier request of this key.

        A request that comes while the first one runs waits for its end. When that fails, all who waited get its error,
        and the next request tries anew.

        Args:
            key: See `checked_key`.
            fingerprint: The same for the same request, another one for another.
            make: Must come to an end by itself: nobody cancels it but the end of the process.

        Raises:
            KeyReused: The key came before with another fingerprint.
            Busy: Too many keys are being worked on.
            Closed: The server stopped before there was an answer.
        """
        self._forget_the_old()
        entry = self._running.get(key) or self._kept.get(key)
        known = entry is not None
        if entry is None:
            if len(self._running) >= self._most:
                raise Busy("Too many requests with idempotency keys are running.", hint="Try again later.")
            entry = self._running[key] = _Entry[T](fingerprint)
            self._work.start_soon(self._run, key, entry, make)
        elif entry.fingerprint != fingerprint:
            raise KeyReused(
                "The idempotency key was used for another request.", hint="Take a new key for a new request."
            )
        await entry.ended.wait()
        if entry.failure is not None:
            raise entry.failure
        assert entry.answer is not None  # noqa: S101 - for the type checker: it ended, and did not fail
        return entry.answer, known

    async def _run(self, key: str, entry: _Entry[T], make: Callable[[], Awaitable[T]]) -> None:
        entry.failure = Closed("The server is stopping.")
        try:
            entry.answer = await make()
            entry.failure = None
            self._keep(key, entry, entry.answer)
        except Exception as error:  # noqa: BLE001 - raised by those who wait for it
            entry.failure = error
        finally:
            del self._running[key]
            entry.ended.set()

    def _keep(self, key: str, entry: _Entry[T], answer: T) -> None:
        entry.size = self._size(answer)
        entry.until = anyio.current_time() + KEPT_S
        self._kept[key] = entry
        while len(self._kept) > self._most or sum(kept.size for kept in self._kept.values()) > self._room:
            self._kept.popitem(last=False)

    def _forget_the_old(self) -> None:
        now = anyio.current_time()
        for key in list(self._expired(now)):
            del self._kept[key]

    def _expired(self, now: float) -> Iterator[str]:
        for key, entry in self._kept.items():
            if entry.until > now:
                return
            yield key


@asynccontextmanager
async def open_idempotency(
    size: Callable[[T], int], *, most: int = 1000, room: int = 8 << 20
) -> AsyncGenerator[Idempotency[T]]:
    """See `Idempotency`. Leaving ends what still runs."""
    async with open_task_group() as work:
        try:
            yield Idempotency(work, size, most, room)
        finally:
            work.cancel_scope.cancel()


def checked_key(value: str) -> str:
    """An idempotency key that can be used.

    Raises:
        BadInput: It is blank, too long, or holds what does not belong into a header.
    """
    key = value.strip()
    if not key or len(key) > LONGEST_KEY or not key.isprintable():
        raise BadInput(
            f"The idempotency key must be 1 to {LONGEST_KEY} printable characters.",
            hint="Use session:utterance:hash, or leave the header out.",
        )
    return key
