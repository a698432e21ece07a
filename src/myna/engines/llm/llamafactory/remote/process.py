"""What the processes that are started here have in common."""

from __future__ import annotations

import fcntl
import os
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from .settings import Object

    Tell = Callable[[Object], object]
    """Takes what is to be told, as a JSON object."""

KILL_S = 3.0
TAIL_CHARACTERS = 2000


class Tail:
    """The end of what a program wrote to standard error; it is also passed on to ours."""

    def __init__(self) -> None:
        self.text = ""

    def read(self, fd: int) -> bool:
        """Take what there is; says whether there may be more."""
        try:
            data = os.read(fd, 65536)
        except BlockingIOError:
            return True
        with suppress(OSError):
            os.write(2, data)
        self.text = (self.text + data.decode("utf-8", "replace"))[-TAIL_CHARACTERS:]
        return bool(data)

    def last(self, more: str = "") -> str:
        """The last lines, as one."""
        lines = [line.strip() for line in f"{self.text}\n{more}".splitlines() if line.strip()]
        return "; ".join(lines[-3:])[-500:] or "it said nothing"


def end_group(pid: int) -> None:
    """End a process and what it started, and wait for it."""
    _signal(pid, signal.SIGTERM)
    if not _gone(pid):
        _signal(pid, signal.SIGKILL)
        _gone(pid)
    _signal(pid, signal.SIGKILL)  # children that outlived it


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(OSError):
        os.killpg(group, number)


def _gone(pid: int) -> bool:
    until = time.monotonic() + KILL_S
    while time.monotonic() < until:
        try:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


class Turn:
    """The right to load a model: on one machine, one at a time."""

    def __init__(self) -> None:
        path = Path(tempfile.gettempdir(), f"myna-llamafactory-{os.getuid()}.lock")
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)

    def take(self) -> bool:
        """Whether it is ours now."""
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def give_back(self) -> None:
        """Let the next one load."""
        fcntl.flock(self._fd, fcntl.LOCK_UN)
