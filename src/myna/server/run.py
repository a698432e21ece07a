"""Running the app until it is told to stop."""

import errno
import ipaddress
import socket
from collections.abc import Awaitable, Callable

import anyio
import uvicorn
from fastapi import FastAPI

from myna.core.errors import BadConfig


def bind(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        BadConfig: The address is not this machine's, is taken, or is not the loopback interface.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise BadConfig(f"server.host {host!r} is no address.", hint="Use 127.0.0.1.") from error
    if not ipaddress.ip_address(address[0]).is_loopback:
        raise BadConfig(
            f"server.host {host} can be reached by others, and this version has no API keys.",
            hint="Use 127.0.0.1; from elsewhere go through an SSH tunnel or a proxy that asks for a password.",
        )
    listener = socket.socket(family, socket.SOCK_STREAM)
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


async def serve(app: FastAPI, listener: socket.socket, announce: Callable[[], Awaitable[None]]) -> None:
    """Serve ``app`` until SIGINT or SIGTERM; ``announce`` runs beside it once it is up."""
    config = uvicorn.Config(app, log_config=None, access_log=False, server_header=False, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with listener:
        async with anyio.create_task_group() as beside:

            async def announce_when_up() -> None:
                while not server.started:  # noqa: ASYNC110 - uvicorn tells it in no other way
                    await anyio.sleep(0.02)
                await announce()

            beside.start_soon(announce_when_up)
            await server.serve(sockets=[listener])
            beside.cancel_scope.cancel()
