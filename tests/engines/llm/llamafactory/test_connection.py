"""The way to the machine, over a real sshd: each thing that can be wrong with it is told apart."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import asyncssh
import pytest
from tests.engines.llm.llamafactory.machine import Machine, free_port, greeting, new_key
from tests.engines.llm.llamafactory.relay import relayed

from myna.core.errors import BadConfig, EngineRefused, EngineTimeout, EngineUnavailable, MynaError
from myna.engines.llm.llamafactory.connection import open_connection

pytestmark = pytest.mark.anyio

PATIENCE_S = 30.0


async def problem(machine: Machine, **more: Any) -> MynaError:
    with anyio.fail_after(PATIENCE_S), pytest.raises(MynaError) as caught:
        async with open_connection(machine.options(**more)) as connection:
            await connection.connect()
    return caught.value


@contextmanager
def silent() -> Generator[int]:
    """A port that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@contextmanager
def rude() -> Generator[int]:
    """A port where something else than SSH answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            wire, _ = server.accept()
            with wire:
                wire.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join(PATIENCE_S)


@contextmanager
def agent(folder: Path, keys: int) -> Generator[str]:
    """An SSH agent with so many keys; gives its address."""
    place = str(folder / "agent")
    with subprocess.Popen(["ssh-agent", "-D", "-a", place], stdout=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + PATIENCE_S
            while not Path(place).exists() and time.monotonic() < until:
                time.sleep(0.02)
            for number in range(keys):
                new_key(folder / f"agent-{number}")
                words = ["ssh-add", "-q", str(folder / f"agent-{number}")]
                subprocess.run(words, check=True, timeout=PATIENCE_S, env={**os.environ, "SSH_AUTH_SOCK": place})
            yield place
        finally:
            process.terminate()


async def test_one_connection_is_used_again(machine: Machine):
    async with open_connection(machine.options()) as connection:
        assert (await connection.run("echo one")).out == "one\n"
        ran = await connection.run("cat; echo two >&2; exit 3", given=b"given")
        assert (ran.status, ran.out, ran.errors) == (3, "given", "two\n")
        assert connection.connects == 1


async def test_a_lost_connection_is_made_again(machine: Machine):
    async with open_connection(machine.options()) as connection:
        with suppress(EngineUnavailable):
            await connection.run("kill -9 $PPID")
        assert (await connection.run("echo back")).out == "back\n"
        assert connection.connects == 2


async def test_a_command_that_does_not_end_is_not_waited_for(machine: Machine):
    async with open_connection(machine.options()) as connection:
        with pytest.raises(EngineTimeout, match=r"did not end within 0\.3 s"):
            await connection.run("exec sleep 20", limit_s=0.3)


async def test_a_port_that_nobody_listens_on_is_told(machine: Machine):
    error = await problem(machine, port=free_port())
    assert isinstance(error, EngineUnavailable)
    assert "cannot be reached by SSH: it refused the connection" in error.message


async def test_a_name_that_no_machine_has_is_told(machine: Machine):
    error = await problem(machine, host="no-such-machine.invalid", jump=None)
    assert isinstance(error, EngineUnavailable)
    assert "there is no machine of that name" in error.message


async def test_a_machine_that_says_nothing_is_told(machine: Machine):
    with silent() as port:
        error = await problem(machine, port=port, connect_timeout_s=0.5)
    assert isinstance(error, EngineUnavailable)
    assert "did not answer within 0.5 s" in error.message


async def test_something_else_than_ssh_is_told(machine: Machine):
    with rude() as port:
        error = await problem(machine, port=port)
    assert isinstance(error, EngineUnavailable)
    assert "cannot be reached by SSH" in error.message


@pytest.mark.parametrize("file", ["empty", "no such file"])
async def test_an_unknown_host_key_is_refused_and_its_fingerprint_shown(machine: Machine, tmp_path: Path, file: str):
    (tmp_path / "empty").write_text("")
    error = await problem(machine, known_hosts=tmp_path / file)
    assert isinstance(error, EngineUnavailable)
    assert "is not known here; the machine shows ssh-ed25519 SHA256:" in error.message
    assert f"Connect once with `ssh -p {machine.port} " in error.hint


async def test_a_changed_host_key_is_told_apart(machine: Machine, tmp_path: Path):
    other = new_key(tmp_path / "other")
    (tmp_path / "known").write_text(f"[127.0.0.1]:{machine.port} {other}")
    error = await problem(machine, known_hosts=tmp_path / "known")
    assert isinstance(error, EngineUnavailable)
    assert "is another one than before: the machine shows ssh-ed25519 SHA256:" in error.message
    assert f"ssh-keygen -R [127.0.0.1]:{machine.port}" in error.hint


async def test_a_configuration_that_switches_the_check_off_does_not(machine: Machine, tmp_path: Path):
    (tmp_path / "config").write_text("Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile none\n")
    error = await problem(machine, known_hosts=tmp_path / "none", ssh_config=tmp_path / "config")
    assert "is not known here" in error.message


async def test_a_refused_login_is_told(machine: Machine, tmp_path: Path):
    new_key(tmp_path / "key")
    error = await problem(machine, key=tmp_path / "key")
    assert isinstance(error, EngineRefused)
    assert "refused the login" in error.message
    assert "authorized_keys" in error.hint


async def test_a_login_that_ends_since_too_many_keys_were_tried_is_a_refused_one(machine: Machine, tmp_path: Path):
    keys = [tmp_path / f"key-{number}" for number in range(8)]
    for key in keys:
        new_key(key)
    (tmp_path / "config").write_text("".join(f"IdentityFile {key}\n" for key in keys))
    error = await problem(machine, key=None, ssh_config=tmp_path / "config")
    assert isinstance(error, EngineRefused)
    assert "before all keys were tried" in error.message
    assert "llamafactory.key" in error.hint


async def test_a_key_that_is_named_is_tried_alone(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with agent(tmp_path, keys=8) as place:
        monkeypatch.setenv("SSH_AUTH_SOCK", place)
        error = await problem(machine, key=None)
        assert "before all keys were tried" in error.message, "the agent's keys are those that are tried"
        async with open_connection(machine.options()) as connection:
            await connection.connect()


async def test_a_key_with_a_passphrase_needs_it(machine: Machine, tmp_path: Path):
    key = tmp_path / "key"
    public = new_key(key, "-N", "a secret")
    with (machine.folder / "authorized_keys").open("a") as file:
        file.write(public)
    error = await problem(machine, key=key)
    assert isinstance(error, BadConfig)
    assert "passphrase" in error.hint
    assert "leave out llamafactory.key" in error.hint
    error = await problem(machine, key=key, passphrase="wrong secret")
    assert isinstance(error, BadConfig)
    assert "wrong secret" not in str(error)
    async with open_connection(machine.options(key=key, passphrase="a secret")) as connection:
        await connection.connect()


async def test_a_key_that_is_not_there_is_told(machine: Machine, tmp_path: Path):
    error = await problem(machine, key=tmp_path / "nowhere")
    assert isinstance(error, BadConfig)
    assert "nowhere" in error.message


async def test_machines_can_be_gone_through(machine: Machine):
    user = machine.options().user
    hop = f"{user}@127.0.0.1:{machine.port}"
    async with open_connection(machine.options(jump=f"{hop}, {hop}")) as connection:
        assert (await connection.run("echo there")).out == "there\n"


def going_through(machine: Machine, folder: Path, *more: str) -> Path:
    """A configuration of SSH: gpu is reached through gate."""
    there = f"HostName 127.0.0.1\n  Port {machine.port}\n  User {machine.options().user}\n"
    there += f"  IdentityFile {machine.folder}/key\n"
    lines = [*more, f"Host gpu\n  ProxyJump gate\n  {there}", f"Host gate\n  ProxyJump none\n  {there}"]
    (folder / "config").write_text("\n".join(lines))
    return folder / "config"


async def test_a_machine_that_the_configuration_goes_through_is_gone_through(machine: Machine, tmp_path: Path):
    config = going_through(machine, tmp_path)
    async with open_connection(machine.options(host="gpu", port=None, user=None, ssh_config=config)) as connection:
        assert (await connection.run("echo there")).out == "there\n"
    assert machine.logins == 2


async def test_the_host_key_of_a_machine_that_the_configuration_goes_through_is_checked(
    machine: Machine, tmp_path: Path
):
    config = going_through(machine, tmp_path, "UserKnownHostsFile none")
    options = {"host": "gpu", "port": None, "user": None, "ssh_config": config}
    error = await problem(machine, known_hosts=tmp_path / "none", **options)
    assert "The host key of gate is not known here" in error.message
    assert machine.logins == 0


async def test_a_way_that_goes_round_in_a_circle_is_told(machine: Machine, tmp_path: Path):
    config = going_through(machine, tmp_path, "ProxyJump gate")
    error = await problem(machine, host="gpu", ssh_config=config)
    assert isinstance(error, BadConfig)
    assert "more than 8 machines" in error.message


class Gate(asyncssh.SSHServer):
    """Takes passwords only, and notes them."""

    def __init__(self, told: list[str]) -> None:
        self._told = told

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        self._told.append(password)
        return False


async def test_a_password_is_told_to_the_machine_only_and_to_none_on_the_way(machine: Machine, tmp_path: Path):
    key, public = str(tmp_path / "gate"), new_key(tmp_path / "gate")
    told: list[str] = []
    async with await asyncssh.listen("127.0.0.1", 0, server_host_keys=[key], server_factory=lambda: Gate(told)) as gate:
        port = gate.get_port()
        (tmp_path / "known").write_text(f"[127.0.0.1]:{port} {public}")
        given = {"known_hosts": tmp_path / "known", "password": "a secret"}
        error = await problem(machine, jump=f"me@127.0.0.1:{port}", **given)
        assert isinstance(error, EngineRefused)
        assert "me@127.0.0.1 refused the login" in error.message
        assert told == []
        await problem(machine, port=port, **given)
        assert told == ["a secret"]


async def test_a_name_that_no_machine_can_have_is_told(machine: Machine):
    error = await problem(machine, host="gpu..example.org")
    assert isinstance(error, BadConfig)
    assert "gpu..example.org is no name of a machine" in error.message


async def test_a_configuration_that_asks_for_a_terminal_gets_none(machine: Machine, tmp_path: Path):
    (tmp_path / "config").write_text("RequestTTY force\n")
    async with open_connection(machine.options(ssh_config=tmp_path / "config")) as connection:
        assert (await connection.run("echo one")).out == "one\n"


async def test_what_the_shell_says_before_a_command_is_passed_over(machine: Machine):
    with greeting(machine, "echo Welcome; printf 'Have fun: '"):
        async with open_connection(machine.options()) as connection:
            assert (await connection.run("echo one")).out == "one\n"


async def test_a_shell_that_runs_no_command_is_told(machine: Machine):
    with greeting(machine, "echo No service today.; exit"):
        async with open_connection(machine.options()) as connection:
            with pytest.raises(EngineRefused, match=r"runs no command: No service today\."):
                await connection.run("echo one")


async def test_a_jump_that_cannot_be_reached_is_named(machine: Machine):
    port = free_port()
    error = await problem(machine, jump=f"gate@127.0.0.1:{port}")
    assert "gate@127.0.0.1 cannot be reached" in error.message


async def test_a_jump_that_is_none_is_told(machine: Machine):
    error = await problem(machine, jump="gate:ssh")
    assert isinstance(error, BadConfig)
    assert "gate:ssh is no user@host:port" in error.message


async def test_the_configuration_of_ssh_is_followed(machine: Machine, tmp_path: Path):
    (tmp_path / "config").write_text(f"Host gpu\n  HostName 127.0.0.1\n  Port {machine.port}\n")
    (tmp_path / "known").write_text((machine.folder / "known_hosts").read_text())
    options = machine.options(host="gpu", port=None, ssh_config=tmp_path / "config")
    async with open_connection(options) as connection:
        assert (await connection.run("echo there")).out == "there\n"


async def test_an_unusable_configuration_is_told(machine: Machine, tmp_path: Path):
    (tmp_path / "config").write_text("Port many\n")
    error = await problem(machine, ssh_config=tmp_path / "config")
    assert isinstance(error, BadConfig)
    assert str(tmp_path / "config") in error.message


async def test_without_a_host_it_says_what_is_missing(machine: Machine):
    error = await problem(machine, host=None)
    assert isinstance(error, BadConfig)
    assert "llamafactory.host is not set" in error.message


async def test_without_asyncssh_it_says_how_to_install_it(machine: Machine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    error = await problem(machine)
    assert isinstance(error, BadConfig)
    assert "pip install 'myna[ssh]'" in error.hint


async def test_a_machine_that_stops_answering_is_lost(machine: Machine):
    async with relayed(machine.port) as relay:
        known = (machine.folder / "known_hosts").read_text().replace(f"{machine.port}", f"{relay.port}")
        (machine.folder / "known_relay").write_text(known)
        options = machine.options(port=relay.port, known_hosts=machine.folder / "known_relay", keep_alive_s=0.1)
        async with open_connection(options) as connection:
            await connection.run("true")
            relay.silent = True
            with anyio.fail_after(PATIENCE_S), pytest.raises(EngineUnavailable, match="was lost"):
                await connection.run("sleep 20")
