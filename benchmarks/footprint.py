"""How much memory `myna serve` and its children take: when ready, after turns, and with more conversations.

``python -m benchmarks.footprint [--turns N] [--runs N] [--json] [--picture FILE]``

The proportional set size (PSS) counts a page that several processes share once over all of them; where the system does
not tell it, the resident set size stands in. Weights are mapped files: the system may take their pages back.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence

import psutil
from benchmarks.report import Report, Table, medians, positive, run
from benchmarks.server import Server, serving

_MIB = 1 << 20
_TOKENS = 16
_SAID = "Tell me something about the sea."


def memory_mib(processes: Iterable[psutil.Process]) -> tuple[float, float]:
    """PSS and RSS of processes together."""
    infos = [process.memory_full_info() for process in processes]
    return sum(getattr(info, "pss", info.rss) for info in infos) / _MIB, sum(info.rss for info in infos) / _MIB


def memory_of(server: Server) -> dict[str, float]:
    own, children = memory_mib([server.process]), memory_mib(server.children())
    return {
        "server PSS, MiB": own[0],
        "children PSS, MiB": children[0],
        "all PSS, MiB": own[0] + children[0],
        "all RSS, MiB": own[1] + children[1],
    }


def serve_once(turns: int) -> Table:
    with serving() as server:
        table = {"ready": memory_of(server)}
        for turn in range(turns):
            server.chat(_SAID, "first", _TOKENS)
            if turn == 0:
                table["after a turn"] = memory_of(server)
        table[f"after {turns} turns"] = memory_of(server)
        for number in range(turns):
            server.chat(_SAID, f"other {number}", _TOKENS)
        table[f"after {turns} conversations more"] = memory_of(server)
        server.stop()
    return table


def measure(wanted: Namespace) -> Report:
    table = medians([serve_once(wanted.turns) for _ in range(wanted.runs)])
    before, after = (table[row]["server PSS, MiB"] for row in list(table)[-2:])
    return Report(
        "Memory of myna serve and its children",
        table,
        packages=("xllamacpp", "ctranslate2", "onnxruntime"),
        notes=(f"a conversation more: {1024 * (after - before) / wanted.turns:.0f} KiB in the server",),
    )


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--turns", type=positive, default=20, help="and so many conversations after them")


def main(arguments: Sequence[str] | None = None) -> None:
    run("footprint", measure, arguments, runs=3, add_options=add_options)


if __name__ == "__main__":
    main()
