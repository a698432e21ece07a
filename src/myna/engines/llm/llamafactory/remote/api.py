"""`llamafactory-cli api` on a free loopback port."""

from __future__ import annotations

import socket
import subprocess
import time
from typing import TYPE_CHECKING

from .process import Tail, Turn, end_group
from .settings import Problem, Settings

if TYPE_CHECKING:
    from .process import Tell
    from .settings import Object

LOOPBACK = "127.0.0.1"
LOOK_S = 0.1


class Api:
    """The process, a step at a time; it has the face of `chat.Chat`."""

    def __init__(self, settings: Settings, tell: Tell) -> None:
        self.settings = settings
        self.fds: list[int] = []
        self.unsent = b""
        self._tell = tell
        self._turn = Turn()
        self._tail = Tail()
        self._process: subprocess.Popen[bytes] | None = None
        self._loads = True
        self._deadline = time.monotonic() + settings.load_timeout_s
        with socket.socket() as free:
            free.bind((LOOPBACK, 0))
            self._port = free.getsockname()[1]
        tell({"type": "loading"})

    def tick(self) -> None:
        """What time brings."""
        now = time.monotonic()
        if self._process is None:
            if self._turn.take():
                self._deadline = now + self.settings.load_timeout_s
                self._start()
        elif self._loads and self._listens():
            self._loads = False
            self._turn.give_back()
            self._tell({"type": "ready", "port": self._port})
        if self._loads and now > self._deadline:
            limit_s = self.settings.load_timeout_s
            said = self._tail.last()
            raise Problem("load_timeout", f"The model was not loaded within {limit_s:g} s; the last was: {said}.")

    def _start(self) -> None:
        env = self.settings.environment()
        env.update(API_HOST=LOOPBACK, API_PORT=str(self._port), API_KEY=self.settings.api_key)
        self._process = subprocess.Popen(  # noqa: S603 - the command is what the user has set
            self.settings.command("api"),
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if self._process.stdout is not None:
            self.fds = [self._process.stdout.fileno()]

    def _listens(self) -> bool:
        with socket.socket() as wire:
            wire.settimeout(LOOK_S)
            return wire.connect_ex((LOOPBACK, self._port)) == 0

    def read(self, fd: int) -> None:
        """Pass on what it logs.

        Raises:
            Problem: The process has ended.
        """
        if self._tail.read(fd) or self._process is None:
            return
        status = self._process.wait()
        code = "cli_not_found" if status == 127 else "load_failed" if self._loads else "ended"
        raise Problem(code, f"llamafactory-cli api ended with status {status}: {self._tail.last()}.")

    def ask(self, request: Object) -> None:
        """There is HTTP for that."""
        raise Problem("bad_argument", f"With --api, questions such as {request.get('id')} go to the port.")

    def cancel(self, wanted: object) -> None:
        """There is HTTP for that."""

    def clear(self) -> None:
        """It remembers nothing."""

    def write(self) -> None:
        """Nothing is typed."""

    def close(self) -> None:
        """End the process and what it has started."""
        if self._process is not None:
            end_group(self._process.pid)
