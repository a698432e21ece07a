"""How it is talked to: one question and one line, or JSON lines both ways."""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from .api import Api
from .chat import Chat
from .settings import Problem, Settings

if TYPE_CHECKING:
    from .settings import Object

    Engine = Chat | Api

PROTOCOL = 1
TICK_S = 0.1
LONGEST_LINE = 8 << 20
SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGALRM)


class Lines:
    """JSON lines on standard input and output. Everything else that is printed goes to standard error."""

    def __init__(self) -> None:
        self._out = os.dup(1)
        os.dup2(2, 1)
        self._rest = b""
        self.idle_s = 0

    def tell(self, event: Object) -> None:
        """Write one."""
        data = json.dumps(event, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        while data:
            data = data[os.write(self._out, data) :]

    def first(self) -> bytes:
        """Wait for one."""
        while b"\n" not in self._rest:
            data = os.read(0, 65536)
            if not data or len(self._rest) > LONGEST_LINE:
                raise Problem("bad_argument", "Standard input has no line with the argument.")
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return line

    def beat(self) -> None:
        """Somebody is there: the time after which all is ended begins anew."""
        signal.alarm(self.idle_s)

    def read(self) -> list[bytes] | None:
        """Those that have come; None at the end."""
        data = os.read(0, 65536)
        if not data or len(self._rest) > LONGEST_LINE:
            return None
        self.beat()
        return self.take(data)

    def take(self, data: bytes = b"") -> list[bytes]:
        """Those that are whole by now."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        return whole


def obey(engine: Engine, line: bytes, lines: Lines) -> None:
    """Do what one line says."""
    request: Object = {}
    try:
        given: Any = json.loads(line)
        if isinstance(given, dict):
            request.update(cast("Object", given))
        _obey(engine, request, lines)
    except ValueError:
        lines.tell({"type": "error", "error": {"code": "bad_argument", "message": "A line is no JSON."}})
    except Problem as problem:
        lines.tell({"type": "error", "id": request.get("id"), "error": problem.told})


def _obey(engine: Engine, request: Object, lines: Lines) -> None:
    kind = request.get("type")
    if kind == "generate":
        engine.ask(request)
    elif kind == "cancel":
        engine.cancel(request.get("id"))
    elif kind == "clear":
        engine.clear()
    elif kind == "ping":
        lines.tell({"type": "pong"})
    else:
        raise Problem("bad_argument", f"There is no request of the type {kind}.")


def step(engine: Engine, others: list[int]) -> list[int]:
    """Wait for what comes next, and do it; those of the others that can be read are left to the caller."""
    able, free, _ = select.select(others + engine.fds, engine.fds[:1] if engine.unsent else [], [], TICK_S)
    for fd in able:
        if fd in engine.fds:
            engine.read(fd)
    if free:
        engine.write()
    engine.tick()
    return [fd for fd in able if fd in others]


def serve(engine: Engine, lines: Lines) -> None:
    """Until standard input ends."""
    whole: list[bytes] | None = lines.take()
    while whole is not None:
        for line in whole:
            obey(engine, line, lines)
        whole = lines.read() if step(engine, [0]) else []


def once(chat: Chat, events: list[Object]) -> Object:
    """One question, and what to print."""
    settings = chat.settings
    chat.ask({"id": 0, "system": settings.system, "history": settings.history, "message": settings.message})
    deadline: float | None = None
    reply = ""
    while True:
        step(chat, [])
        for event in events:
            if event["type"] == "error":
                raise Problem(event["error"]["code"], event["error"]["message"])
            if event["type"] == "done":
                return {"role": "assistant", "content": reply}
            reply += event.get("text", "")
        events.clear()
        if deadline is None and chat.state not in {"waiting", "loading"}:
            deadline = time.monotonic() + settings.timeout_s
        if deadline is not None and time.monotonic() > deadline:
            raise Problem("timeout", f"No whole reply came within {settings.timeout_s:g} s.")


def run(words: list[str], lines: Lines) -> None:
    """Do what the command line says.

    Raises:
        Problem: Why that is not possible, or not any more.
    """
    stays = [word for word in words if word in {"--serve", "--api"}]
    if len(words) != 1 + len(stays) or len(stays) > 1:
        raise Problem("bad_argument", "One argument is wanted: a JSON object, or - for standard input.")
    if stays:
        lines.tell({"type": "hello", "protocol": PROTOCOL, "pid": os.getpid(), "digest": own_digest()})
    try:
        given = json.loads(lines.first() if words[-1] == "-" else words[-1])
    except ValueError as error:
        raise Problem("bad_argument", f"The argument is no JSON: {error}.") from error
    settings = Settings(given)
    events: list[Object] = []
    engine: Engine | None = None
    try:
        if not stays:
            engine = Chat(settings, events.append)
            lines.tell(once(engine, events))
        else:
            lines.idle_s = settings.idle_s
            lines.beat()
            engine = Chat(settings, lines.tell) if stays == ["--serve"] else Api(settings, lines.tell)
            serve(engine, lines)
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if engine is not None:
            engine.close()


def own_digest() -> str:
    """The SHA-256 of the file that runs, so that an old copy is noticed."""
    try:
        return hashlib.sha256(Path(sys.argv[0]).read_bytes()).hexdigest()
    except OSError:
        return ""


def leave(number: int, _frame: object) -> None:
    """A signal: what was started is ended."""
    raise SystemExit(128 + number)


def main(words: list[str]) -> int:
    """Run; gives the exit status."""
    for number in SIGNALS:
        signal.signal(number, leave)
    lines = Lines()
    problem: Problem | None = None
    try:
        run(words, lines)
    except Problem as error:
        problem = error
    except BrokenPipeError:
        return 1
    except OSError as error:
        problem = Problem("failed", f"{error}.")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    if problem is None:
        return 0
    stays = "--serve" in words or "--api" in words
    lines.tell({"type": "error", "error": problem.told} if stays else {"error": problem.told})
    return 1
