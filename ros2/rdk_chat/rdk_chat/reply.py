"""A reply that is read by a thread of its own, so that who waits for it can stop at any moment."""

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress

from rdk_chat.call import Call, Server
from rdk_chat.problem import Closed, Problem

MOST_PIECES = 256
"""That are read and not yet taken; after these, Myna has to wait."""
PUT_S = 0.05


class Reply:
    """Pieces of text as they come. It begins when it is made; whoever makes it closes it.

    Args:
        server: Who is asked.
        read: Gives the pieces that come through a call.
    """

    def __init__(self, server: Server, read: Callable[[Call], Iterator[str]]) -> None:
        self._call = Call(server)
        self._read = read
        self._closed = threading.Event()
        self._pieces: queue.Queue[str | Problem | None] = queue.Queue(MOST_PIECES)
        # A daemon: looking a name up cannot be ended, and must not keep the process.
        threading.Thread(target=self._run, name="reply", daemon=True).start()

    def next(self, within_s: float) -> str | None:
        """The next piece, nothing if none came in time, or None at the end.

        Raises:
            Problem: There is no more, and that was not the end.
        """
        try:
            piece = self._pieces.get(timeout=max(within_s, 0.001))
        except queue.Empty:
            return ""
        if isinstance(piece, Problem):
            raise piece
        return piece

    def close(self) -> None:
        """Stop it, wherever it is; Myna stops too."""
        self._closed.set()
        self._call.close()

    def _run(self) -> None:
        end: Problem | None = Problem("failed", "The reply could not be read; the log of the node says why.")
        try:
            with self._call, suppress(Closed):
                for piece in self._read(self._call):
                    self._put(piece)
            end = None
        except Problem as problem:
            end = problem
        finally:  # or whoever waits would wait until all his time is over
            self._put(end)

    def _put(self, piece: str | Problem | None) -> None:
        while not self._closed.is_set():
            with suppress(queue.Full):
                return self._pieces.put(piece, timeout=PUT_S)
        return None


class Pace:
    """Lets some through in the order in which they come, and no more than a number of them at once.

    Args:
        at_once: That number; the next one waits as many periods after the first of them.
    """

    def __init__(self, at_once: int = 1) -> None:
        self._lock = threading.Lock()
        self._begun = deque([0.0] * at_once, at_once)

    def wait(self, period_s: float) -> None:
        """Until it is one's turn. On average there is one in a period."""
        with self._lock:
            begins_at = max(self._begun[0] + period_s * len(self._begun), time.monotonic())
            self._begun.append(begins_at)
        time.sleep(max(0.0, begins_at - time.monotonic()))


class Paced:
    """Holds pieces together that come faster than they may be sent.

    Args:
        period_s: The shortest time between two that are sent; the first is sent at once.
        send: What is done with them.
    """

    def __init__(self, period_s: float, send: Callable[[str], None]) -> None:
        self._period_s = period_s
        self._send = send
        self._held = ""
        self._due = 0.0

    @property
    def due_s(self) -> float | None:
        """How soon `flush` should be called; None while nothing is held."""
        return max(0.0, self._due - time.monotonic()) if self._held else None

    def add(self, piece: str) -> None:
        """Send it, or hold it."""
        self._held += piece
        if self._held and time.monotonic() >= self._due:
            self._sent()

    def flush(self) -> None:
        """Send what is held, if it is due."""
        self.add("")

    def finish(self) -> None:
        """Send what is held, due or not."""
        if self._held:
            self._sent()

    def _sent(self) -> None:
        held, self._held = self._held, ""
        self._send(held)
        self._due = time.monotonic() + self._period_s
