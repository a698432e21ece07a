"""A machine that is reached by SSH, for tests: a real `sshd` on loopback, with keys and a home folder of its own."""

import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests import debian

from myna.engines.llm.llamafactory.options import LlamaFactoryOptions
from myna.engines.llm.llamafactory.wrapper import archive

SSHD = Path("/usr/sbin/sshd")
START_S = 20
STAND_IN = Path(__file__).parent / "stand_in.py"
CONFIG = """\
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
AllowTcpForwarding yes
MaxStartups 100
SetEnv HOME={home} PATH={home}/bin:/usr/bin:/bin
"""


class NoSshd(Exception):
    """There is no sshd, and it cannot be installed from here."""


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine. ``folder`` has its keys and ours, ``work`` is its work folder, with the wrapper and a model."""

    folder: Path
    port: int

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def work(self) -> Path:
        return self.folder / "home" / "work"

    @property
    def loads(self) -> int:
        """How often a model was loaded."""
        return len((self.work / "model" / "loads").read_text())

    @property
    def logins(self) -> int:
        """How often somebody has logged in."""
        return (self.folder / "sshd.log").read_text().count("Accepted publickey")

    def forget(self) -> None:
        """No model was loaded, and nobody has logged in."""
        (self.work / "model" / "loads").write_text("")
        os.truncate(self.folder / "sshd.log", 0)

    def options(self, **more: Any) -> LlamaFactoryOptions:
        """What reaches it and works."""
        given = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": pwd.getpwuid(os.geteuid()).pw_name,
            "key": self.folder / "key",
            "known_hosts": self.folder / "known_hosts",
            "ssh_config": self.folder / "config",
            "work_dir": str(self.work),
            "python": sys.executable,
            "base_model_path": str(self.work / "model"),
            "template": "qwen",
        }
        return LlamaFactoryOptions.model_validate(given | more)

    def processes(self) -> list[str]:
        """The command lines of what runs there for us."""
        found: list[str] = []
        for process in Path("/proc").iterdir():
            if process.name.isdecimal():
                try:
                    environ = (process / "environ").read_bytes()
                    line = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                except OSError:
                    continue
                if f"HOME={self.home}\0".encode() in environ and line:
                    found.append(line)
        return [line for line in found if "sshd" not in line]


def new_key(path: Path, *more: str) -> str:
    """A new pair of keys; gives the public one."""
    words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path), *more]
    subprocess.run(words, check=True, timeout=START_S, stdin=subprocess.DEVNULL)
    return path.with_suffix(".pub").read_text()


def put_stand_in(folder: Path) -> Path:
    """The stand-in as a program in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    program = folder / "llamafactory-cli"
    program.write_text(f"#!{sys.executable}\n{STAND_IN.read_text()}")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as wire:
        wire.bind(("127.0.0.1", 0))
        return wire.getsockname()[1]


@contextmanager
def greeting(machine: Machine, lines: str) -> Generator[None]:
    """The shell there does more than it is told."""
    if Path(pwd.getpwuid(os.geteuid()).pw_shell).name != "bash":
        pytest.skip("Only bash reads a file of the user's before each command.")
    (machine.home / ".bashrc").write_text(f"{lines}\n")
    try:
        yield
    finally:
        (machine.home / ".bashrc").unlink()


@contextmanager
def run_machine(folder: Path) -> Generator[Machine]:
    """The machine, in this folder.

    Raises:
        NoSshd: The message says what to install.
    """
    if not SSHD.exists() or shutil.which("ssh-keygen") is None:
        try:
            debian.ensure("openssh-server", "openssh-client")
        except debian.CannotInstall as error:
            raise NoSshd(str(error)) from error
    machine = Machine(folder, free_port())
    (machine.work / "model").mkdir(parents=True)
    (machine.work / "myna_llamafactory.pyz").write_bytes(archive())
    put_stand_in(machine.home / "bin")
    host_key = new_key(folder / "host_key")
    (folder / "authorized_keys").write_text(new_key(folder / "key"))
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{machine.port} {host_key}")
    config = folder / "sshd_config"
    config.write_text(CONFIG.format(port=machine.port, folder=folder, home=machine.home))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    with (folder / "sshd.log").open("a") as log, _daemon(config, log) as daemon:
        _await_port(machine.port, daemon, folder / "sshd.log")
        yield machine


@contextmanager
def _daemon(config: Path, log: Any) -> Generator["subprocess.Popen[bytes]"]:
    words = [str(SSHD), "-D", "-e", "-f", str(config)]
    with subprocess.Popen(words, stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True) as daemon:
        try:
            yield daemon
        finally:
            os.killpg(daemon.pid, signal.SIGTERM)
            daemon.wait(START_S)


def _await_port(port: int, daemon: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and daemon.poll() is None:
        with socket.socket() as wire:
            if wire.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"sshd does not run:\n{log.read_text()}")
