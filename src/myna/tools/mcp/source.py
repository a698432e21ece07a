"""An MCP server as a source of tools: connected in the background, connected anew when it has gone."""

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import anyio

from myna.core.tools import JSON
from myna.tools.masking import masked_text
from myna.tools.mcp.complaints import Complaints
from myna.tools.mcp.connection import Handshake, Listeners, can_listen, open_connection
from myna.tools.mcp.contents import text_of
from myna.tools.mcp.failures import MCPFailed, MCPUnavailable
from myna.tools.mcp.listing import list_tools
from myna.tools.mcp.options import MCPServer
from myna.tools.mcp.tool import MCPTool

if TYPE_CHECKING:
    from mcp import Client

log = logging.getLogger(__name__)

FIRST_DELAY_S, LONGEST_DELAY_S = 0.5, 60.0
"""Before the second attempt in a row to connect; doubled for each one more, up to the other."""
STEADY_S = 10.0
"""A connection that held so long was a good one: the next is made at once."""
SETTLE_S = 0.5
"""Between two listings that a server asks for."""
REJOIN_S = 10.0
"""How long a call waits for a server that is being connected."""
AFTER_S = 1.0
"""Whoever runs a call ends it after its time; the SDK does so later, should nobody do it."""
POLITE_S = 1.0
"""How long a server may take to hear that we leave."""


@dataclass(frozen=True, slots=True)
class MCPState:
    """Where a server stands.

    Attributes:
        problem: Why it failed; empty otherwise.
        tools: How many tools it has; those of a server that went are kept, since it is expected back.
    """

    name: str
    status: Literal["connecting", "ready", "failed", "off"]
    problem: str = ""
    tools: int = 0


@dataclass(frozen=True, slots=True)
class _Held:
    """What came of a connection.

    Attributes:
        for_s: How long it held, in seconds; 0 if it did not come about.
        problem: Why it did not, or why it ended.
        refused: The server was there, and did not take the handshake.
    """

    for_s: float
    problem: str
    refused: bool


class MCPSource:
    """The tools of one server. Made by `open_mcp`, which runs `hold`."""

    def __init__(self, name: str, options: MCPServer) -> None:
        self._name = name
        self._options = options
        self._secrets = options.secrets()
        self._credentials = options.credentials()
        self._tools: tuple[MCPTool, ...] = ()
        self._client: Client | None = None
        self._status: Literal["connecting", "ready", "failed", "off"] = "connecting" if options.enabled else "off"
        self._problem = ""
        self._handshake: Handshake = "auto"
        self._turned = anyio.Event()  # with each change of the status
        self._wanted = anyio.Event()  # somebody calls
        self._stale = anyio.Event()  # the tools are others now
        self._lost = anyio.Event()  # the connection is of no use any more
        self._leaving = anyio.Event()

    @property
    def name(self) -> str:
        """How the server is called here."""
        return self._name

    @property
    def tools(self) -> Sequence[MCPTool]:
        """Its tools: none until it has been connected for the first time; then those that it had last."""
        return self._tools

    @property
    def state(self) -> MCPState:
        """Where it stands."""
        return MCPState(self._name, self._status, self._problem, len(self._tools))

    async def settled(self) -> MCPState:
        """Wait until the first attempt to connect has come out; where the server stands then."""
        while self._status == "connecting":
            await self._turned.wait()
        return self.state

    def leave(self) -> None:
        """End `hold` politely."""
        self._leaving.set()
        self._lost.set()
        self._wanted.set()

    # ------------------------------------------------------------------------------------------------ the connection

    async def hold(self) -> None:
        """Keep the server connected until `leave` or cancelled. Whatever it does, this does not fail."""
        delay_s = 0.0
        while not self._leaving.is_set():
            self._wanted = anyio.Event()
            self._turn("connecting", self._problem)
            held = await self._connected()
            if held.refused and self._options.command and not self._leaving.is_set():
                # There are programs that end when they are asked anything before the old handshake; and the reverse.
                self._handshake = "legacy" if self._handshake == "auto" else "auto"
                held = await self._connected()
            if self._leaving.is_set():
                break
            problem = held.problem
            # A server that is not there is told of once, not each time that it is tried again.
            log.log(
                logging.DEBUG if problem == self._problem else logging.WARNING, "mcp server %s: %s", self._name, problem
            )
            if held.for_s == 0:
                self._turn("failed", problem)
            delay_s = 0.0 if held.for_s > STEADY_S else min(max(2 * delay_s, FIRST_DELAY_S), LONGEST_DELAY_S)
            await self._wait(delay_s)

    async def _wait(self, delay_s: float) -> None:
        """Wait before the next attempt. Who calls a tool meanwhile need not wait so long."""
        at_least_s = min(delay_s, FIRST_DELAY_S)
        with anyio.move_on_after(at_least_s):
            await self._leaving.wait()
        with anyio.move_on_after(delay_s - at_least_s):
            await self._wanted.wait()

    async def _connected(self) -> "_Held":
        """Connect, and stay so until the connection is lost."""
        lost = self._lost = anyio.Event()
        self._stale = anyio.Event()
        complaints = Complaints(self._name, self._hide)
        limit_s = self._options.connect_timeout_s
        since: float | None = None
        problem, refused = "It has ended.", False
        with anyio.CancelScope(deadline=anyio.current_time() + limit_s) as scope:
            try:
                listeners = Listeners(self._changed, lost.set)
                async with open_connection(self._options, self._handshake, complaints, listeners) as client:
                    self._tools = await list_tools(client, self._name, self._options, self._run)
                    scope.deadline = float("inf")
                    since = anyio.current_time()
                    self._client = client
                    self._turn("ready")
                    log.info("mcp server %s is connected and has %d tools", self._name, len(self._tools))
                    try:
                        await self._follow(client)
                    finally:
                        self._lose(client)
                        scope.deadline = anyio.current_time() + POLITE_S
            except Exception as error:  # noqa: BLE001 - a program of others stands behind this door
                cause = _cause(error)
                problem, refused = _words(cause), since is None and type(cause).__name__ == "MCPError"
        if since is None and scope.cancelled_caught:
            problem = f"It did not answer within {limit_s:g} s."
        for_s = 0.0 if since is None else max(anyio.current_time() - since, 1e-3)
        return _Held(for_s, self._hide(f"{problem} {complaints.last}".strip()), refused)

    async def _follow(self, client: "Client") -> None:
        """List the tools anew whenever they may have changed, until the connection is lost."""
        async with anyio.create_task_group() as beside:
            beside.start_soon(self._check, client)
            if can_listen(client):
                beside.start_soon(self._listen, client)
            await self._lost.wait()
            beside.cancel_scope.cancel()

    async def _check(self, client: "Client") -> None:
        while True:
            with anyio.move_on_after(self._options.check_every_s):
                await self._stale.wait()
            await anyio.sleep(SETTLE_S)  # a server that takes ten tools away says so ten times
            self._stale = anyio.Event()
            try:
                with anyio.fail_after(self._options.connect_timeout_s):
                    self._tools = await list_tools(client, self._name, self._options, self._run)
            except Exception as error:  # noqa: BLE001 - as above
                log.info("mcp server %s: %s", self._name, self._hide(_words(_cause(error))))
                self._lost.set()

    async def _listen(self, client: "Client") -> None:
        from mcp import MCPError  # noqa: PLC0415
        from mcp.client.subscriptions import SubscriptionLost  # noqa: PLC0415

        while True:
            with suppress(MCPError, SubscriptionLost, TimeoutError):
                async with client.listen(tools_list_changed=True) as changes:
                    self._stale.set()  # for what has changed since they were listed
                    async for _ in changes:
                        self._stale.set()
            await anyio.sleep(REJOIN_S)

    def _turn(self, status: Literal["connecting", "ready", "failed"], problem: str = "") -> None:
        self._status, self._problem = status, problem
        self._turned.set()
        self._turned = anyio.Event()

    def _changed(self) -> None:
        self._stale.set()

    def _hide(self, text: str) -> str:
        return masked_text(text, self._secrets)

    # ------------------------------------------------------------------------------------------------------ calls

    async def _run(self, tool: MCPTool, arguments: JSON) -> object:
        for last in (False, True):
            client = await self._connection()
            answer = await self._ask(client, tool, arguments, last=last)
            if answer is not None:
                return answer
        raise AssertionError  # the last attempt answers or raises

    async def _ask(self, client: "Client", tool: MCPTool, arguments: JSON, *, last: bool) -> str | None:
        """What the server answers; None where it has gone and the call may be made again.

        Raises:
            MCPFailed: It said no.
            MCPUnavailable: It has gone, and nobody knows what it did before.
        """
        from mcp import MCPError  # noqa: PLC0415
        from mcp.types import CONNECTION_CLOSED, INVALID_REQUEST, REQUEST_TIMEOUT  # noqa: PLC0415

        try:
            limit_s = tool.timeout_s + AFTER_S
            result = await client.call_tool(tool.server_name, dict(arguments), read_timeout_seconds=limit_s)
        except MCPError as error:
            if error.code == REQUEST_TIMEOUT:
                raise TimeoutError(f"{self._name} did not answer within {tool.timeout_s:g} s.") from None
            forgotten = error.code == INVALID_REQUEST and error.message == "Session terminated"
            if not forgotten and error.code != CONNECTION_CLOSED:
                raise MCPFailed(self._hide(error.message)) from None
            self._lose(client)
            if not last and (forgotten or tool.repeatable):
                return None
            raise MCPUnavailable(
                f"The MCP server {self._name} ended while it ran {tool.server_name}, "
                "so it is not known whether anything was done."
            ) from None
        except RuntimeError as error:  # of a result that is not what the server's own schema promises
            raise MCPFailed(self._hide(str(error))) from None
        text = text_of(result)
        if result.is_error:
            raise MCPFailed(self._hide(text) or f"{tool.server_name} failed, and does not say why.")
        return masked_text(text, self._credentials)

    def _lose(self, client: "Client") -> None:
        """Use a connection no more; another one will be made."""
        if self._client is client:
            self._client = None
            self._turn("connecting")
            self._lost.set()

    async def _connection(self) -> "Client":
        """The connection; waits a little for one that is being made.

        Raises:
            MCPUnavailable: There is none.
        """
        self._wanted.set()
        with anyio.move_on_after(2 * FIRST_DELAY_S):
            while self._status == "failed":
                await self._turned.wait()
        with anyio.move_on_after(REJOIN_S):
            await self.settled()
        if self._client is None:
            raise MCPUnavailable(f"The MCP server {self._name} is not connected. {self._problem}".strip())
        return self._client


def _cause(error: BaseException) -> BaseException:
    """The error itself, in a group the first of its errors."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return error


def _words(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError) and error.filename:
        return f"There is no program or folder {error.filename}."
    return f"{(str(error).strip() or type(error).__name__).rstrip('.')}."
