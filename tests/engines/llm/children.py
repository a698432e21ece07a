"""The llama.cpp children of a process, seen from outside: through /proc."""

import os
import socket
import sys
from pathlib import Path

import pytest

PROC = Path("/proc")
needs_proc = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks at processes through /proc")


def children(parent: int | None = None) -> list[int]:
    """The ids of the llama.cpp children that run."""
    pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
    return [
        pid
        for pid in pids
        if alive(pid) and _parent(pid) == (parent or os.getpid()) and b"llamacpp_child" in _command(pid)
    ]


def alive(pid: int) -> bool:
    """Whether it runs: not gone, and no zombie."""
    return (fields := _stat(pid)) is not None and fields[0] != "Z"


def paused(pid: int) -> bool:
    """Whether a signal has stopped it."""
    return (fields := _stat(pid)) is not None and fields[0] == "T"


def shown(pid: int) -> bytes:
    """What other users may see of it, and its environment."""
    return _command(pid) + (PROC / str(pid) / "environ").read_bytes()


def cpu_s(pid: int) -> float:
    """How long it has computed so far."""
    fields = _stat(pid)
    assert fields is not None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def listens_at(pid: int) -> list[tuple[str, int]]:
    """The addresses at which it listens."""
    inodes = {str(fd.readlink()) for fd in (PROC / str(pid) / "fd").iterdir()}
    found: list[tuple[str, int]] = []
    for line in (PROC / "net" / "tcp").read_text().splitlines()[1:]:
        local, state, inode = (fields := line.split())[1], fields[3], fields[9]
        if state == "0A" and f"socket:[{inode}]" in inodes:
            address, port = local.split(":")
            found.append((socket.inet_ntoa(bytes.fromhex(address)[::-1]), int(port, 16)))
    return found


def _stat(pid: int) -> list[str] | None:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def _parent(pid: int) -> int | None:
    return int(fields[1]) if (fields := _stat(pid)) else None


def _command(pid: int) -> bytes:
    try:
        return (PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
