"""How much clients may send, and how long they may take: bodies and the messages of WebSockets."""

from collections.abc import Collection
from dataclasses import dataclass
from fnmatch import fnmatchcase

import anyio
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from myna.server.errors import Problem
from myna.server.refusal import Refusal

MB = 1_000_000
LONGEST_TEXT = 4 * MB
"""A request that brings no file: the longest context that an LLM has today is some 4 million characters."""
IDLE_S = 20.0
"""Between two pieces of a body."""
WHOLE_S = 600.0
"""For a whole body: 100 MB at 1.4 Mbit/s."""
PING_S = 20.0
"""Between two pings of a WebSocket, and for the answer to one."""
UNREAD_S = 20.0
"""The time that a client may take to read a message of a WebSocket."""
LINGER_S = 2.0
"""How long what follows a refused body is read and thrown away: a client that still writes would miss the answer."""
CLOSE = {"Connection": "close"}
MESSAGE_TOO_BIG = 1009
"""How a socket is closed whose client sent too long a message (RFC 6455, section 7.4.1)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What clients may send, in bytes, and take up.

    Attributes:
        upload: The body of a request to one of ``uploads``, which take files; ``*`` stands for anything.
        body: The body of any other request.
        message: A message of a WebSocket.
        idle_s: For the next piece of a body.
        whole_s: For a whole body.
        unread_s: For the client to read a message of a WebSocket.
        ping_s: How often the client of a WebSocket is asked whether it lives, and how long it may take to say so.
        sessions: How many may be live at a time.
    """

    upload: int = 100 * MB
    body: int = LONGEST_TEXT
    message: int = 16 * MB
    uploads: Collection[str] = ("/v1/audio/transcriptions", "/api/personas/import", "/api/personas/*/avatar")
    idle_s: float = IDLE_S
    whole_s: float = WHOLE_S
    unread_s: float = UNREAD_S
    ping_s: float = PING_S
    sessions: int = 200


class SizeLimit:
    """ASGI middleware that ends what exceeds ``limits``: 413 or 408, and close code 1009 for a WebSocket."""

    def __init__(self, app: ASGIApp, limits: Limits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the app answer, reading no more than it may."""
        match scope["type"]:
            case "http":
                takes_files = any(fnmatchcase(scope["path"], path) for path in self._limits.uploads)
                limit = self._limits.upload if takes_files else self._limits.body
                await _Request(self._limits, limit, receive, send).answer(self._app, scope)
            case "websocket":
                await _Socket(self._limits.message, receive, send).answer(self._app, scope)
            case _:
                await self._app(scope, receive, send)


@dataclass(slots=True)
class _Request:
    """A request whose body is counted as it comes. What the app says after a refusal is not sent."""

    limits: Limits
    limit: int
    receive_: Receive
    send_: Send
    taken: int = 0
    whole: bool = False
    began_at: float | None = None
    answered: bool = False
    refusal: Refusal | None = None

    async def answer(self, app: ASGIApp, scope: Scope) -> None:
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self.limit:
            self.refusal = self._too_large()
        else:
            try:
                await app(scope, self._receive, self._send)
            except ClientDisconnect:
                if self.refusal is None:
                    raise
        if self.refusal is not None and not self.answered:
            await self.refusal.send(scope, self.receive_, self._send_lingering)

    async def _receive(self) -> Message:
        """The next piece of the body; the client seems to leave when it sent too much, or takes too long."""
        if self.refusal is not None:
            return {"type": "http.disconnect"}
        if self.whole:
            return await self.receive_()
        now = anyio.current_time()
        self.began_at = now if self.began_at is None else self.began_at
        left_s = self.began_at + self.limits.whole_s - now
        try:
            with anyio.fail_after(min(self.limits.idle_s, left_s)):
                message = await self.receive_()
        except TimeoutError:
            problem = Problem(408, "too_slow", "The rest of the request did not come.", "Send it again.")
            self.refusal = Refusal(problem, CLOSE)
            return {"type": "http.disconnect"}
        self.taken += len(message.get("body", b""))
        self.whole = not message.get("more_body", False)
        if self.taken > self.limit:
            self.refusal = self._too_large()
            return {"type": "http.disconnect"}
        return message

    def _too_large(self) -> Refusal:
        hint = "Send less; the setting server.max_body_mb is for files."
        return Refusal(Problem(413, "too_large", f"The request is larger than {self.limit / MB:g} MB.", hint), CLOSE)

    async def _send(self, message: Message) -> None:
        if self.refusal is None or self.answered:
            self.answered = True
            await self.send_(message)

    async def _send_lingering(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            await self.send_({**message, "more_body": True})
            with anyio.move_on_after(LINGER_S):
                while not self.whole and (piece := await self.receive_())["type"] == "http.request":
                    self.whole = not piece.get("more_body", False)
            message = {"type": "http.response.body"}
        await self.send_(message)


@dataclass(slots=True)
class _Socket:
    """A WebSocket whose messages are measured."""

    limit: int
    receive_: Receive
    send_: Send
    closed: bool = False

    async def answer(self, app: ASGIApp, scope: Scope) -> None:
        await app(scope, self._receive, self._send)

    async def _receive(self) -> Message:
        message = await self.receive_()
        if message["type"] != "websocket.receive" or _size(message) <= self.limit:
            return message
        why = f"The message is larger than {self.limit / MB:g} MB."
        await self._send({"type": "websocket.close", "code": MESSAGE_TOO_BIG, "reason": why})
        return {"type": "websocket.disconnect", "code": MESSAGE_TOO_BIG, "reason": why}

    async def _send(self, message: Message) -> None:
        if not self.closed:
            self.closed = message["type"] == "websocket.close"
            await self.send_(message)


def _size(message: Message) -> int:
    return len(message.get("bytes") or (message.get("text") or "").encode())
