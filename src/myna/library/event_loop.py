"""The event loop of the library: one thread of the process, in which models live and agents think.

Whoever calls the library may be in any thread and in any event loop of their own, or in none. What they ask for is done
here, so that all of them share one set of engines. Nothing starts before the first of them asks.
"""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from typing import Any, TypeAlias, TypeVar

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup
from anyio.from_thread import BlockingPortal

from myna.core.errors import BadInput, Closed

T = TypeVar("T")

Work: TypeAlias = Callable[[], Coroutine[Any, Any, T]]

CLOSE_S = 5.0
"""How long a process that ends waits for its models to be let go of."""

log = logging.getLogger(__name__)


class Exits(Exception):
    """Stands for what would end an event loop, until it is out of it."""

    def __init__(self, why: SystemExit | KeyboardInterrupt) -> None:
        super().__init__(repr(why))
        self.why = why


@contextlib.contextmanager
def contained() -> Generator[None]:
    """Have functions of the program's own called in the loop: ``sys.exit()`` there ends what asked, not the loop.

    Raises:
        Exits: One of them wants the process to end.
    """
    try:
        yield
    except (SystemExit, KeyboardInterrupt) as error:
        raise Exits(error) from None


class EventLoop:
    """A thread with an event loop. `myna.library.home` has the one of the process."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._up: Future[tuple[asyncio.AbstractEventLoop, BlockingPortal, TaskGroup, anyio.Event]] = Future()
        self._thread = threading.Thread(target=self._live, name="myna", daemon=True)
        self._thread.start()
        self._loop, self._portal, self._lasting, self._closing = self._up.result()

    def start(self, work: Work[T]) -> Future[T]:
        """Have ``work`` done; cancelling what this gives cancels it. The context of the caller goes with it.

        Raises:
            Closed: The process is ending.
        """
        if self.is_here:
            return asyncio.run_coroutine_threadsafe(work(), self._loop)
        if self._thread.is_alive():  # else its portal would wait for ever
            with contextlib.suppress(RuntimeError):
                return self._portal.start_task_soon(work)
        raise Closed("The process is ending, and with it Myna's models.")

    def run(self, work: Work[T]) -> T:
        """What ``work`` gives; blocks until then. Ctrl-C, or whatever else ends the waiting, cancels it.

        Raises:
            BadInput: Asked in the loop itself, which would wait for itself.
            Closed: The process is ending.
            SystemExit: A function that ``work`` called wants that.
        """
        self.check_outside()
        future = self.start(work)
        try:
            return future.result()
        except Exits as error:
            raise error.why.with_traceback(None) from None
        except BaseException:
            future.cancel()
            raise

    async def join(self, work: Work[T]) -> T:
        """What ``work`` gives, for a caller in an event loop of their own; cancelled, it is cancelled too."""
        future = self.start(work)
        if _runs_asyncio():
            return await asyncio.wrap_future(future)
        try:
            return await anyio.to_thread.run_sync(future.result, abandon_on_cancel=True)
        except BaseException:
            future.cancel()
            raise

    def last(self, work: Work[None]) -> None:
        """Have ``work`` go on until the process ends; an error of it is logged. To be called in the loop."""

        async def safely() -> None:
            try:
                await work()
            except Exception:  # whatever it is, the others go on
                log.exception("Something of Myna's ended that should have gone on.")

        self._lasting.start_soon(safely)

    def check_outside(self) -> None:
        """See that the caller may block.

        Raises:
            BadInput: It is in the loop itself, as an async tool is.
        """
        if self.is_here:
            raise BadInput(
                "This would block the event loop that it is to be done in.",
                hint="In an async tool use the async way: await agent.arun(…), async for … in agent.astream(…).",
            )

    @property
    def is_here(self) -> bool:
        """Whether this is the thread of the loop."""
        return threading.current_thread() is self._thread

    @property
    def is_left_behind(self) -> bool:
        """Whether this process was forked off the one that it runs in: it has the object, and not the thread."""
        return os.getpid() != self._process

    def tell(self, call: Callable[[], object]) -> None:
        """Have ``call`` called in the loop, unless it has ended; returns at once, even if the loop stands still."""
        if not self.is_left_behind:  # else it would write to the wire that wakes the other's
            with contextlib.suppress(RuntimeError):  # it is closed already
                self._loop.call_soon_threadsafe(call)

    def close(self) -> None:
        """Cancel all that runs, and let go of the models; waits for that, but not for long."""
        if not self.is_left_behind:
            self.tell(self._closing.set)
            self._thread.join(CLOSE_S)

    def _live(self) -> None:
        try:
            anyio.run(self._until_closed)
        except RuntimeError:  # a process that ends starts no threads, as asyncio wants to when it leaves
            if not self._up.done():
                raise

    async def _until_closed(self) -> None:
        closing = anyio.Event()
        async with anyio.create_task_group() as lasting, BlockingPortal() as portal:
            self._up.set_result((asyncio.get_running_loop(), portal, lasting, closing))
            await closing.wait()
            await portal.stop(cancel_remaining=True)
            lasting.cancel_scope.cancel()


def _runs_asyncio() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


def callers_loop() -> asyncio.AbstractEventLoop | None:
    """The caller's own asyncio loop, if it is in one."""
    return asyncio.get_running_loop() if _runs_asyncio() else None
