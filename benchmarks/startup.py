"""How long until Myna is ready, and until it has ended. Weights have to be on disk: ``myna models pull starter``.

``python -m benchmarks.startup [--runs N] [--json] [--picture FILE]``
"""

import subprocess
import sys
from argparse import Namespace
from collections.abc import Sequence

from benchmarks.report import Report, Table, Target, medians, run
from benchmarks.server import serving

READY_S = 10.0

_IMPORT = "import time; began = time.perf_counter(); import myna; print(time.perf_counter() - began)"


def import_s() -> float:
    """How long ``import myna`` takes in a fresh interpreter."""
    return float(subprocess.run([sys.executable, "-c", _IMPORT], capture_output=True, check=True, text=True).stdout)


def start_once() -> Table:
    with serving() as server:
        stopped_s = server.stop()
    return {
        "import myna": {"took, s": import_s()},
        "myna serve until ready": {"took, s": server.ready_s},
        "Ctrl-C until the end": {"took, s": stopped_s},
    }


def measure(wanted: Namespace) -> Report:
    table = medians([start_once() for _ in range(wanted.runs)])
    ready_s = table["myna serve until ready"]["took, s"]
    return Report("Start and stop", table, targets=(Target("ready, s", ready_s, "at most", READY_S),))


def main(arguments: Sequence[str] | None = None) -> None:
    run("startup", measure, arguments, runs=5)


if __name__ == "__main__":
    main()
