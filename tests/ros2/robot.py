"""A robot: the nodes as its launch files start them, and programs of its own that ask them, all with real ROS 2."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "ros"
BUILT = ROOT / ".venv-ros" / "workspace" / "install"
PROGRAMS = Path(__file__).parent / "programs"
STARTS_S = 30
ENDS_S = 2
"""What the nodes promise."""
LIMIT_S = 120

SUCCEEDED, CANCELED, ABORTED = 4, 5, 6
"""action_msgs/msg/GoalStatus."""

Told = dict[str, Any]


@dataclass(frozen=True)
class RunningNode:
    """A node, and what it logs."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def wait_logged(self, pattern: str, within_s: float = STARTS_S) -> str:
        """Until it has logged something like this; the line."""
        ends_at = time.monotonic() + within_s
        while time.monotonic() < ends_at:
            if found := re.search(f".*{pattern}.*", self.log.read_text()):
                return found[0]
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.02)
        raise AssertionError(f"never logged {pattern!r}:\n{self.log.read_text()}")

    def end(self, number: int = signal.SIGINT) -> tuple[int, float]:
        """Send a signal: the status that it exits with, and after how many seconds."""
        begun = time.monotonic()
        self.process.send_signal(number)
        return self.process.wait(STARTS_S), time.monotonic() - begun


class Driver:
    """`programs/driver.py`, at work."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def do(self, *steps: Told) -> list[Told]:
        """All at once, and what became of each."""
        self.begin(*steps)
        return self.ended()

    def begin(self, *steps: Told) -> None:
        """Begin all at once, without waiting."""
        self.begin_rounds([steps])

    def begin_rounds(self, rounds: Sequence[Sequence[Told]]) -> None:
        """Begin the first, and so on; without waiting."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(rounds) + "\n")
        self._process.stdin.flush()

    def ended(self) -> list[Told]:
        """What became of what was begun."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the driver has died; stderr says why"
        return json.loads(line)

    def end(self) -> None:
        """Have it end; it waits for nothing."""
        try:
            with self._process:  # closes what it was told through
                assert self._process.stdin is not None
                self._process.stdin.close()
                self._process.wait(LIMIT_S)
        finally:
            self._process.kill()


@dataclass(frozen=True)
class Robot:
    """A ROS domain of its own.

    Attributes:
        environ: Of everything that runs on it.
        folder: For logs.
        started: All processes of nodes.
    """

    environ: Mapping[str, str]
    folder: Path
    started: "list[subprocess.Popen[bytes]]" = field(default_factory=list["subprocess.Popen[bytes]"])

    def command(self, *words: str | Path) -> list[str]:
        """What runs a command with ROS."""
        return [str(SCRIPT), "run", *map(str, words)]

    def run(self, *words: str | Path, limit_s: float = LIMIT_S) -> "subprocess.CompletedProcess[str]":
        """Run it, and wait for its end."""
        return subprocess.run(
            self.command(*words), env=self.environ, capture_output=True, text=True, timeout=limit_s, check=False
        )

    def start(self, executable: str, *arguments: str, package: str = "rdk_chat", **parameters: Any) -> RunningNode:
        """Start a node; the caller ends it, or the robot does."""
        given = [word for name, value in parameters.items() for word in ("-p", f"{name}:={_yaml(value)}")]
        log = self.folder / f"{executable}-{time.monotonic_ns()}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                self.command(BUILT / "lib" / package / executable, "--ros-args", *given, *arguments),
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        self.started.append(process)
        return RunningNode(process, log)

    def end(self) -> None:
        """Leave no node behind, also where a test has failed."""
        for process in self.started:
            process.kill()
            process.wait()

    @contextmanager
    def node(self, executable: str, *arguments: str, **parameters: Any) -> Generator[RunningNode]:
        """A node that is ready, and then ends as it has promised."""
        node = self.start(executable, *arguments, **parameters)
        try:
            node.wait_logged("Answers through Myna")
            yield node
            status, took_s = node.end()
            assert status == 0, node.log.read_text()
            assert took_s < ENDS_S + 3, "the machine may be slow, and the node is not"  # a hang, not a time
        finally:
            node.process.kill()
            node.process.wait()

    @contextmanager
    def driver(self) -> Generator[Driver]:
        """Something that asks."""
        with self.crowd(1) as (driver,):
            yield driver

    @contextmanager
    def crowd(self, count: int) -> Generator[list[Driver]]:
        """So many that ask, each a process and a node of its own."""
        command = self.command("python", PROGRAMS / "driver.py")
        with ExitStack() as stack:
            drivers: list[Driver] = []
            for _ in range(count):
                process = subprocess.Popen(
                    command, env=self.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
                drivers.append(Driver(process))
                stack.callback(drivers[-1].end)
            yield drivers


def _yaml(value: object) -> str:
    return json.dumps(value) if isinstance(value, str | bool) else str(value)


def own_environ(folder: Path) -> dict[str, str]:
    """A ROS domain for this process, and its logs in a folder of their own."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("MYNA_", "ROS_", "PYTHON"))}
    return environ | {"ROS_DOMAIN_ID": str(1 + os.getpid() % 100), "ROS_LOG_DIR": str(folder / "log")}
