"""What is written to SQLite, which has one writer: in the order in which it was asked for, some at a time.

On a busy event loop it is not writing that takes long, but the way into a thread and back, which is some rounds of the
loop: with 50 who talk at a time each write held up all others for 30 ms, and messages were lost for it. So whoever is
first does what waits behind it too, on one way.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import anyio
import anyio.to_thread
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

T = TypeVar("T")

AT_ONCE = 8
"""So many writes go into a thread together: the first of them waits for the last."""


@dataclass(slots=True, eq=False)
class _Write(Generic[T]):
    """A write.

    Attributes:
        news: Something has happened to it.
        leads: Who asked for it is to go ahead with what waits.
        begun: A thread is at it, so it is waited for, whoever leaves.
        over: It has happened, or failed and left nothing.
    """

    work: Callable[[Connection], T]
    leads: bool = False
    begun: bool = False
    over: bool = False
    result: T | None = None
    error: Exception | None = None
    news: anyio.Event = field(default_factory=anyio.Event)


class WriteQueue:
    """Writes, each in a transaction of its own.

    Attributes:
        alone: Is held by whoever writes, in this queue or beside it.
    """

    def __init__(self, engine: Engine) -> None:
        self.alone = anyio.Lock()
        self._engine = engine.execution_options(begin="BEGIN IMMEDIATE")
        self._waiting: deque[_Write[Any]] = deque()
        self._led = False

    async def do(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` gives. Cancelled before it has begun, it never happens; later, it is waited for."""
        write = _Write(work, leads=not self._led)
        self._led = True
        self._waiting.append(write)
        try:
            while not (write.over or write.leads):
                await self._hear(write)
            if not write.over:
                await self._lead()
        except BaseException:
            self._leave(write)
            raise
        if write.error is not None:
            raise write.error
        return write.result  # pyright: ignore[reportReturnType] - over without an error: its own result

    async def _hear(self, write: _Write[Any]) -> None:
        try:
            await write.news.wait()
        except anyio.get_cancelled_exc_class():
            if write.begun:
                with anyio.CancelScope(shield=True):
                    await write.news.wait()
            raise
        write.news = anyio.Event()

    async def _lead(self) -> None:
        """Do what waits, the own write first."""
        async with self.alone:
            some = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            for one in some:
                one.begun = True
            try:
                with anyio.CancelScope(shield=True):  # the others have not been cancelled
                    await anyio.to_thread.run_sync(self._do, some)
            finally:
                for one in reversed(some):
                    if not one.over:
                        one.begun = False
                        self._waiting.appendleft(one)
                    one.news.set()
        self._go_on()

    def _leave(self, write: _Write[Any]) -> None:
        """Nobody waits for it any more."""
        if write in self._waiting:
            self._waiting.remove(write)
            if write.leads:
                self._go_on()

    def _go_on(self) -> None:
        """Let the next one lead."""
        self._led = bool(self._waiting)
        if self._led:
            self._waiting[0].leads = True
            self._waiting[0].news.set()

    def _do(self, some: Sequence[_Write[Any]]) -> None:
        try:
            with self._engine.connect() as connection:
                for one in some:
                    try:
                        with connection.begin():
                            one.result = one.work(connection)
                    except Exception as error:  # noqa: BLE001 - raised again where it was asked for
                        one.error = error
                    one.over = True
                    if isinstance(one.error, OperationalError):
                        return  # another program writes, or the disk is full: who waits may give up meanwhile
        except Exception as error:  # noqa: BLE001 - there is no connection
            for one in some:
                if not one.over:
                    one.error, one.over = error, True
