"""What SSH and the wrapper add to an answer of LLaMA-Factory, with a stand-in for it that takes a known time.

The machine is a real `sshd` on loopback (`tests/engines/llm/llamafactory/machine.py`). Loading takes the stand-in 1 s,
and a reply of 30 pieces 0.6 s; in the mode ``api`` it writes them all at once. ``cli`` keeps the chat open, ``api`` the
server, and ``script`` runs the wrapper anew for each question, as one does without Myna.

``python -m benchmarks.llamafactory [--runs N] [--json] [--picture FILE]``
"""

import tempfile
import time
from argparse import Namespace
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path

import anyio
from benchmarks.report import Report, Table, Target, medians, run
from tests.engines.llm.llamafactory.machine import Machine, run_machine

from myna.engines.base import LLM, LLMMessage, LLMRequest, TextDelta
from myna.engines.llm.llamafactory.plugin import open_llamafactory

LOADS_S = 1.0
WRITES_S: Mapping[str, float] = {"cli": 0.6, "api": 0.0, "script": 0.6 + LOADS_S}
"""What of an answer's time is LLaMA-Factory's own."""
AT_A_TIME = 3


async def ask(llm: LLM, mode: str) -> dict[str, float]:
    """One question of a conversation of its own."""
    began_s = time.perf_counter()
    first_s = 0.0
    async with aclosing(llm.generate(LLMRequest((LLMMessage("user", "slow"),)))) as deltas:
        async for delta in deltas:
            if isinstance(delta, TextDelta) and not first_s:
                first_s = time.perf_counter()
    ended_s = time.perf_counter()
    return {
        "first words, ms": (first_s - began_s) * 1000,
        "whole answer, ms": (ended_s - began_s) * 1000,
        "beyond LLaMA-Factory's, ms": (ended_s - began_s - WRITES_S[mode]) * 1000,
    }


@asynccontextmanager
async def opened(machine: Machine) -> AsyncGenerator[Mapping[str, LLM]]:
    """The engine in each mode, loaded."""
    async with AsyncExitStack() as stack:
        llms: dict[str, LLM] = {}
        for mode in WRITES_S:
            options = machine.options(mode=mode, arguments=("--loads", f"{LOADS_S}"))
            llms[mode] = await stack.enter_async_context(open_llamafactory(options))
            await ask(llms[mode], mode)
        yield llms


async def all_runs(machine: Machine, runs: int) -> list[Table]:
    async with opened(machine) as llms:
        return [
            {
                mode: medians([{mode: await ask(llm, mode)} for _ in range(AT_A_TIME)])[mode]
                for mode, llm in llms.items()
            }
            for _ in range(runs)
        ]


def measure(wanted: Namespace) -> Report:
    with tempfile.TemporaryDirectory() as folder, run_machine(Path(folder)) as machine:
        tables = anyio.run(all_runs, machine, wanted.runs)
    table = medians(tables)
    column = "beyond LLaMA-Factory's, ms"
    return Report(
        "LLaMA-Factory over SSH on loopback: kept open, as a server, and a process for each question",
        table,
        packages=("asyncssh", "pexpect"),
        targets=tuple(Target(f"{mode}: {column}", table[mode][column], "at most", 100.0) for mode in ("cli", "api")),
        notes=(f"A run has {AT_A_TIME} answers of each mode; the stand-in takes {LOADS_S:g} s to load.",),
        details={"tables": tables},
    )


def main(arguments: Sequence[str] | None = None) -> None:
    run("llamafactory", measure, arguments, runs=3)


if __name__ == "__main__":
    main()
