"""A connection to an MCP server, by the official SDK, which is imported when the first one is opened."""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import version
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self, TypeAlias

import anyio
import anyio.to_thread

from myna.tools.mcp.complaints import Complaints, listening
from myna.tools.mcp.options import MCPServer

if TYPE_CHECKING:
    from mcp import Client
    from mcp.client._transport import ReadStream, TransportStreams
    from mcp.client.session import IncomingMessage
    from mcp.shared.message import SessionMessage

LONGEST_EVENT = 16 << 20
"""Bytes of one event of a server at a URL."""

STARTED_BY_MYNA = "STARTED_BY_MYNA"
"""A variable that programs get: a Myna among them must not start them once more, and itself among them."""

HTTP_S = 30.0
STREAM_S = 300.0
"""Between two events: servers send comments to keep a stream open."""


Handshake: TypeAlias = Literal["auto", "legacy"]
"""Whether a server is asked first what it speaks, as those of 2026 are, or greeted at once as those before."""


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who is told of what a server does by itself: that its tools are others now, and that it has ended."""

    changed: Callable[[], None]
    ended: Callable[[], None]


@asynccontextmanager
async def open_connection(
    options: MCPServer, handshake: Handshake, complaints: Complaints, listeners: Listeners
) -> "AsyncGenerator[Client]":
    """A client that is connected to the server. To be entered and left in one task; bound the time from outside.

    What the server may not ask for, it is told that it cannot have: the user's files, questions to the user, the LLM.

    Raises:
        Exception: Whatever the SDK, httpx or the system raise where a server does not start or answer; in a group, too.
    """
    # A second of imports that nobody without MCP servers needs, and that the other tasks need not wait for.
    await anyio.to_thread.run_sync(import_module, "mcp")
    from mcp import Client  # noqa: PLC0415
    from mcp.types import Implementation, ToolListChangedNotification  # noqa: PLC0415

    sdk = logging.getLogger("mcp.client")
    if sdk.level == logging.NOTSET:  # it writes a traceback for each line that a server prints amid the protocol
        sdk.setLevel(logging.CRITICAL)

    async def hear(message: "IncomingMessage") -> None:
        if isinstance(message, ToolListChangedNotification):
            listeners.changed()

    transport = _program(options, complaints, listeners.ended) if options.command else _address(options)
    client = Client(
        transport,
        message_handler=hear,
        client_info=Implementation(name="myna", version=version("myna")),
        mode=handshake,
        cache=None,
    )
    async with client:
        yield client


def can_listen(client: "Client") -> bool:
    """Whether the server tells by a subscription that its tools have changed, as those of 2026 do."""
    from mcp.types.version import MODERN_PROTOCOL_VERSIONS  # noqa: PLC0415

    tools = client.server_capabilities.tools
    return client.protocol_version in MODERN_PROTOCOL_VERSIONS and tools is not None and bool(tools.list_changed)


@asynccontextmanager
async def _program(
    options: MCPServer, complaints: Complaints, ended: Callable[[], None]
) -> "AsyncGenerator[TransportStreams]":
    from mcp.client.stdio import StdioServerParameters, stdio_client  # noqa: PLC0415

    started = StdioServerParameters(
        command=options.command or "",
        args=list(options.args),
        env={STARTED_BY_MYNA: "1"} | {name: value.get_secret_value() for name, value in options.env.items()},
        cwd=options.folder,
        encoding_error_handler="replace",
    )
    with listening(complaints) as errors:
        async with stdio_client(started, errlog=errors) as (read, write):
            errors.close()  # the child has its own; so the lines end with it
            yield _Watched(read, ended), write


@asynccontextmanager
async def _address(options: MCPServer) -> "AsyncGenerator[TransportStreams]":
    import httpx2  # noqa: PLC0415
    from mcp.client.streamable_http import streamable_http_client  # noqa: PLC0415

    headers = {name: value.get_secret_value() for name, value in options.headers.items()}
    if options.token:
        headers["Authorization"] = f"Bearer {options.token.get_secret_value()}"
    async with AsyncExitStack() as stack:
        http = httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(HTTP_S, read=STREAM_S))
        await stack.enter_async_context(http)
        yield await stack.enter_async_context(
            streamable_http_client(options.url or "", http_client=http, max_sse_event_size=LONGEST_EVENT)
        )


class _Watched:
    """A stream of messages that tells when it has ended: the SDK's client itself does not."""

    def __init__(self, inner: "ReadStream[SessionMessage | Exception]", ended: Callable[[], None]) -> None:
        self._inner = inner
        self._ended = ended

    def __aiter__(self) -> "ReadStream[SessionMessage | Exception]":
        return self

    async def __anext__(self) -> "SessionMessage | Exception":
        return await self._or_end(self._inner.__anext__())

    async def receive(self) -> "SessionMessage | Exception":
        return await self._or_end(self._inner.receive())

    async def _or_end(self, message: "Awaitable[SessionMessage | Exception]") -> "SessionMessage | Exception":
        try:
            return await message
        except Exception:  # whatever it was, the stream is over
            self._ended()
            raise

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_val: BaseException | None, exc_tb: TracebackType | None
    ) -> bool | None:
        return await self._inner.__aexit__(exc_type, exc_val, exc_tb)
