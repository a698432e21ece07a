"""Many sessions at a time on `myna serve`, with the real VAD and engines that take a fixed time.

``python -m benchmarks.sessions [--turns N] [--runs N] [--json] [--picture FILE]``

Every client that talks sends a frame each 20 ms, whether it speaks or not, and again says the same. A delay is what
`benchmarks.overhead` measures. The engines take `DELAY_S` each; of that, what is not overlapped is in the delay too.
"""

import gc
import math
import resource
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Generator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from random import Random

import anyio
import psutil
from benchmarks.fixed_engines import chosen
from benchmarks.overhead import SETTINGS, TURN_DETECTION, TurnTimes, figures, spoken, take_turn
from benchmarks.realtime_client import FRAME_MS, Message, RealtimeClient, open_client
from benchmarks.report import Report, Table, Target, medians, percentile, positive, run
from benchmarks.server import Server, serving
from websockets.asyncio.client import connect

DELAY_S = 0.03
IDLE = 1000
DRIFT_MS = 100
"""The VAD puts the end of one utterance here or there, by a frame of its own or two. What is more was lost."""

ROOM = {"MYNA_SERVER__MAX_SESSIONS": str(2 * IDLE)}


@dataclass(slots=True)
class Talker:
    """A client that talks, and what came of it.

    Attributes:
        taken: Its turns.
        lost: How many of its turns had no answer.
        lags_ms: Of its turns, how much later the speech was sent than the server heard it end.
    """

    client: RealtimeClient
    utterance: Sequence[Message]
    taken: list[TurnTimes] = field(default_factory=list[TurnTimes])
    lost: int = 0
    lags_ms: list[float] = field(default_factory=list[float])

    async def talk(self, until: "Quota", random: Random) -> None:
        """Take turns with pauses between, until there are enough."""
        await anyio.sleep(random.uniform(0, 4))
        while until.left > 0:
            until.left -= 1
            first = len(self.client.sent_s) + 1
            turn = await take_turn(self.client, self.utterance)
            if turn is None:
                self.lost += 1
            else:
                self.taken.append(turn)
                self.lags_ms.append((first + len(self.utterance)) * FRAME_MS - turn.spoken_until_ms)
            await anyio.sleep(random.uniform(0.2, 1.5))

    @property
    def frames_lost(self) -> int:
        """How many frames the server heard too few, as far as can be told by where it heard speech end."""
        drift_ms = self.lags_ms[-1] - min(self.lags_ms) if self.lags_ms else 0.0
        return math.floor(drift_ms / FRAME_MS) if drift_ms > DRIFT_MS else 0


@dataclass(slots=True)
class Quota:
    """How many turns are still to be taken, by all together."""

    left: int


def private_mib(process: psutil.Process) -> float:
    """What would be free if the process ended."""
    return process.memory_full_info().uss / (1 << 20)


async def crowd(server: Server, connected: int, talking: int, turns: int) -> dict[str, float]:
    """So many clients, some of which talk, until all together have taken their turns."""
    utterances = await spoken()
    random = Random(1)
    before_mib = private_mib(server.process)
    async with AsyncExitStack() as stack:
        clients = await _connect(stack, server.realtime, connected, talking)
        talkers = [Talker(client, random.choice(utterances)) for client in clients]
        began_s, cpu_s = time.monotonic(), sum(server.process.cpu_times()[:2])
        quota = Quota(turns)
        async with anyio.create_task_group() as talks:
            for talker in talkers:
                talks.start_soon(talker.talk, quota, random)
        took_s = time.monotonic() - began_s
        cpu = (sum(server.process.cpu_times()[:2]) - cpu_s) / took_s
        memory_mib = private_mib(server.process) - before_mib
        late_ms = [1000 * late_s for talker in talkers for late_s in talker.client.lateness_s()]
    return {
        "turns": sum(len(talker.taken) for talker in talkers),
        "turns lost": sum(talker.lost for talker in talkers),
        **figures([turn.sound_ms for talker in talkers for turn in talker.taken]),
        "over, p95, ms": percentile([turn.decided_ms for talker in talkers for turn in talker.taken], 0.95),
        "frames lost": sum(talker.frames_lost for talker in talkers),
        "CPU, cores": cpu,
        "memory a session, KiB": 1024 * memory_mib / connected,
        "client late, p95, ms": percentile(late_ms, 0.95),
    }


async def _connect(stack: AsyncExitStack, url: str, connected: int, talking: int) -> list[RealtimeClient]:
    for _ in range(connected - talking):
        await stack.enter_async_context(connect(url, compression=None, open_timeout=60, ping_interval=None))
    return [
        await stack.enter_async_context(open_client(url, turn_detection=TURN_DETECTION, loudspeaker=False))
        for _ in range(talking)
    ]


async def idle(server: Server, count: int) -> dict[str, float]:
    """So many clients that do nothing."""
    before_mib = private_mib(server.process)
    async with AsyncExitStack() as stack:
        for _ in range(count):
            await stack.enter_async_context(
                connect(server.realtime, compression=None, open_timeout=60, ping_interval=None)
            )
        await anyio.sleep(1)
        after_mib = private_mib(server.process)
    return {"memory a session, KiB": 1024 * (after_mib - before_mib) / count}


@contextmanager
def server_of_many() -> Generator[Server]:
    """A server with room for all, in which what is made once has been made."""
    with serving(chosen("llm", "asr", "tts", "embed", delay_s=DELAY_S) | SETTINGS | ROOM) as server:
        anyio.run(crowd, server, 5, 5, 10)
        yield server


def serve_once(turns: int) -> Table:
    """Each crowd in a server of its own, since memory that one has left would serve the next."""
    with server_of_many() as server:
        fifty = anyio.run(crowd, server, 50, 50, turns // 4)
    with server_of_many() as server:
        many = anyio.run(crowd, server, 200, 60, turns)
    with server_of_many() as server:
        return {
            "50 talking": fifty,
            "60 talking of 200": many,
            f"{IDLE} idle": anyio.run(idle, server, IDLE),
        }


def measure(wanted: Namespace) -> Report:
    gc.disable()  # a pause of the clients' would be taken for one of the server's
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    table = medians([serve_once(wanted.turns) for _ in range(wanted.runs)])
    fifty, many, still = table.values()
    return Report(
        f"Many sessions at a time; engines that take {1000 * DELAY_S:.0f} ms each",
        table,
        packages=("uvicorn", "websockets", "onnxruntime"),
        targets=(
            Target("50 talking: p95, ms", fifty["p95, ms"], "at most", 40),
            Target("50 talking: frames lost", fifty["frames lost"], "at most", 0),
            Target("60 talking of 200: p95, ms", many["p95, ms"], "at most", 80),
            Target("60 talking of 200: turns lost", many["turns lost"], "at most", 0),
            Target("an idle session, KiB", still["memory a session, KiB"], "at most", 100),
        ),
    )


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--turns", type=positive, default=2000, help="of 60 that talk; 50 take a quarter of it")


def main(arguments: Sequence[str] | None = None) -> None:
    run("sessions", measure, arguments, runs=1, add_options=add_options)


if __name__ == "__main__":
    main()
