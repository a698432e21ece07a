"""`llamafactory-cli chat` on a pseudo-terminal: messages are typed, and replies found in what it writes."""

from __future__ import annotations

import importlib
import os
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .process import TAIL_CHARACTERS, Tail, Turn, end_group
from .settings import Problem, Settings, messages
from .text import Screen, answered, opening, typed

if TYPE_CHECKING:
    from .process import Tell
    from .settings import Object

QUIET_S = 0.3
"""Without GNU readline there, a prompt is one when nothing has come after it for so long."""
FRESH: tuple[str, list[dict[str, str]]] = ("", [])
"""What a process knows of the conversation when it has just been started."""


class Chat:
    """The process, a step at a time. What happens is told as JSON objects.

    Attributes:
        state: ``waiting`` (while others load), ``loading``, ``ready``, ``clearing`` (its history), ``asked``,
            ``replying``, or ``draining``: what it still writes belongs to a reply that nobody wants any more.
        fds: What to read from; the first is the terminal.
        unsent: What is still to be typed.
    """

    def __init__(self, settings: Settings, tell: Tell) -> None:
        self.settings = settings
        self.state = "waiting"
        self.fds: list[int] = []
        self.unsent = b""
        self._tell = tell
        self._pexpect = load_pexpect()
        self._child: Any = None
        self._errors = -1
        self._turn = Turn()
        self._screen = Screen()
        self._tail = Tail()
        self._text = ""
        self._reply = ""
        self._heard_at = time.monotonic()
        self._deadline = self._heard_at + settings.load_timeout_s
        self._readline = False
        self._held: Any = FRESH  # system text and history that the process knows; None: anything
        self._request: Object | None = None
        self._next: Object | None = None
        tell({"type": "loading"})

    def ask(self, request: Object) -> None:
        """Take a question; it is answered when what went before is done."""
        if self._next or self.state in {"asked", "replying"}:
            raise Problem("busy", "Another question is being answered.")
        if not isinstance(request.get("message"), str) or not isinstance(request.get("system") or "", str):
            raise Problem("bad_argument", "The question has no message.")
        self._next = dict(request, system=request.get("system") or "", history=messages(request.get("history")))
        self._ask_next()

    def cancel(self, wanted: object) -> None:
        """Nobody wants this answer any more. Ctrl-C would end the process, and the model with it: it writes on."""
        if self._next and self._next.get("id") == wanted:
            self._next = None
        elif self._request and self._request.get("id") == wanted and self.state != "draining":
            self.state = "draining"
            self._held = None
            self._deadline = time.monotonic() + self.settings.drain_s

    def clear(self) -> None:
        """Have it forget the conversation, before the next question."""
        self._held = None

    def tick(self) -> None:
        """What time brings."""
        now = time.monotonic()
        if self.state == "waiting" and self._turn.take():
            self._deadline = now + self.settings.load_timeout_s
            self._start()
        if self.state in {"waiting", "loading"} and now > self._deadline:
            said = self._tail.last(self._text)
            limit_s = self.settings.load_timeout_s
            raise Problem("load_timeout", f"The model was not loaded within {limit_s:g} s; the last was: {said}.")
        if self.state == "draining" and now > self._deadline:
            raise Problem("stuck", f"An interrupted reply did not end within {self.settings.drain_s:g} s.")
        if self.state == "clearing" and now > self._deadline:
            raise Problem("stuck", f"The chat did not forget its history within {self.settings.clear_s:g} s.")
        if self._text.endswith(self.settings.prompt):
            self._look()

    def _start(self) -> None:
        errors, self._errors = os.pipe()
        path = f"/proc/{os.getpid()}/fd/{self._errors}"  # pexpect hands on no file descriptors
        apart = 'exec 2>"$0"; ' if Path(path).exists() else ""
        self._child = self._pexpect.spawn(
            "/bin/sh",
            ["-c", f'{apart}exec "$@"', path, *self.settings.command("chat")],
            env=self.settings.environment(),
            echo=False,
            timeout=None,
            preexec_fn=unlimited_lines,
        )
        self.fds = [self._child.child_fd, errors]
        os.set_blocking(self._child.child_fd, False)
        self.state = "loading"

    def read(self, fd: int) -> None:
        """Read what there is.

        Raises:
            Problem: The process has ended.
        """
        if fd != self.fds[0]:
            if not self._tail.read(fd):
                self.fds.remove(fd)
            return
        try:
            data = os.read(fd, 65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            raise self._ended()
        self._heard_at = time.monotonic()
        self._text += self._screen.feed(data)
        self._look()

    def write(self) -> None:
        """Type on; raises as `read` does."""
        try:
            self.unsent = self.unsent[os.write(self.fds[0], self.unsent[:1024]) :]
        except BlockingIOError:
            pass
        except OSError as error:
            raise self._ended() from error

    def close(self) -> None:
        """End the process and what it has started."""
        if self._child is not None:
            end_group(self._child.pid)

    def _ended(self) -> Problem:
        status = 0
        with suppress(OSError):
            status = os.waitpid(self._child.pid, 0)[1]
        for errors in self.fds[1:]:
            os.set_blocking(errors, False)
            self._tail.read(errors)
        said = self._tail.last(self._text)
        if status >> 8 == 127:
            return Problem("cli_not_found", f"{self.settings.cli}: command not found.")
        code = "load_failed" if self.state == "loading" else "ended"
        return Problem(code, f"llamafactory-cli chat ended with status {status >> 8 or -(status & 127)}: {said}.")

    def _waits(self) -> bool:
        """Whether it waits for a message: a model may write the prompt, too."""
        prompt = self.settings.prompt
        if not (self._text == prompt or self._text.endswith(f"\n{prompt}")):
            return False
        edits = not termios.tcgetattr(self.fds[0])[0] & termios.ICRNL  # GNU readline has the terminal
        if edits and self.state == "loading":
            self._readline = True
        return edits if self._readline else time.monotonic() - self._heard_at > QUIET_S

    def _look(self) -> None:
        if self.state == "asked":
            found = self.settings.reply.search(self._text)
            if found:
                self._text = self._text[found.end() :]
                self._reply = ""
                self.state = "replying"
        if self._waits():
            self._prompted()
        elif self.state == "replying":
            self._tell_piece(answered(self._text, self.settings.prompt))
        else:
            self._text = self._text[-TAIL_CHARACTERS:]

    def _tell_piece(self, length: int) -> None:
        piece, self._text = self._text[:length], self._text[length:]
        if not self._reply:
            piece = piece.lstrip()
        self._reply += piece
        if piece and self._request is not None:
            self._tell({"type": "piece", "id": self._request.get("id"), "text": piece})

    def _prompted(self) -> None:
        state, self.state = self.state, "ready"
        request, self._request = self._request, None
        text, self._text = self._text, ""
        if state == "loading":
            self._turn.give_back()
            self._tell({"type": "ready", "readline": self._readline})
        elif state == "clearing":
            self._held = FRESH
        elif request is not None and state == "replying":
            self._text = text[: -len(self.settings.prompt)].rstrip()
            self._request = request
            self._tell_piece(len(self._text))
            told = [{"role": "user", "content": request["message"].strip()}]
            told.append({"role": "assistant", "content": self._reply.strip()})
            self._held = (request["system"], request["history"] + told)
            self._request = None
            self._tell({"type": "done", "id": request.get("id")})
        elif request is not None and state == "asked":
            self._held = None
            message = f"No reply was found in what was written: {text.strip()[-300:] or 'nothing'}."
            self._tell({"type": "error", "id": request.get("id"), "error": Problem("no_reply", message).told})
        self._ask_next()

    def _ask_next(self) -> None:
        if self.state != "ready" or not self._next:
            return
        request = self._next
        system, history = request["system"], request["history"]
        if history and self._held == (system, history):
            text = request["message"]
        elif self._held == FRESH:
            text = opening(system, history, request["message"])
        else:
            self.state = "clearing"
            self._deadline = time.monotonic() + self.settings.clear_s
            self.unsent += b"clear\n"
            return
        self._next, self._request = None, request
        self.state, self._text = "asked", ""
        self.unsent += typed(text, readline=self._readline)


def unlimited_lines() -> None:
    """A terminal takes no line longer than 4096 bytes, unless it hands on each byte."""
    mode = termios.tcgetattr(0)
    mode[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(0, termios.TCSANOW, mode)


def load_pexpect() -> Any:  # noqa: ANN401 - it has no types
    """The module.

    Raises:
        Problem: It is not there.
    """
    try:
        return importlib.import_module("pexpect")
    except ImportError as error:
        raise Problem("pexpect_missing", f"The Python {sys.executable} has no pexpect.") from error
