"""A line in the log for each request and each WebSocket, and the id that it goes by."""

import logging
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from myna.core.context import working_on
from myna.server.connection import CLIENT_GONE

log = logging.getLogger(__name__)

ID_HEADER = b"x-request-id"
LONGEST_PATH = 200
OK, SWITCHING_PROTOCOLS = 200, 101
PROBED = ("/health", "/ready", "/metrics")
"""Asked every few seconds, by pages and by what watches over services: a line of each would bury the others."""
NORMAL_CLOSURE, NO_CODE = 1000, 1005
"""How a WebSocket is closed that names no code (RFC 6455, section 7.4.1), by us and by the client."""

_STARTS = ("http.response.start", "websocket.http.response.start", "websocket.accept")


class RequestLog:
    """ASGI middleware that gives each request an id, in the log and in the answer's ``x-request-id``.

    It belongs around the whole app, so that even the answer to a fault has one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the app answer, and tell how it went."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        request_id = f"req_{secrets.token_hex(12)}"
        # Not taken away at the end: a request has a context of its own, and what the web server logs of it comes after.
        working_on(request_id=request_id)
        began = time.perf_counter()
        status = CLIENT_GONE
        closed: int | None = None

        async def send_with_id(message: Message) -> None:
            nonlocal status, closed
            if message["type"] in _STARTS:
                status = message.get("status", SWITCHING_PROTOCOLS)
                message = {**message, "headers": [*message.get("headers", ()), (ID_HEADER, request_id.encode())]}
            elif message["type"] == "websocket.close":
                closed = message.get("code", NORMAL_CLOSURE)
            await send(message)

        async def receive_() -> Message:
            nonlocal closed
            message = await receive()
            if message["type"] == "websocket.disconnect" and closed is None:
                closed = message.get("code", NO_CODE)
            return message

        try:
            await self._app(scope, receive_, send_with_id)
        finally:
            told = {
                "method": scope.get("method", "WEBSOCKET"),
                "path": _path(scope),
                "status": status,
                "duration_ms": round((time.perf_counter() - began) * 1000, 1),
            }
            level = logging.DEBUG if told["path"] in PROBED and told["status"] == OK else logging.INFO
            log.log(level, "request", extra=told if closed is None else {**told, "closed": closed})


def _path(scope: Scope) -> str:
    """The path as it was sent, percent-encoded, so that nothing in it can pass for a line of the log; no query."""
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw[:LONGEST_PATH].decode("ascii", "backslashreplace")
