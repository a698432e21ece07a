"""What ROS adds to a reply: from Myna's first token until a client has the first feedback; and what a cancel takes.

``python -m benchmarks.ros [--goals N] [--runs N] [--json] [--picture FILE]``

Myna answers at once, by an engine that says again what it is told. A relay between the node and Myna notes when the
first piece of text passes, and a client in rclpy when the first feedback has come: both by the clock of this machine.
Replies that would not end are cancelled at any moment: from then until the client has the result, with the text so far.
Needs the environment that `make test-ros` makes.
"""

import random
import select
import socket
import threading
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.report import Report, Table, Target, medians, percentile, positive, run
from tests.end_to_end.parrot import serving_parrot
from tests.ros2.robot import Driver, Robot, own_environ

LONGEST_MS = 10.0
LONGEST_CANCEL_MS = 200.0
PIECE = b'"content": "word'
PROMPT = "5 times every 30 ms word"
ENDLESS = "endless times every 10 ms word"
FIRST, CANCEL = "first feedback after Myna's first token", "result after a cancel"


class Relay:
    """Passes on what comes, and notes when the first piece of each reply passes."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.passed_at: list[float] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def close(self) -> None:
        """Take nobody any more."""
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                line, _ = self._listening.accept()
                threading.Thread(target=self._relay, args=(line,), daemon=True).start()

    def _relay(self, line: socket.socket) -> None:
        with line, socket.create_connection(self._to) as myna, suppress(OSError):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            noted = False
            while True:
                for ready in select.select([line, myna], [], [])[0]:
                    data = ready.recv(1 << 16)
                    if not data:
                        return
                    if ready is myna and not noted and PIECE in data.replace(b'":"', b'": "'):
                        self.passed_at.append(time.monotonic())
                        noted = True
                    (line if ready is myna else myna).sendall(data)


@contextmanager
def robot() -> Generator[tuple[Relay, Driver]]:
    """The action node, a relay between it and Myna, and a client."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        server = stack.enter_context(serving_parrot(folder))
        host, _, port = server.url.removeprefix("http://").partition(":")
        relay = Relay(host, int(port))
        stack.callback(relay.close)
        body = Robot(own_environ(folder), folder)
        stack.enter_context(body.node("chat_action", url=relay.url, conversation="none"))
        yield relay, stack.enter_context(body.driver())


def one_run(goals: int) -> Table:
    first_ms: list[float] = []
    cancel_ms: list[float] = []
    moments = random.Random(9)
    with robot() as (relay, driver):
        driver.do({"do": "goal", "name": "chat_action", "prompt": PROMPT})
        for _ in range(goals):
            relay.passed_at.clear()
            (answer,) = driver.do({"do": "goal", "name": "chat_action", "prompt": PROMPT})
            first_ms.append(1000 * (answer["first_at"] - relay.passed_at[0]))
            after = {"cancel_after_s": moments.uniform(0, 0.4)}
            (answer,) = driver.do({"do": "goal", "name": "chat_action", "prompt": ENDLESS} | after)
            cancel_ms.append(1000 * answer["cancel_s"])
    return {
        row: {"p50, ms": percentile(ms, 0.5), "p95, ms": percentile(ms, 0.95), "longest, ms": max(ms)}
        for row, ms in ((FIRST, first_ms), (CANCEL, cancel_ms))
    }


def measure(wanted: Namespace) -> Report:
    table = medians([one_run(wanted.goals) for _ in range(wanted.runs)])
    return Report(
        f"First feedback of {wanted.goals} goals, and cancels of as many",
        table,
        targets=tuple(
            Target(f"{row}, p95, ms", table[row]["p95, ms"], "at most", limit_ms)
            for row, limit_ms in ((FIRST, LONGEST_MS), (CANCEL, LONGEST_CANCEL_MS))
        ),
    )


def main(arguments: Sequence[str] | None = None) -> None:
    def options(parser: ArgumentParser) -> None:
        parser.add_argument("--goals", type=positive, default=50, help="how many; 50")

    run("ros", measure, arguments, runs=3, add_options=options)


if __name__ == "__main__":
    main()
