"""Pulling in a process of its own, for a server that has to go on meanwhile: ``python -m myna.weights.pull_process``.

It is told what to do by one line of JSON (`Order`) on standard input, and tells how it goes by lines of JSON on
standard output: the methods of `myna.weights.progress.Progress` by their names, and at the end ``ended`` or ``failed``.
When its standard input closes, since whoever asked stops or has died, it ends at once, as a pull ends at Ctrl-C.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import NoReturn

from pydantic import BaseModel

from myna.core.errors import MynaError
from myna.weights.catalog import Catalog
from myna.weights.fetch import pull
from myna.weights.options import WeightsOptions
from myna.weights.store import WeightsStore

EVERY_S = 0.1
"""How often it is told how much has come."""


class Order(BaseModel):
    """What is to be pulled, and where to."""

    root: Path
    catalog: Catalog
    names: tuple[str, ...]
    options: WeightsOptions


class _Lines:
    """A line for each thing that is told."""

    def __init__(self) -> None:
        self._told_at = 0.0

    def say(self, told: str, **what: object) -> None:
        sys.stdout.write(json.dumps({"told": told, **what}) + "\n")
        sys.stdout.flush()

    def waiting(self, model: str) -> None:
        self.say("waiting", model=model)

    def started(self, model: str, size: int) -> None:
        self.say("started", model=model, size=size)

    def resumed(self, model: str, done: int) -> None:
        self.say("resumed", model=model, done=done)

    def advanced(self, model: str, done: int, doing: str) -> None:
        now = time.monotonic()
        if now - self._told_at >= EVERY_S:
            self._told_at = now
            self.say("advanced", model=model, done=done, doing=doing)

    def skipped(self, model: str, source: str, reason: str) -> None:
        self.say("skipped", model=model, source=source, reason=reason)

    def finished(self, model: str) -> None:
        self.say("finished", model=model)


def main() -> None:
    """Pull what the order says."""
    order = Order.model_validate_json(sys.stdin.buffer.readline())
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_end_when_closed, daemon=True).start()
    lines = _Lines()
    try:
        pull(WeightsStore(order.root, order.catalog), order.names, progress=lines, options=order.options)
    except MynaError as error:
        lines.say("failed", code=error.code, message=error.message, hint=error.hint)
    else:
        lines.say("ended")


def _leave(_: int, __: FrameType | None) -> NoReturn:
    """The stack unwinds, as at Ctrl-C, so that a child that is downloading ends too."""
    raise SystemExit(1)


def _end_when_closed() -> None:
    descriptor = sys.stdin.fileno()  # the object itself cannot be read here while the interpreter shuts down
    while os.read(descriptor, 4096):
        pass
    main_thread = threading.main_thread().ident
    if main_thread is not None and sys.platform != "win32":
        signal.pthread_kill(main_thread, signal.SIGTERM)  # also out of a read that nothing comes of
    else:
        os._exit(1)


if __name__ == "__main__":
    main()
