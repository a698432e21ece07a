"""Somebody who talks with a robot, for the tests: `programs/voice_user.py`, and the server behind the robot."""

import json
import re
import signal
import subprocess
import threading
import time
import wave
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from tests.end_to_end.processes import MYNA, Server
from tests.ros2.robot import PROGRAMS, Robot, RunningNode

from myna.engines.base import Samples
from myna.engines.samples import to_pcm16

LIMIT_S = 90
"""Of a hang."""

URL = re.compile(r"https?://[\w.]+:\d+")

News = dict[str, Any]


class User:
    """Says what it is told to, and keeps what it hears."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._news: list[News] = []
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def do(self, what: str, **fields: Any) -> float:
        """Begin it; the time."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **fields}) + "\n")
        self._process.stdin.flush()
        return time.monotonic()

    def wait(
        self,
        topic: str,
        fits: Callable[[News], bool] = lambda _: True,
        *,
        since: float = 0.0,
        within_s: float = LIMIT_S,
    ) -> News:
        """The first news of a topic that fits."""

        def found() -> News | None:
            return next((each for each in self.of(topic, since) if fits(each)), None)

        with self._changed:
            self._changed.wait_for(lambda: found() is not None, within_s)
        news = found()
        assert news is not None, f"{topic}: {[each for each in self._news[-400:] if each['topic'] != 'audio_out']}"
        return news

    def of(self, topic: str, since: float = 0.0) -> list[News]:
        """All news of a topic."""
        return [each for each in list(self._news) if each["topic"] == topic and each["at"] >= since]

    def call(self, name: str, **fields: Any) -> News:
        """Call a service."""
        begun = self.do("call", name=name, **fields)
        return self.wait("answer", lambda news: news["name"] == name, since=begun)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._reader.join(30)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self._news.append(json.loads(line))
                self._changed.notify_all()


@contextmanager
def talking(robot: Robot, audio_type: str = "myna_ros_interfaces/msg/Audio") -> Generator[User]:
    """Somebody who is there once the node is."""
    process = subprocess.Popen(
        robot.command("python", PROGRAMS / "voice_user.py", audio_type),
        env=robot.environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        user = User(process)
        user.do("wait")
        user.wait("ready")
        yield user
        user.close()
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        assert process.stdin is not None
        process.stdout.close()
        process.stdin.close()


@contextmanager
def running(
    robot: Robot, executable: str = "voice", *arguments: str, package: str = "myna_ros", **parameters: object
) -> Generator[RunningNode]:
    """A voice node, which ends as it has promised."""
    node = robot.start(executable, *arguments, package=package, **parameters)
    try:
        yield node
        status, _ = node.end()
        assert status == 0, node.log.read_text()
    finally:
        node.process.kill()
        node.process.wait()


def write_wav(path: Path, samples: Samples, sample_rate: int = 16_000) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        file.writeframes(to_pcm16(samples.astype(np.float32)))
    return path


@contextmanager
def serving(environ: dict[str, str], folder: Path, port: int = 0, *arguments: str) -> Generator[Server]:
    """A server that listens; it may be killed meanwhile."""
    log = folder / f"serve-{time.monotonic_ns()}.log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [MYNA, "serve", "--port", str(port), *arguments],
            cwd=folder,
            env=environ,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            text=True,
        )
    try:
        server = Server("", process, log)
        server.wait(lambda: URL.search(log.read_text()) is not None)
        server = Server(URL.findall(log.read_text())[0], process, log)
        server.wait_ready()
        yield server
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(30)
    finally:
        process.kill()
        process.wait()
