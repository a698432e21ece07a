"""What this machine has that decides which models it can run: memory, cores, how fast memory is read, GPUs."""

import csv
import io
import os
import shutil
import subprocess
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

CGROUP = Path("/sys/fs/cgroup")
"""Where a container sees its own limits (cgroup v2)."""
TOPOLOGY = Path("/sys/devices/system/cpu")
"""Where Linux tells which CPUs are threads of one core."""

BUSY = 0.3
"""From this share of the cores on, what other programs use spoils what is measured."""

BUSY_S = 0.3
READ_S = 0.3
READ_BYTES = 64 << 20
"""Per thread, where memory is not scarce; larger than the caches of most machines."""

NVIDIA_SMI = ("nvidia-smi", "--query-gpu=name,memory.total,memory.free,driver_version", "--format=csv,noheader,nounits")
NVIDIA_SMI_S = 5.0
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class GPU:
    """An NVIDIA GPU, as its driver describes it."""

    name: str
    memory_bytes: int
    free_bytes: int
    driver: str


@dataclass(frozen=True, slots=True)
class Machine:
    """This machine, as far as models care.

    Attributes:
        cores: Physical cores that this process may use.
        memory_bytes: All of it, or what the container may use.
        available_bytes: What a program can take of it without pushing others out.
        read_bytes_per_s: How fast half the cores read memory together: that many write the LLM's tokens.
        busy: The share of all cores that other programs use now, from 0 to 1: what is measured meanwhile is too low.
        gpus: NVIDIA GPUs.
    """

    cores: int
    memory_bytes: int
    available_bytes: int
    read_bytes_per_s: float
    busy: float = 0.0
    gpus: tuple[GPU, ...] = ()


def look() -> Machine:
    """Look at this machine. Takes a second, and at most `NVIDIA_SMI_S` where a GPU's driver hangs. Blocks."""
    cores = count_cores()
    total, available = memory()
    busy = psutil.cpu_percent(BUSY_S) / 100
    return Machine(cores, total, available, read_speed(writing_cores(cores), available), busy, nvidia_gpus())


def writing_cores(cores: int) -> int:
    """How many cores write the LLM's tokens by default; the others are left to speech."""
    return max(1, cores // 2)


def count_cores(cgroup: Path = CGROUP, topology: Path = TOPOLOGY) -> int:
    """The physical cores that this process may use; a container's share, rounded down, but one at least."""
    cores = _physical_cores(topology)
    with suppress(OSError, ValueError):  # no container, or no limit: "max 100000"
        quota, period = (cgroup / "cpu.max").read_text().split()
        cores = min(cores, int(quota) // int(period))
    return max(1, cores)


def _physical_cores(topology: Path) -> int:
    if not hasattr(os, "sched_getaffinity"):
        return psutil.cpu_count(logical=False) or os.cpu_count() or 1
    usable = os.sched_getaffinity(0)
    try:
        return len({(topology / f"cpu{cpu}/topology/thread_siblings_list").read_text() for cpu in usable})
    except OSError:
        return min(len(usable), psutil.cpu_count(logical=False) or len(usable))


def memory(cgroup: Path = CGROUP) -> tuple[int, int]:
    """All memory and what is available of it, in bytes; a container's own where it has a limit."""
    seen = psutil.virtual_memory()
    total, available = seen.total, seen.available
    with suppress(OSError, ValueError):
        limit = int((cgroup / "memory.max").read_text())
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        used = int((cgroup / "memory.current").read_text()) - int(stat.get("inactive_file", 0))
        total, available = min(total, limit), min(available, max(0, limit - used))
    return total, available


def block_bytes(threads: int, available_bytes: int) -> int:
    """How much each of so many threads reads: all of them together take a quarter of what is available at most."""
    return max(MIB, min(READ_BYTES, available_bytes // (4 * threads)))


def read_speed(threads: int, available_bytes: int, seconds: float = READ_S) -> float:
    """How many bytes so many threads read from memory in a second, each at its best moment.

    The best moment, since what else runs now need not run later. Blocks for ``seconds``.
    """
    best = [0.0] * threads
    size = block_bytes(threads, available_bytes)

    def read(thread: int) -> None:
        block = np.ones(size // 8, np.int64)
        end = time.perf_counter() + seconds
        while (began := time.perf_counter()) < end or not best[thread]:
            block.max()  # only reads, with the widest instructions there are
            best[thread] = max(best[thread], block.nbytes / (time.perf_counter() - began))

    readers = [threading.Thread(target=read, args=(thread,)) for thread in range(threads)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    return sum(best)


def nvidia_gpus() -> tuple[GPU, ...]:
    """The GPUs that nvidia-smi tells of; none where it is not installed, fails or hangs."""
    if not shutil.which(NVIDIA_SMI[0]):
        return ()
    try:
        said = subprocess.run(  # noqa: S603 - a constant
            NVIDIA_SMI, capture_output=True, text=True, timeout=NVIDIA_SMI_S, check=True, stdin=subprocess.DEVNULL
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    return read_nvidia_smi(said)


def read_nvidia_smi(said: str) -> tuple[GPU, ...]:
    """The GPUs in what `NVIDIA_SMI` prints, a line each; lines that are none are left out."""
    gpus: list[GPU] = []
    for row in csv.reader(io.StringIO(said), skipinitialspace=True):
        with suppress(ValueError):
            name, total, free, driver = row
            gpus.append(GPU(name, int(total) * MIB, int(free) * MIB, driver))
    return tuple(gpus)
