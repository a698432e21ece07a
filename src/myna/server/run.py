"""Running the app until it is told to stop."""

import errno
import ipaddress
import os
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from myna.core.errors import BadConfig, MynaError
from myna.server.request_log import RequestLog
from myna.server.sizes import Limits
from myna.server.socket_protocol import SocketProtocol
from myna.server.tls import TLS

MOST_REQUESTS = 400
"""Connections at a time, besides those of live sessions; who comes after them gets a 503."""

OTHER_FILES = 256
"""What a process has open besides: weights, libraries, pipes, connections to LLM servers."""


def check_reach(host: str, *, guarded: bool) -> None:
    """Refuse an address that others can reach, unless the server is ``guarded``: there is an API key.

    Raises:
        BadConfig: It is so, or it is no address.
    """
    *_, address = _resolved(host, 0)
    if not guarded and not is_loopback(address[0]):
        raise BadConfig(
            f"server.host {host} can be reached by others, and there is no API key: whoever finds it could use it.",
            hint="Create a key, and start again: myna key create. Or use 127.0.0.1, which this machine alone reaches.",
        )


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach the address."""
    return ipaddress.ip_address(address.partition("%")[0]).is_loopback


def _resolved(host: str, port: int) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:  # UnicodeError: no name at all, such as one with an empty label
        raise BadConfig(f"server.host {host!r} is no address.", hint="Use 127.0.0.1.") from error
    return family, address


def bind(host: str, port: int, *, guarded: bool = False) -> socket.socket:
    """A listening socket.

    Args:
        host: An address or a name of this machine.
        port: 0 takes a free one.
        guarded: There is an API key, so others may reach the socket.

    Raises:
        BadConfig: The address is not this machine's, is taken, or can be reached by others and is not guarded.
    """
    check_reach(host, guarded=guarded)
    family, address = _resolved(host, port)
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # named: so asyncio sets TCP_NODELAY
    if os.name == "posix":  # elsewhere it would let two servers listen on one port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(address)
        listener.listen(socket.SOMAXCONN)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise BadConfig(
                f"Port {port} on {host} is in use by another program.",
                hint=f"Stop it (is Myna running already?), or choose another: myna serve --port {port + 1}",
            ) from error
        raise BadConfig(f"Cannot listen on {host} port {port}: {error.strerror}.", hint="Choose another.") from error
    return listener


def allow_files(wanted: int) -> None:
    """Let this process open so many files, as far as it may: each connection is one."""
    if os.name == "posix":
        import resource  # noqa: PLC0415 - there is none on Windows, where there is no such limit either

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < most:
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


async def serve(
    app: FastAPI,
    listener: socket.socket,
    announce: Callable[[], Awaitable[None]],
    stop: anyio.Event | None = None,
    tls: TLS | None = None,
) -> None:
    """Serve ``app`` until SIGINT or SIGTERM, or until ``stop`` is set; ``announce`` runs beside it once it is up.

    Over ``tls`` if given, else as plain HTTP.

    Raises:
        MynaError: Why it does not start.
    """
    limits: Limits = app.state.limits
    connections = MOST_REQUESTS + limits.sessions
    allow_files(connections + OTHER_FILES)
    config = uvicorn.Config(
        _told_in_a_sentence(app, RequestLog(app)),
        http="h11",  # it bounds the header
        ws=SocketProtocol,
        ws_max_size=limits.message,
        ws_per_message_deflate=False,  # audio in base64 hardly shrinks, and its state takes 300 KiB a socket
        ws_ping_interval=limits.ping_s,
        ws_ping_timeout=limits.ping_s,
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=connections,
        timeout_graceful_shutdown=1,
    )
    config.load()
    if tls is not None:
        config.ssl = tls.context
    server = uvicorn.Server(config)
    with listener:
        async with anyio.create_task_group() as beside:

            async def announce_when_up() -> None:
                while not server.started:  # noqa: ASYNC110 - uvicorn tells it in no other way
                    await anyio.sleep(0.02)
                await announce()

            async def stop_when_told(told: anyio.Event) -> None:
                await told.wait()
                server.should_exit = True

            beside.start_soon(announce_when_up)
            if stop is not None:
                beside.start_soon(stop_when_told, stop)
            if tls is not None:
                beside.start_soon(tls.keep_current)
            try:
                await server.serve(sockets=[listener])
            except SystemExit:  # uvicorn's, when the app does not start
                if app.state.problem is None:
                    raise
            beside.cancel_scope.cancel()
    problem: MynaError | None = app.state.problem
    if problem is not None:
        raise problem


def _told_in_a_sentence(app: FastAPI, called: ASGIApp) -> ASGIApp:
    """What Starlette tells of an app that does not start is a traceback; of a problem that has a sentence, that one."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        async def tell(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed" and app.state.problem is not None:
                message["message"] = str(app.state.problem)
            await send(message)

        await called(scope, receive, tell if scope["type"] == "lifespan" else send)

    return call
