"""Threads for tools that block.

Why not ``anyio.to_thread``: its threads keep the process from ending, so a tool that hangs would keep Myna from being
stopped; and with ``abandon_on_cancel`` its limit counts callers, so that hung threads would pile up. Here a thread is a
daemon, and a place is free again when the thread has returned.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

import anyio
import anyio.from_thread
import anyio.lowlevel

from myna.core.errors import Busy

T = TypeVar("T")

MOST_THREADS = 16
"""Of one tool, in one event loop."""


@dataclass(slots=True, eq=False)
class _Places:
    """Where the threads of a tool run."""

    limiter: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(MOST_THREADS))
    abandoned: int = 0


_places: anyio.lowlevel.RunVar[WeakKeyDictionary[object, _Places]] = anyio.lowlevel.RunVar("myna_tool_threads")


@dataclass(slots=True, eq=False)
class _Job(Generic[T]):
    call: Callable[[], T]
    done: anyio.Event = field(default_factory=anyio.Event)
    left: bool = False
    result: T | None = None
    error: BaseException | None = None


async def run_in_thread(owner: object, call: Callable[[], T]) -> T:
    """Run ``call`` in a thread, and return what it returns. It sees the context variables of its caller.

    Cancelling this await leaves at once; the thread goes on, and what comes of it is dropped.

    Args:
        owner: On whose behalf: it has `MOST_THREADS`, and others wait until one has returned. Weakly referenced.
        call: Blocks.

    Raises:
        Busy: All of the owner's threads hang: nobody waits for them any more.
        BaseException: Whatever ``call`` raises; for a KeyboardInterrupt, which would end the process, a RuntimeError.
    """
    places = _places_of(owner)
    if places.abandoned >= MOST_THREADS:
        raise Busy(f"{MOST_THREADS} earlier calls have never returned.", hint="Try again later.")
    job = _Job(call)
    await places.limiter.acquire_on_behalf_of(job)
    try:
        _start(job, places)
    except BaseException:
        places.limiter.release_on_behalf_of(job)
        raise
    try:
        await job.done.wait()
    finally:
        if not job.done.is_set():
            job.left = True
            places.abandoned += 1
    if job.error is not None:
        raise job.error
    return job.result  # pyright: ignore[reportReturnType] - done without an error: the call's own result


def _places_of(owner: object) -> _Places:
    try:
        all_places = _places.get()
    except LookupError:
        all_places = WeakKeyDictionary[object, _Places]()
        _places.set(all_places)
    return all_places.setdefault(owner, _Places())


def _context() -> Context:
    """The context of the caller, but for the mark that an event loop runs: in the thread none does, and one may."""
    context = copy_context()
    for variable in context:
        if variable.name == "current_async_library_cvar":  # sniffio's
            context.run(variable.set, None)
    return context


def _start(job: _Job[T], places: _Places) -> None:
    loop = anyio.lowlevel.current_token()
    context = _context()

    def returned() -> None:
        places.limiter.release_on_behalf_of(job)
        places.abandoned -= job.left
        job.done.set()

    def work() -> None:
        try:
            job.result = context.run(job.call)
        except KeyboardInterrupt as error:  # the call's own: that of the process comes to its main thread
            job.error = RuntimeError("The call raised KeyboardInterrupt.")
            job.error.__cause__ = error
        except BaseException as error:  # noqa: BLE001 - the call's own error, raised again where it was asked for
            job.error = error
        with suppress(RuntimeError):  # the loop has ended: nobody is left to be told
            anyio.from_thread.run_sync(returned, token=loop)

    threading.Thread(target=work, name="myna-tool", daemon=True).start()
