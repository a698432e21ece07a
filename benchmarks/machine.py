"""What a benchmark ran on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path


def describe(*packages: str) -> str:
    """The machine and the versions in one line; ``packages`` beside Python and Myna."""
    machine = f"{_processor()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB"
    versions = [f"{package} {version(package)}" for package in ("myna", *packages)]
    return f"{machine}; Python {platform.python_version()}, {', '.join(versions)}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in names if line.startswith("model name")), platform.machine())


def _memory_gib() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
