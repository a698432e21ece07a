"""One SSH connection, kept and used again. The only file that knows asyncssh."""

import logging
import os
import socket
from asyncio import IncompleteReadError
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import anyio
from pydantic import SecretStr

from myna.core.errors import BadConfig, EngineError, EngineRefused, EngineTimeout, MynaError
from myna.engines.llm.llamafactory import faults
from myna.engines.llm.llamafactory.options import LlamaFactoryOptions
from myna.engines.task_group import open_task_group

if TYPE_CHECKING:
    import asyncssh

log = logging.getLogger(__name__)

MISSED = 3
"""So many times a machine may not answer whether it is there; then it is gone."""
OPEN_S = 10.0
CLOSE_S = 2.0
SSH_PORT = 22
LOOPBACK = "127.0.0.1"
RUN_S = 30.0
MOST_BYTES = 1 << 20
BEGUN = b"myna-begun\n"
"""Comes before all that a command writes, and after what the start-up files of the shell there write."""
MOST_JUMPS = 8
TOO_MANY_KEYS = "Too many authentication failures"
"""What sshd says when it has refused as many keys as it looks at (`MaxAuthTries`)."""
GLOBAL_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command there ended, and what it wrote."""

    status: int
    out: str
    errors: str


class Connection:
    """The way to the machine; connects when it is first needed, and when it was lost. Made by `open_connection`."""

    def __init__(self, options: LlamaFactoryOptions, ssh: ModuleType) -> None:
        self._options = options
        self._ssh = ssh
        self._connecting = anyio.Lock()
        self._links: list[asyncssh.SSHClientConnection] = []
        self.connects = 0
        self.left_behind: list[tuple[int, str]] = []  # processes and runs that may still be there since a line broke

    @property
    def losses(self) -> tuple[type[Exception], ...]:
        """What asyncssh raises when the connection is lost."""
        return (self._ssh.Error, ConnectionError)

    @property
    def is_up(self) -> bool:
        """Whether there is a connection now."""
        return bool(self._links) and not any(link.is_closed() for link in self._links)

    async def connect(self) -> "asyncssh.SSHClientConnection":
        """The connection.

        Raises:
            EngineUnavailable: The machine cannot be reached, or its host key is not the one that is known.
            EngineRefused: It refuses the login.
            BadConfig: A key or a file of SSH cannot be used.
        """
        async with self._connecting:
            if not self.is_up:
                await self._drop()
                try:
                    with anyio.fail_after(self._options.connect_timeout_s):
                        await self._connect()
                except TimeoutError as error:
                    await self._drop()
                    within = f"it did not answer within {self._options.connect_timeout_s:g} s"
                    raise faults.unreachable(self._options.place, within) from error
                except BaseException:
                    await self._drop()
                    raise
            return self._links[-1]

    async def _connect(self) -> None:
        options = self._options
        target = _Hop(options.host or "", options.port, options.user, options.key)
        hops = _hops("llamafactory.jump", options.jump, options.key) if options.jump else await self._jumps(target)
        while hops and (before := await self._jumps(hops[0])):
            hops = [*before, *hops]
            if len(hops) > MOST_JUMPS:
                raise BadConfig(
                    f"{options.ssh_config}: the way to {options.place} goes through more than {MOST_JUMPS} machines.",
                    hint="A ProxyJump of `Host *` holds for the machine that it names, too: set it to none there.",
                )
        for hop in hops:
            await self._link(hop, None)
        await self._link(target, options.password)
        self.connects += 1
        log.info("Connected to %s.", options.place)

    async def _jumps(self, hop: "_Hop") -> "list[_Hop]":
        """What ``ProxyJump`` says. Left to itself, asyncssh follows it without a look at our known hosts."""
        with self._explained(hop.place, hop.port, _Met()):
            told = await self._ssh.SSHClientConnectionOptions.construct(**self._to(hop), client_keys=None)
        jump = told.tunnel or ""
        return [] if jump.lower() == "none" else _hops(f"{self._options.ssh_config}: ProxyJump", jump)

    def _to(self, hop: "_Hop") -> dict[str, Any]:
        config = self._options.ssh_config.expanduser()
        to: dict[str, Any] = {"host": hop.host, "config": [str(config)] if config.is_file() else []}
        to |= {"port": hop.port} if hop.port else {}
        return to | ({"username": hop.user} if hop.user else {})

    async def _link(self, hop: "_Hop", password: SecretStr | None) -> None:
        options = self._options
        # With the agent's in front of it, the one key might be one too many.
        more: dict[str, Any] = {"client_keys": [str(hop.key.expanduser())], "agent_path": None} if hop.key else {}
        more |= {"passphrase": options.passphrase.get_secret_value()} if options.passphrase else {}
        more |= {"password": password.get_secret_value()} if password else {}
        met = _Met()
        with self._explained(hop.place, hop.port, met):
            link = await self._ssh.connect(
                **self._to(hop),
                tunnel=self._links[-1] if self._links else None,
                known_hosts=self._known(),
                client_factory=_noting(self._ssh, met),
                keepalive_interval=options.keep_alive_s,
                keepalive_count_max=MISSED,
                **more,
            )
            self._links.append(link)

    def _known(self) -> "asyncssh.SSHKnownHosts":
        files = (self._options.known_hosts.expanduser(), GLOBAL_KNOWN_HOSTS)
        text = "\n".join(file.read_text(errors="replace") for file in files if os.access(file, os.R_OK))
        try:
            return self._ssh.import_known_hosts(text)
        except ValueError as error:
            raise BadConfig(f"{files[0]} has a line that cannot be used: {error}.") from error

    @contextmanager
    def _explained(self, place: str, port: int | None, met: "_Met") -> Generator[None]:
        """What asyncssh raises, as errors that say how to mend it."""
        ssh = self._ssh
        try:
            yield
        except ssh.HostKeyNotVerifiable as error:
            raise self._distrusted(place, port, met, str(error)) from error
        except ssh.PermissionDenied as error:
            raise faults.login_refused(place, error.reason) from error
        except (ssh.KeyImportError, ssh.KeyEncryptionError) as error:
            agent = "load it into the SSH agent" + (" and leave out llamafactory.key." if self._options.key else ".")
            raise BadConfig(
                f"llamafactory.key: {self._options.key or 'a key of ~/.ssh'} cannot be used: {error}.",
                hint=f"If it has a passphrase, set llamafactory.passphrase, or {agent}",
            ) from error
        except (ssh.ConfigParseError, UnicodeDecodeError) as error:
            raise BadConfig(f"{self._options.ssh_config} cannot be used: {error}.") from error
        except UnicodeError as error:
            hint = "Correct llamafactory.host or jump."
            raise BadConfig(f"{place} is no name of a machine: {error}.", hint=hint) from error
        except OSError as error:
            raise _unreached(place, error) from error
        except ssh.Error as error:
            if TOO_MANY_KEYS in error.reason:
                raise faults.too_many_keys(place, error.reason) from error
            raise faults.unreachable(place, error.reason) from error

    def _distrusted(self, place: str, port: int | None, met: "_Met", said: str) -> EngineError:
        if not met.fingerprint:  # a key that was revoked
            return faults.unknown_host_key(place, f"ssh {place}", said)
        known = self._ssh.match_known_hosts(self._known(), met.host, met.address, met.port)
        if known[0]:
            named = met.host if met.port == SSH_PORT else f"[{met.host}]:{met.port}"
            return faults.changed_host_key(place, named, met.fingerprint)
        return faults.unknown_host_key(place, f"ssh -p {port} {place}" if port else f"ssh {place}", met.fingerprint)

    async def run(self, command: str, *, given: bytes = b"", limit_s: float = RUN_S) -> Ran:
        """Run a command to its end; raises as `connect` does, and `EngineTimeout`."""
        out, errors = bytearray(), bytearray()
        with anyio.move_on_after(limit_s):
            async with self.process(command) as process:
                with suppress(BrokenPipeError):  # it may have ended already
                    process.stdin.write(given)
                    process.stdin.write_eof()
                async with open_task_group() as tasks:
                    tasks.start_soon(collect, process.stderr, errors)
                    await collect(process.stdout, out)
                await process.wait_closed()
                status = process.returncode
            return Ran(255 if status is None else status, out.decode(errors="replace"), errors.decode(errors="replace"))
        raise EngineTimeout(f"A command on {self._options.place} did not end within {limit_s:g} s.")

    @asynccontextmanager
    async def process(self, command: str) -> "AsyncGenerator[asyncssh.SSHClientProcess[bytes]]":
        """A command that runs; leaving closes its channel, which may leave the command itself running."""
        link = await self.connect()
        with self._said_lost():
            try:
                with anyio.fail_after(OPEN_S):
                    begin = f"echo {BEGUN.decode().strip()}; {command}"
                    process = await link.create_process(begin, encoding=None, request_pty=False)
            except TimeoutError as error:
                raise EngineTimeout(f"{self._options.place} did not start a command within {OPEN_S:g} s.") from error
            try:
                await self._begun(process)
                yield process
            finally:
                process.close()
                with anyio.move_on_after(CLOSE_S, shield=True):
                    await process.wait_closed()

    async def _begun(self, process: "asyncssh.SSHClientProcess[bytes]") -> None:
        """Pass over what the shell says before the command begins."""
        place, hint = self._options.place, "What do ~/.bashrc and the like do there, for commands that ssh runs?"
        try:
            with anyio.fail_after(RUN_S):
                await process.stdout.readuntil(BEGUN)
        except TimeoutError as error:
            raise EngineTimeout(f"{place} did not begin a command within {RUN_S:g} s.", hint=hint) from error
        except IncompleteReadError as error:
            if not self.is_up:
                raise faults.lost(place) from error
            said = error.partial.decode(errors="replace").strip()[-300:]
            raise EngineRefused(f"{place} runs no command: {said or 'it said nothing'}.", hint=hint) from error

    @contextmanager
    def _said_lost(self) -> Generator[None]:
        try:
            yield
        except self.losses as error:
            raise faults.lost(self._options.place) from error
        except BaseExceptionGroup as errors:  # each of several tasks has noticed
            if errors.split(self.losses)[1] is not None:
                raise
            raise faults.lost(self._options.place) from errors

    @asynccontextmanager
    async def forwarded(self, port: int) -> AsyncGenerator[int]:
        """A loopback port here that leads to a loopback port there."""
        link = await self.connect()
        with self._said_lost():
            listener = await link.forward_local_port(LOOPBACK, 0, LOOPBACK, port)
        try:
            yield listener.get_port()
        finally:
            listener.close()
            with anyio.move_on_after(CLOSE_S, shield=True):
                await listener.wait_closed()

    async def _drop(self) -> None:
        links, self._links = self._links, []
        for link in reversed(links):
            link.close()
            with anyio.move_on_after(CLOSE_S, shield=True) as patience:
                await link.wait_closed()
            if patience.cancelled_caught:
                link.abort()

    async def close(self) -> None:
        """End the connection."""
        await self._drop()


@dataclass(frozen=True, slots=True)
class _Hop:
    """A machine, and how to log in there where ``~/.ssh/config`` is not to say."""

    host: str
    port: int | None
    user: str | None
    key: Path | None

    @property
    def place(self) -> str:
        return f"{self.user}@{self.host}" if self.user else self.host


def _hops(where: str, jump: str, key: Path | None = None) -> list[_Hop]:
    """What ``user@host:port,…`` means; ``where`` is the setting."""
    hops: list[_Hop] = []
    for hop in filter(None, map(str.strip, jump.split(","))):
        user, _, address = hop.removeprefix("ssh://").rpartition("@")
        host, colon, port = address.rpartition(":")
        if colon and not port.isdecimal():
            raise BadConfig(f"{where}: {hop} is no user@host:port.")
        hops.append(_Hop(host if colon else address, int(port) if colon else None, user or None, key))
    return hops


@dataclass(slots=True)
class _Met:
    """The host key that a machine showed, if it is not one of the known."""

    host: str = ""
    address: str = ""
    port: int = SSH_PORT
    fingerprint: str = ""


def _unreached(place: str, error: OSError) -> MynaError:
    match error:
        case socket.gaierror():
            return faults.unreachable(place, "there is no machine of that name")
        case ConnectionRefusedError():
            return faults.unreachable(place, "it refused the connection: no SSH server listens there")
        case FileNotFoundError():
            return BadConfig(f"llamafactory.key: there is no file {error.filename}.")
        case _:
            return faults.unreachable(place, error.strerror or str(error) or type(error).__name__)


def _noting(ssh: ModuleType, met: _Met) -> "Callable[[], asyncssh.SSHClient]":
    """A client that takes no host key but the known, and notes the others."""

    def note(_client: object, host: str, address: str, port: int, key: "asyncssh.SSHKey") -> bool:
        met.host, met.address, met.port = host, address, port
        met.fingerprint = f"{key.get_algorithm()} {key.get_fingerprint()}"
        return False

    return type("NotingClient", (ssh.SSHClient,), {"validate_host_public_key": note})


async def collect(reader: "asyncssh.SSHReader[bytes]", into: bytearray) -> None:
    """All that is written, or as much as may be."""
    while data := await reader.read(65536):
        into += data[: MOST_BYTES - len(into)]


@asynccontextmanager
async def open_connection(options: LlamaFactoryOptions) -> AsyncGenerator[Connection]:
    """The way to the machine; it is not walked yet.

    Raises:
        BadConfig: asyncssh is not installed, or the options name no machine.
    """
    try:
        import asyncssh  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise BadConfig("LLaMA-Factory needs asyncssh.", hint="Install it: pip install 'myna[ssh]'") from error
    if not options.host:
        raise BadConfig(
            "llamafactory.host is not set: on which machine is the model?",
            hint="For example: MYNA_LLAMAFACTORY__HOST=gpu.example.org, and …__USER.",
        )
    logging.getLogger("asyncssh").setLevel(logging.WARNING)
    connection = Connection(options, asyncssh)
    try:
        yield connection
    finally:
        with suppress(OSError):
            await connection.close()
