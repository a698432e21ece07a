"""How long until Myna is ready, and how much memory it takes. Weights have to be on disk: ``myna models pull starter``.

``python -m benchmarks.startup [--runs N] [--json]``
"""

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from benchmarks.machine import describe

IMPORT = "import time; began = time.perf_counter(); import myna; print((time.perf_counter() - began) * 1000)"


def import_ms() -> float:
    """How long ``import myna`` takes in a fresh interpreter."""
    return float(subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, check=True, text=True).stdout)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def family(pid: int) -> list[int]:
    """A process and all that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in family(int(child)))]


def memory_mib(pid: int) -> float:
    """Proportional set size of a process, in MiB: shared pages are counted once over all."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024


def serve_once() -> tuple[float, float, float]:
    """Seconds to ready, MiB after one reply, seconds to the end after SIGINT."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(Path(sys.executable).with_name("myna")), "serve", "--port", str(port)]
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        server = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
        try:
            while True:
                try:
                    if httpx.get(f"{url}/ready", timeout=2).status_code == 200:
                        break
                except httpx.TransportError:
                    pass
                if server.poll() is not None:
                    sys.exit("myna serve ended; are the weights here?")
                time.sleep(0.02)
            ready_s = time.monotonic() - began
            body = {"messages": [{"role": "user", "content": "你好"}]}
            httpx.post(f"{url}/llm", json=body, timeout=60).raise_for_status()
            used = sum(memory_mib(pid) for pid in family(server.pid))
        finally:
            ended = time.monotonic()
            server.send_signal(2)
            server.wait(30)
        return ready_s, used, time.monotonic() - ended


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    wanted = parser.parse_args()
    runs = [serve_once() for _ in range(wanted.runs)]
    measured = {
        "import myna, ms": statistics.median(import_ms() for _ in range(wanted.runs)),
        "myna serve ready, s": statistics.median(run[0] for run in runs),
        "all processes, MiB": statistics.median(run[1] for run in runs),
        "ended after Ctrl-C, s": statistics.median(run[2] for run in runs),
    }
    if wanted.json:
        print(json.dumps({"machine": describe(), "runs": wanted.runs, "medians": measured}, ensure_ascii=False))
        return
    print(describe())
    for what, value in measured.items():
        print(f"{what:24} {value:8.2f}")


if __name__ == "__main__":
    main()
