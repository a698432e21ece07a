"""``myna mcp``: Myna as an MCP server."""

import logging
import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated, Any

import anyio
import anyio.to_thread
import typer
from fastapi import FastAPI

from myna.cli.terminal import Setting, notes, overrides, prepare
from myna.config.load import load_settings
from myna.core.errors import MynaError
from myna.engines.plugins import Kind
from myna.engines.task_group import open_task_group
from myna.server.configured import rules_of, url_of
from myna.server.door import Door, Rules
from myna.server.keys import FILE_NAME, Keys
from myna.server.mcp import create_mcp
from myna.server.run import bind
from myna.server.run import serve as run_server
from myna.server.service import Service
from myna.server.sizes import MB, Limits
from myna.tools.mcp.connection import STARTED_BY_MYNA

log = logging.getLogger(__name__)

KINDS: tuple[Kind, ...] = ("llm", "asr", "tts", "embed")
PORT = 8766
LONGEST_REQUEST = 32 * MB
"""A recording in base64."""
LEAVE_S = 5.0
"""How long the engines may take to end when a signal has come."""


def mcp(
    http: Annotated[bool, typer.Option("--http", help="Serve at a URL instead of standard input and output.")] = False,
    host: Annotated[str, typer.Option(help="With --http, the address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="With --http, the port to listen on; 0 takes a free one.")] = PORT,
    settings: Setting = None,
) -> None:
    """Let other agents ask, speak and hear through Myna, as an MCP server. They start this command themselves.

    Weights that are missing are fetched in the background. Standard output carries the protocol and nothing else.
    """
    flags = overrides(settings)
    loaded = load_settings(flags)  # what is wrong with them is told at once, and not to the client
    if STARTED_BY_MYNA in os.environ:
        for name in loaded.settings.mcp:
            flags.setdefault("mcp", {})[name] = {"enabled": False}
    if http:
        _over_http(flags, host, port)
    else:
        anyio.run(_over_stdio, flags)


class _Opening:
    """The service, which is opened in the background."""

    def __init__(self, flags: Mapping[str, Any]) -> None:
        self._flags = flags
        self.closed = anyio.Event()
        self._settled = anyio.Event()
        self._service: Service | None = None
        self._problem: MynaError | None = None

    async def opened(self) -> Service:
        """The service, once it is open.

        Raises:
            MynaError: It could not be opened.
        """
        await self._settled.wait()
        if self._service is None:
            raise self._problem or MynaError("The service did not open.")
        return self._service

    @asynccontextmanager
    async def beside(self) -> AsyncGenerator[None]:
        """Open it, and keep it open while this is."""
        try:
            async with open_task_group() as group:
                group.start_soon(self._hold)
                try:
                    yield
                finally:
                    group.cancel_scope.cancel()
        finally:
            self.closed.set()

    async def _hold(self) -> None:
        try:
            prepared = await anyio.to_thread.run_sync(prepare, self._flags, KINDS, abandon_on_cancel=True)
            async with prepared.open(keeps=True) as self._service:
                self._settled.set()
                await anyio.sleep_forever()
        except MynaError as error:
            notes.print(str(error), markup=False)
            self._problem = error
            self._settled.set()
        except Exception as error:  # whoever asks is told; the server would not end, but wait for standard input
            log.exception("the service did not open")
            self._problem = MynaError(f"Myna does not start: {type(error).__name__}: {error}.")
            self._settled.set()


async def _over_stdio(flags: Mapping[str, Any]) -> None:
    opening = _Opening(flags)
    # Entered when the SDK has standard output for itself: what a library prints from then on goes to standard error.
    server = create_mcp(opening.opened, files=True, around=opening.beside)
    async with anyio.create_task_group() as group:
        with anyio.CancelScope() as serving:
            if sys.platform != "win32":
                group.start_soon(_leave_on_signal, serving, opening.closed)
            await server.run_stdio_async()
        group.cancel_scope.cancel()


async def _leave_on_signal(serving: anyio.CancelScope, closed: anyio.Event) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for number in signals:
            serving.cancel()
            with anyio.move_on_after(LEAVE_S, shield=True):
                await closed.wait()
            os._exit(128 + number)  # a thread reads standard input, and nothing but its end would end it


def _over_http(flags: Mapping[str, Any], host: str, port: int) -> None:
    loaded = load_settings(flags)
    keys = Keys(loaded.folders.data / FILE_NAME)
    listener = bind(host, port, guarded=bool(keys.all()))
    rules = rules_of(loaded.settings.server, keys, listener)

    async def announce() -> None:
        notes.print(f"Myna as an MCP server at {url_of(listener)}/mcp. Ctrl-C stops it.", markup=False)

    async def run() -> None:
        await run_server(_app(_Opening(flags), rules), listener, announce)

    try:
        anyio.run(run)
    except* KeyboardInterrupt:
        pass


def _app(opening: _Opening, rules: Rules) -> FastAPI:
    """The server at ``/mcp``, behind the same door as `myna serve`."""
    from mcp.server.transport_security import TransportSecuritySettings  # noqa: PLC0415

    server = create_mcp(opening.opened, files=False, around=opening.beside)
    routes = server.streamable_http_app(
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),  # the door sees to it
        max_request_body_size=LONGEST_REQUEST,
    )
    app = FastAPI(lifespan=lambda _: server.session_manager.run(), docs_url=None, redoc_url=None, openapi_url=None)
    app.state.limits = Limits()
    app.add_middleware(Door, rules=rules)
    app.mount("/", routes)
    return app
