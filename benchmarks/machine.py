"""What a benchmark ran on."""

import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import psutil

_GIB = 1 << 30


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine and what runs on it.

    Attributes:
        busy_percent: How much of all cores others used when it was looked at; figures taken beside them say little.
    """

    processor: str
    cores: int
    memory_gib: float
    system: str
    busy_percent: float

    def __str__(self) -> str:
        return (
            f"{self.processor}, {self.cores} cores ({self.busy_percent:.0f} % in use by others), "
            f"{self.memory_gib:.0f} GiB, {self.system}"
        )


def look() -> Machine:
    """This machine, before anything is measured. Takes half a second."""
    return Machine(
        processor=_processor(),
        cores=psutil.cpu_count() or 1,
        memory_gib=round(psutil.virtual_memory().total / _GIB, 1),
        system=platform.platform(aliased=True, terse=True),
        busy_percent=psutil.cpu_percent(interval=0.5),
    )


def versions(*packages: str) -> dict[str, str]:
    """The versions of Python, Myna and ``packages``."""
    return {"python": platform.python_version()} | {package: version(package) for package in ("myna", *packages)}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in names if line.startswith("model name")), platform.machine())
