"""A server to measure: ``myna serve`` as a user starts it, in a home of its own, with this machine's weights."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import psutil
from benchmarks.fixed_engines import install

from myna.config.load import load_settings

_ROOT = Path(__file__).parents[1]
_START_S = 120
_STOP_S = 30
_REPLY_S = 300


@dataclass(frozen=True, slots=True)
class Server:
    """One that is ready, ``ready_s`` after it was started."""

    url: str
    process: psutil.Process
    ready_s: float

    @property
    def realtime(self) -> str:
        """The URL of its Realtime socket."""
        return self.url.replace("http", "ws", 1) + "/v1/realtime"

    def children(self) -> list[psutil.Process]:
        """What it started."""
        return self.process.children(recursive=True)

    def chat(self, text: str, session_id: str, max_tokens: int) -> None:
        """One turn of a conversation, in words."""
        body = {
            "messages": [{"role": "user", "content": text}],
            "session_id": session_id,
            "max_tokens": max_tokens,
        }
        httpx.post(f"{self.url}/llm", json=body, timeout=_REPLY_S).raise_for_status()

    def stop(self) -> float:
        """Stop it as Ctrl-C does. How long that took, in seconds."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(_STOP_S)
        return time.monotonic() - began


@contextmanager
def serving(settings: Mapping[str, str] | None = None) -> Generator[Server]:
    """A server on loopback until the block ends.

    Args:
        settings: Environment names and values. The engines of `benchmarks.fixed_engines` can be chosen as well.
    """
    with TemporaryDirectory() as home:
        packages = Path(home) / "packages"
        install(packages)
        (Path(home) / "cache").mkdir()
        (Path(home) / "cache" / "weights").symlink_to(load_settings().folders.cache / "weights")
        environ = {name: value for name, value in os.environ.items() if not name.startswith("MYNA_")}
        environ |= {"MYNA_HOME": home, "PYTHONPATH": os.pathsep.join([str(packages), str(_ROOT)])}
        port = _free_port()
        began = time.monotonic()
        process = psutil.Popen(
            [Path(sys.executable).with_name("myna"), "serve", "--port", str(port)],
            cwd=home,
            env=environ | dict(settings or {}),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_ready(url, process)
            yield Server(url, process, time.monotonic() - began)
        finally:
            if process.is_running():
                process.kill()
            process.wait(_STOP_S)


def _wait_ready(url: str, process: psutil.Process) -> None:
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/ready", timeout=2).status_code == 200:
                return
        except httpx.TransportError:
            pass
        if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
            sys.exit("myna serve ended; are the weights here? `myna models pull starter` fetches them.")
        time.sleep(0.02)
    sys.exit(f"myna serve was not ready within {_START_S} s.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
