"""The wrapper on the machine, from here: it is started, spoken to in JSON lines, and ended with all that it started."""

import json
import logging
import secrets
import zipfile
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from functools import cache
from hashlib import sha256
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING, Any, cast

import anyio

from myna.core.errors import EngineError, EngineRefused, EngineUnavailable, MynaError
from myna.engines.llm.llamafactory import commands, faults
from myna.engines.llm.llamafactory.commands import Commands
from myna.engines.llm.llamafactory.connection import Connection
from myna.engines.llm.llamafactory.options import LlamaFactoryOptions
from myna.engines.task_group import open_task_group

if TYPE_CHECKING:
    import asyncssh

log = logging.getLogger(__name__)

PROTOCOL = 1
BEAT_S = 10.0
IDLE_S = 45
"""When it has not heard from us for so long, it ends itself and the model: else a line that broke leaves both there."""
END_S = 4.0
"""How long it may take to end by itself."""
END_RUN_S = commands.KILL_S + 3.0
"""How long ending it over another channel may take."""
LONGEST_LINE = 8 << 20
TAIL_CHARACTERS = 4000


class Wrapper:
    """One run of it. Made by `open_wrapper`."""

    def __init__(self, options: LlamaFactoryOptions, process: "asyncssh.SSHClientProcess[bytes]") -> None:
        self._options = options
        self._process = process
        self._head = self._tail = ""
        self._pong = anyio.Event()
        self._heard_all = anyio.Event()
        self.secret = secrets.token_urlsafe(32)

    @property
    def pid(self) -> int:
        """Its process, whose group it leads; 0 if it has not told."""
        found = commands.PID.search(self._head)
        return int(found[1]) if found else 0

    async def tell(self, request: Mapping[str, object]) -> None:
        """Send one request."""
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        await self._process.stdin.drain()

    async def ping(self) -> None:
        """Wait until it has answered."""
        pong = self._pong
        await self.tell({"type": "ping"})
        await pong.wait()

    async def events(self) -> AsyncGenerator[dict[str, Any]]:
        """What it tells, until it ends.

        Raises:
            EngineError: It has ended, and why.
        """
        rest = b""
        while data := await self._process.stdout.read(65536):
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > LONGEST_LINE:
                break
            for line in lines:
                event = self._event(line)
                if event["type"] == "pong":
                    self._pong.set()
                    self._pong = anyio.Event()
                elif event["type"] == "error" and event.get("id") is None:
                    raise self.problem(event)
                else:
                    yield event
        raise await self._ended()

    def problem(self, event: Mapping[str, Any]) -> EngineError:
        """The error that it tells."""
        told = event.get("error")
        told = cast("dict[str, object]", told) if isinstance(told, dict) else {}
        return faults.fault(str(told.get("code")), self._options, str(told.get("message") or ""))

    def _event(self, line: bytes) -> dict[str, Any]:
        try:
            event = json.loads(line)
        except ValueError:
            event = None
        if not isinstance(event, dict) or not isinstance(cast("dict[str, Any]", event).get("type"), str):
            raise self._stranger(f"it says {line[:200]!r}")
        event = cast("dict[str, Any]", event)
        if event["type"] == "hello":
            if event.get("protocol") != PROTOCOL:
                raise self._stranger("it is of another version")
            if event.get("digest") != digest():
                log.warning(
                    "%s on %s is the wrapper of another version of Myna. It works; to have this one's faults mended, "
                    "run: myna llamafactory deploy",
                    self._options.script_path,
                    self._options.place,
                )
        return event

    def _stranger(self, why: str) -> EngineError:
        return EngineRefused(
            f"{self._options.script_path} on {self._options.place} is not the wrapper of this Myna: {why}.",
            hint="`myna llamafactory deploy` copies it there. A program of your own is for the mode script.",
        )

    async def _ended(self) -> EngineError:
        status = None
        with anyio.move_on_after(END_S):
            await self._process.wait_closed()
            await self._heard_all.wait()
            status = self._process.returncode
        found = commands.FAULT.search(self._head)
        if found:
            return faults.fault(found[1], self._options)
        if status is None:
            return faults.lost(self._options.place)
        said = "; ".join(line for line in self._tail.splitlines() if not line.startswith("myna-"))[-300:]
        return EngineUnavailable(
            f"{self._options.script_path} on {self._options.place} ended with status {status}: {said or 'no word'}.",
            hint=faults.CHECK,
        )

    async def listen(self) -> None:
        """Read what it logs, until it ends."""
        while data := await self._process.stderr.read(65536):
            text = data.decode(errors="replace")
            log.debug("%s: %s", self._options.place, text)
            head = TAIL_CHARACTERS - len(self._head)
            self._head, self._tail = self._head + text[:head], (self._tail + text)[-TAIL_CHARACTERS:]
        self._heard_all.set()

    async def beat(self) -> None:
        """Let it know that we are here."""
        while True:
            await anyio.sleep(BEAT_S)
            await self.tell({"type": "ping"})


@asynccontextmanager
async def open_wrapper(connection: Connection, options: LlamaFactoryOptions) -> AsyncGenerator[Wrapper]:
    """Start it. Leaving ends it, with all that it started there; raises as `Connection.connect`."""
    await end_left_behind(connection)
    run = secrets.token_hex(8)
    async with connection.process(Commands(options).wrapper(run)) as process:
        wrapper = Wrapper(options, process)
        async with open_task_group() as tasks:
            tasks.start_soon(wrapper.listen)
            try:
                with suppress(BrokenPipeError):  # it has ended at once; `Wrapper.events` will say why
                    await wrapper.tell(options.argument() | {"idle_s": IDLE_S, "api_key": wrapper.secret})
                tasks.start_soon(wrapper.beat)
                yield wrapper
            finally:
                with anyio.CancelScope(shield=True):
                    await _end(connection, wrapper, process, run)
                tasks.cancel_scope.cancel()


async def _end(connection: Connection, wrapper: Wrapper, process: "asyncssh.SSHClientProcess[bytes]", run: str) -> None:
    """It ends when its standard input does. If it hangs, its process group is ended over another channel."""
    with anyio.move_on_after(END_S), suppress(*connection.losses):
        process.stdin.write_eof()
        while not process.stdout.at_eof():
            await process.stdout.read(65536)
        await process.wait_closed()
    if not wrapper.pid or process.returncode is not None:
        return
    await end_run(connection, wrapper.pid, run)


async def end_run(connection: Connection, pid: int, run: str) -> None:
    """End the process group of a run; where the line is broken, later. Never fails, and takes at most `END_RUN_S`."""
    if connection.is_up:
        with suppress(MynaError):
            await connection.run(commands.kill(pid, run), limit_s=END_RUN_S)
            return
    connection.left_behind.append((pid, run))


async def end_left_behind(connection: Connection) -> None:
    """End what a broken line has left there: two models may be more than the machine holds."""
    await connection.connect()
    for _ in range(len(connection.left_behind)):
        await end_run(connection, *connection.left_behind[0])  # puts it at the end if that fails
        del connection.left_behind[0]


_START = """\
import json, os, sys
if sys.version_info < (3, 8):
    told = {"code": "old_python", "message": "%s is %d.%d." % ((sys.executable,) + sys.version_info[:2])}
    print(json.dumps({"type": "error", "error": told}))
    sys.exit(1)
from myna_remote.main import main
os._exit(main(sys.argv[1:]))
"""
"""Any Python can read this, and say that it is too old."""


def archive() -> bytes:
    """The wrapper as one file, a zip archive that Python runs; the same bytes for the same Myna."""
    made = BytesIO()
    source = files("myna.engines.llm.llamafactory") / "remote"
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as zipped:
        _add(zipped, "__main__.py", _START)
        for file in sorted(source.iterdir(), key=lambda file: file.name):
            if file.name.endswith(".py"):
                _add(zipped, f"myna_remote/{file.name}", file.read_text("utf-8"))
    return made.getvalue()


@cache
def digest() -> str:
    """The SHA-256 of the wrapper that belongs to this Myna."""
    return sha256(archive()).hexdigest()


def _add(zipped: zipfile.ZipFile, name: str, text: str) -> None:
    zipped.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
