"""PostgreSQL for tests: found or installed, with a cluster of its own in a temporary folder, and stopped again."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from tests import debian

UNPRIVILEGED = ("postgres", "nobody")
"""Who the server runs as where the tests are root's: it refuses to be root."""

INSTALLED = Path("/usr/lib/postgresql")
START_S, STOP_S = 30, 20


class NoPostgres(Exception):
    """There is no PostgreSQL, and it cannot be installed from here."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server that runs. ``folder`` has its socket, which is the only way to it."""

    programs: Path
    folder: Path
    _numbers: "count[int]"

    def new_database(self) -> str:
        """The URL of a new, empty database."""
        name = f"test_{next(self._numbers)}"
        subprocess.run(
            [self.programs / "createdb", "-h", self.folder, "-U", "postgres", name], check=True, timeout=START_S
        )
        return f"postgresql://postgres@/{name}?host={self.folder}"


@contextmanager
def run_postgres(packages: Sequence[str] = ()) -> Generator[Postgres]:
    """A server of its own. ``packages`` are Debian's that it needs besides, such as ``postgresql-{version}-pgvector``.

    Raises:
        NoPostgres: The message says what to install.
    """
    programs = _programs()
    if programs is None or _missing(programs, packages):
        programs = _install_all(packages)
    folder = Path(tempfile.mkdtemp(prefix="myna-pg-"))  # short: the path of a socket has 107 characters at most
    user = _user()
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    who: dict[str, Any] = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    try:
        data = folder / "data"
        _run([programs / "initdb", "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"], folder, who)
        settings = ("listen_addresses=", f"unix_socket_directories={folder}", "fsync=off", "max_connections=50")
        command = [programs / "postgres", "-D", data, *(word for setting in settings for word in ("-c", setting))]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                command, cwd=folder, stdout=log, stderr=log, env={"PATH": os.environ["PATH"]}, **who
            )
        try:
            _wait(server, programs, folder)
            yield Postgres(programs, folder, count())
        finally:
            server.send_signal(signal.SIGQUIT)  # at once: what it has is thrown away
            try:
                server.wait(STOP_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path | None:
    """The folder of the newest PostgreSQL on this machine."""
    debian = sorted(INSTALLED.glob("*/bin/initdb"), key=lambda initdb: float(initdb.parent.parent.name))
    if debian:
        return debian[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


def _missing(programs: Path, packages: Sequence[str]) -> list[str]:
    """What is not installed: of ``packages``, and the server's own, whose programs are there before it is complete."""
    own = ["postgresql-{version}"] if programs.is_relative_to(INSTALLED) else []
    named = [package.format(version=programs.parent.name) for package in (*own, *packages)]
    return [package for package in named if not debian.has(package)]


def _install_all(packages: Sequence[str]) -> Path:
    """Install what is missing."""
    with debian.one_at_a_time():
        programs = _programs() or _install(["postgresql"])
        if missing := _missing(programs, packages):
            _install(missing)
        return programs


def _install(packages: Sequence[str]) -> Path:
    if os.geteuid() == 0:  # else Debian starts a server for all
        no_cluster = Path("/etc/postgresql-common/createcluster.d/myna.conf")
        no_cluster.parent.mkdir(parents=True, exist_ok=True)
        no_cluster.write_text("create_main_cluster = false\n", encoding="utf-8")
    try:
        debian.install(packages)
    except debian.CannotInstall as problem:
        raise NoPostgres(str(problem)) from problem
    if (programs := _programs()) is None:
        raise NoPostgres(f"There is no initdb, though {' '.join(packages)} is installed.")
    return programs


def _user() -> pwd.struct_passwd | None:
    if os.geteuid() != 0:
        return None
    known = {user.pw_name: user for user in pwd.getpwall()}
    return next(known[name] for name in UNPRIVILEGED if name in known)


def _run(command: Sequence[str | Path], folder: Path, who: dict[str, Any]) -> None:
    environ = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    done = subprocess.run(
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=START_S * 2, check=False, **who
    )
    if done.returncode:
        raise NoPostgres(f"{command[0]} failed: {done.stderr}")


def _wait(server: "subprocess.Popen[Any]", programs: Path, folder: Path) -> None:
    ready = [programs / "pg_isready", "-q", "-h", folder, "-U", "postgres", "-d", "postgres"]
    until = time.monotonic() + START_S
    while subprocess.run(ready, check=False).returncode:
        if server.poll() is not None or time.monotonic() > until:
            raise NoPostgres(f"PostgreSQL does not start: {(folder / 'log').read_text()[-2000:]}")
        time.sleep(0.05)
