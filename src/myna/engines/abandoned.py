"""Native calls in threads: nothing stops them, so they go on when nobody waits for them any more.

A process may end only when they have returned. The threads of an event loop that is in a daemon thread are daemons too,
and Python ends those as soon as they want its lock while it shuts down, by unwinding their stacks. C++ code does not
bear that (``terminate called without an active exception``, or a segmentation fault): a program that was over and had
done well would end as one that crashed. Who ends a process without Python's own shutdown, as the ``myna`` command
does, need not wait.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

T = TypeVar("T")

_busy: set[threading.Thread] = set()

log = logging.getLogger(__name__)


async def run_abandonable(call: Callable[[], T], *, limiter: anyio.CapacityLimiter | None = None) -> T:
    """Run ``call`` in a thread, and return what it returns.

    Cancelling this await leaves at once; the thread goes on, and what comes of it is dropped.
    """
    made: list[T] = []
    left = False

    def work() -> None:
        thread = threading.current_thread()
        _busy.add(thread)
        try:
            made.append(call())
            if left:  # to drop it is native code too: here, or by who leaves, and never after this
                made.clear()
        finally:
            _busy.discard(thread)

    try:
        await anyio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=limiter)
        return made.pop()
    finally:
        left = True
        made.clear()


def wait_for_abandoned(longest_s: float) -> None:
    """Block until no thread is in native code any more, but not for longer than this. Ctrl-C does not end the wait."""
    until = time.monotonic() + longest_s
    while any(thread.is_alive() for thread in tuple(_busy)):  # those of the process that forked this one off are not
        if time.monotonic() > until:
            log.error("A model still computes after %g s. The process ends now, and may crash over it.", longest_s)
            return
        try:
            time.sleep(0.01)
        except (KeyboardInterrupt, SystemExit):  # a signal's
            log.warning("A model still computes, which cannot be interrupted. The process ends after it.")
