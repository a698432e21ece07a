"""ALSA's programs, which every robot's Linux has: started, ended and explained."""

import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

ALSA = ("-q", "-t", "raw", "-f", "S16_LE")

LISTENS_S = 0.5
LAST_WORDS = 5
"""Lines of what a program says that are kept. It complains of each gap, so nobody keeps them all."""

AGAIN_S = 2.0
"""How soon a device is opened again that failed at once. One that has worked is opened again at once."""


class NoProgram(Exception):
    """It is not installed, or has ended: why, in a sentence or two.

    Attributes:
        again_s: How soon to try again.
    """

    def __init__(self, why: str, again_s: float = AGAIN_S) -> None:
        super().__init__(why)
        self.again_s = again_s


class Program:
    """One that runs.

    Args:
        command: What to run; it reads sound from its standard input, or writes it to its standard output.
        plays: Which of the two.

    Raises:
        NoProgram: It is not installed.
    """

    def __init__(self, command: Sequence[str], *, plays: bool) -> None:
        ours, theirs = (subprocess.PIPE, subprocess.DEVNULL) if plays else (subprocess.DEVNULL, subprocess.PIPE)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - as configured
                command, stdin=ours, stdout=theirs, stderr=subprocess.PIPE
            )
        except OSError:
            raise NoProgram(f"There is no {command[0]}: sudo apt install alsa-utils") from None
        self._command = command
        self._begun_s = time.monotonic()
        self._said: deque[bytes] = deque(maxlen=LAST_WORDS)
        self._listener = threading.Thread(target=self._listen, name=command[0], daemon=True)
        self._listener.start()

    @property
    def runs(self) -> bool:
        """Whether it has not ended by itself."""
        return self._process.poll() is None

    def read(self, size: int) -> bytes:
        """The next bytes of sound; fewer when it ends."""
        try:
            return self._process.stdout.read(size) if self._process.stdout else b""
        except ValueError:  # it was ended
            return b""

    def write(self, pcm: bytes) -> None:
        """Play it; waits while the device is full. What has ended plays nothing."""
        try:
            if self._process.stdin:
                self._process.stdin.write(pcm)
                self._process.stdin.flush()
        except (OSError, ValueError):  # it was ended, or its device is gone
            pass

    def end(self) -> None:
        """End it at once, with what it holds."""
        self._process.kill()
        self._process.wait()
        self._listener.join(LISTENS_S)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()

    def failure(self) -> NoProgram:
        """Why it ended."""
        again_s = AGAIN_S if time.monotonic() - self._begun_s < AGAIN_S else 0.0
        self._listener.join(LISTENS_S)
        said = self._said[-1].decode(errors="replace").strip() if self._said else "it said nothing"
        why = f"{' '.join(self._command)} ended: {said}. `{self._command[0]} -L` lists the devices."
        return NoProgram(why, again_s)

    def _listen(self) -> None:
        if self._process.stderr:
            for line in self._process.stderr:
                self._said.append(line[:500])
