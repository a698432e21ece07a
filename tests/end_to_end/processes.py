"""Myna's own processes, run as a user runs them."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

MYNA = Path(sys.executable).with_name("myna")


@dataclass(frozen=True)
class Home:
    """A folder of its own for all that Myna keeps, with the starter weights in it."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str, stdin: str = "", timeout: float = 180) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [MYNA, *arguments],
            cwd=self.folder,
            env=self.environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )


@dataclass(frozen=True)
class Server:
    url: str
    process: subprocess.Popen[str]
    log: Path

    def wait_ready(self) -> None:
        self.wait(lambda: httpx.get(f"{self.url}/ready").status_code == 200)

    def wait(self, condition: Callable[[], bool], within_s: float = 180) -> None:
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            try:
                if condition():
                    return
            except httpx.TransportError:
                pass
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.05)
        pytest.fail(self.log.read_text())

    def family(self) -> list[int]:
        """The server's process and those that it started."""
        return family(self.process.pid)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


def family(pid: int) -> list[int]:
    """A process and those that it started."""
    children = [child for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]
    return [pid, *(member for child in children for member in family(int(child)))]
