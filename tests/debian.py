"""Debian's packages that tests need: installed where they are missing."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

INSTALL_S = 300


class CannotInstall(Exception):
    """Something is missing, and cannot be installed from here."""


def has(package: str) -> bool:
    """Whether it is installed."""
    if (dpkg := shutil.which("dpkg-query")) is None:
        return False
    asked = subprocess.run([dpkg, "-W", "-f=${Status}", package], capture_output=True, text=True, check=False)
    return asked.stdout.endswith(" ok installed")


@contextmanager
def one_at_a_time() -> Generator[None]:
    """Of tests that run side by side, one installs, and the others wait for it."""
    lock = Path(tempfile.gettempdir()) / f"myna-tests-install-{os.geteuid()}.lock"
    with FileLock(lock, timeout=4 * INSTALL_S):  # two installs of two commands each
        yield


def install(packages: Sequence[str]) -> None:
    """Install them.

    Raises:
        CannotInstall: The message says what to do by hand.
    """
    names = " ".join(packages)
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        raise CannotInstall(f"These tests need more of Debian's packages: sudo apt-get install {names}")
    environ = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    told = ""
    for command in ([apt, "update"], [apt, "install", "-y", "--no-install-recommends", *packages]):
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=INSTALL_S, check=False)
        told = done.stderr[-2000:]
    if not all(map(has, packages)):
        raise CannotInstall(f"`apt-get install {names}` failed; install it by hand:\n{told}")


def ensure(*packages: str) -> None:
    """Install those of them that are missing.

    Raises:
        CannotInstall: The message says what to do by hand.
    """
    if all(map(has, packages)):
        return
    with one_at_a_time():
        if missing := [package for package in packages if not has(package)]:
            install(missing)
