"""What a server program writes to its standard error: its last lines tell why it does not start."""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TextIO

log = logging.getLogger(__name__)

LINES = 20
LONGEST_LINE = 500
BLOCK = 1 << 16


class Complaints:
    """The last ``lines``; of a server that writes on and on, no more is kept."""

    def __init__(self, name: str, hide: Callable[[str], str]) -> None:
        self._name = name
        self._hide = hide
        self.lines: deque[str] = deque(maxlen=LINES)

    def take(self, line: bytes) -> None:
        """Keep a line, and log it as content: it may quote what a user said."""
        if text := self._hide(line.decode(errors="replace").strip())[:LONGEST_LINE]:
            self.lines.append(text)
            log.debug("mcp server %s wrote a line", self._name, extra={"content": text})

    @property
    def last(self) -> str:
        """The last line; empty if there was none."""
        return self.lines[-1] if self.lines else ""


@contextmanager
def listening(complaints: Complaints) -> Generator[TextIO]:
    """A file for a child's standard error, whose lines are taken.

    A thread reads them: a pipe's end comes only when the last of a server's own children has closed it, and nobody
    waits for that.
    """
    reading, writing = os.pipe()
    try:
        threading.Thread(target=_read, args=(reading, complaints), daemon=True, name="mcp-complaints").start()
    except BaseException:
        os.close(reading)
        os.close(writing)
        raise
    with os.fdopen(writing, "w") as file:
        yield file


def _read(reading: int, complaints: Complaints) -> None:
    rest = b""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while block := pipe.read(BLOCK):
            *lines, rest = (rest + block).split(b"\n")
            rest = rest[-LONGEST_LINE:]
            for line in lines:
                complaints.take(line)
    complaints.take(rest)
