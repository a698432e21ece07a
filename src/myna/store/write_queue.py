"""What is written to SQLite, which has one writer: by one thread, in the order in which it was asked for.

On a busy event loop it is not writing that takes long, but the way into a thread and back, which is some rounds of the
loop: with 50 who talk at a time each write held up all others for 30 ms, and messages were lost for it. So what waits
goes into the thread together.
"""

import asyncio
import threading
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

import anyio
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from myna.core.errors import StoreUnavailable

T = TypeVar("T")

AT_ONCE = 8
"""So many writes go into the thread together: the first of them waits for the last."""


@dataclass(slots=True, eq=False)
class _Write(Generic[T]):
    """A write.

    Attributes:
        work: None: whoever asked writes by other ways, alone.
        begun: The thread is at it, so it is waited for, whoever leaves.
        left: Nobody asks for it any more.
        done: The thread is through with it: it has happened, or failed and left nothing.
        over: It is done, or will never be. Of one without ``work``: it may begin.
    """

    work: Callable[[Connection], T] | None
    begun: bool = False
    left: bool = False
    done: bool = False
    over: anyio.Event = field(default_factory=anyio.Event)
    result: T | None = None
    error: Exception | None = None


class WriteQueue:
    """Writes, each in a transaction of its own. Made by `open_write_queue`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(begin="BEGIN IMMEDIATE")
        self._waiting: deque[_Write[Any]] = deque()
        self._taken = False
        self._closed = False
        self._loop = asyncio.get_running_loop()
        self._given: SimpleQueue[Sequence[_Write[Any]]] = SimpleQueue()
        # A daemon: a disk that hangs does not keep the process from ending.
        threading.Thread(target=self._run, name="store-writer", daemon=True).start()

    async def do(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` gives. Cancelled before it has begun, it never happens; later, it is waited for.

        Raises:
            StoreUnavailable: The queue is closed.
        """
        write = _Write(work)
        await self._wait(write)
        return write.result  # pyright: ignore[reportReturnType] - done without an error: its own result

    @asynccontextmanager
    async def alone(self) -> AsyncGenerator[None]:
        """Nothing is written by this queue until it is left; it is had in turn."""
        await self._wait(_Write(None))
        try:
            yield
        finally:
            self._free()

    def close(self) -> None:
        """End the thread, when it has done what it was given. What waits is not done, and told so."""
        self._closed = True
        self._given.put(())
        self._go_on()

    async def _wait(self, write: _Write[Any]) -> None:
        self._waiting.append(write)
        self._go_on()
        try:
            await write.over.wait()
        except BaseException:
            if not write.begun:
                self._waiting.remove(write)
            elif write.work is None:
                self._free()
            else:
                write.left = True
                with anyio.CancelScope(shield=True):
                    await write.over.wait()
            raise
        if write.error is not None:
            raise write.error

    def _go_on(self) -> None:
        """Begin what waits, if nothing is under way."""
        while self._closed and self._waiting:
            late = self._waiting.popleft()
            late.error = StoreUnavailable("The database is closed.", hint="Open it again.")
            late.over.set()
        if self._taken or not self._waiting:
            return
        self._taken = True
        some = [self._waiting.popleft()]
        while some[0].work and self._waiting and self._waiting[0].work and len(some) < AT_ONCE:
            some.append(self._waiting.popleft())
        for one in some:
            one.begun = True
        if some[0].work:
            self._given.put(some)
        else:
            some[0].over.set()

    def _free(self) -> None:
        self._taken = False
        self._go_on()

    def _settle(self, some: Sequence[_Write[Any]]) -> None:
        """The thread has done these, but for the last ones, perhaps."""
        for one in reversed(some):
            if one.done or one.left:
                one.over.set()
            else:
                one.begun = False
                self._waiting.appendleft(one)
        self._free()

    def _run(self) -> None:
        while some := self._given.get():
            self._do(some)
            with suppress(RuntimeError):  # the event loop has ended: nobody waits
                self._loop.call_soon_threadsafe(self._settle, some)

    def _do(self, some: Sequence[_Write[Any]]) -> None:
        try:
            with self._engine.connect() as connection:
                for one in some:
                    assert one.work is not None  # noqa: S101 - those without are not given to the thread
                    try:
                        with connection.begin():
                            one.result = one.work(connection)
                    except Exception as error:  # noqa: BLE001 - raised again where it was asked for
                        one.error = error
                    one.done = True
                    if isinstance(one.error, OperationalError):
                        return  # another program writes, or the disk is full: who waits may give up meanwhile
        except Exception as error:  # noqa: BLE001 - there is no connection
            for one in some:
                if not one.done:
                    one.error, one.done = error, True


@contextmanager
def open_write_queue(engine: Engine) -> Generator[WriteQueue]:
    """A queue, in the event loop that runs."""
    queue = WriteQueue(engine)
    try:
        yield queue
    finally:
        queue.close()
