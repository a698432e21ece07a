"""A WebSocket as a session talks over it: JSON out, and no wait without an end."""

import json
from collections.abc import Sequence
from contextlib import suppress

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from myna.core.errors import BadInput
from myna.wire.decoded import ServerEvent

SUBPROTOCOL = "realtime"
"""What is agreed to if it is offered: browsers that send a key among the subprotocols need an answer to them."""

FAREWELL_S = 0.5
"""How long telling a client why it is left may take."""

LONGEST_REASON = 123
"""Of a close frame, in bytes (RFC 6455, section 5.5)."""


_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Unread(BadInput):
    """The client does not read what it is sent."""

    code = "unread"


class Line:
    """A WebSocket that is written to by one at a time.

    Args:
        socket: Not yet accepted.
        unread_s: How long the client may take to read a message.
    """

    def __init__(self, socket: WebSocket, unread_s: float) -> None:
        self._socket = socket
        self._unread_s = unread_s
        self._lock = anyio.Lock(fast_acquire=True)

    async def accept(self) -> None:
        """Open the socket."""
        offered: list[str] = self._socket.scope["subprotocols"]
        await self._socket.accept(SUBPROTOCOL if SUBPROTOCOL in offered else None)

    async def receive(self) -> str | bytes:
        """The next message.

        Raises:
            WebSocketDisconnect: The client has gone.
        """
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"], message.get("reason"))
        text: str | None = message.get("text")
        return message["bytes"] if text is None else text

    async def tell(self, events: Sequence[ServerEvent]) -> None:
        """Send these, with nothing between them.

        Raises:
            Unread: The client does not read.
            WebSocketDisconnect: It has gone.
        """
        if not events:
            return
        async with self._lock:
            for event in events:
                try:
                    with anyio.fail_after(self._unread_s):
                        await self._socket.send_text(_written(event))
                except WebSocketDisconnected as error:  # it has been noticed before, as of a closed tab
                    raise WebSocketDisconnect(code=1006) from error
                except TimeoutError:
                    raise Unread(f"The client did not read what it was sent for {self._unread_s:g} s.") from None

    async def leave(self, last: ServerEvent, code: int, reason: str) -> None:
        """Say why, and close."""
        with suppress(WebSocketDisconnect, Unread), anyio.move_on_after(FAREWELL_S):
            await self.tell([last])
        await self.close(code, reason)

    async def close(self, code: int, reason: str = "") -> None:
        """Close, if the client is there and reads; the connection ends in any case."""
        short = reason.encode()[:LONGEST_REASON].decode(errors="ignore")
        with suppress(WebSocketDisconnect, WebSocketDisconnected), anyio.move_on_after(FAREWELL_S):
            await self._socket.close(code, short)
