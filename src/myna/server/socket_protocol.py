"""The end of a WebSocket's connection, whatever its client does or does not.

uvicorn closes a connection when all that was written to it has been sent, which a client that does not read puts off
for ever; and it closes on a client that still sends, whose system then throws away what was not read yet: the close
code with its reason. So each end here lingers, for `LINGER_S` at most, and then the connection is cut.
"""

import socket
from asyncio.transports import BaseTransport
from typing import Any

from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LINGER_S = 1.5
"""How long a client may take to read the close code, and to stop sending."""

SEND_BUFFER = 64 * 1024
"""What the system holds for a client, in bytes; Linux doubles it. Some 2 s of audio: more of it would be stale."""


class SocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's protocol, with ends that are bounded."""

    sends = False

    def connection_made(self, transport: BaseTransport) -> None:
        """A client has connected."""
        super().connection_made(transport)
        self.close_timeout = LINGER_S
        line: socket.socket = transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)

    def handle_parser_exception(self) -> None:
        """What came breaks the protocol, or is too long: tell the client, and let it finish sending."""
        if self.close_sent:
            return
        assert self.conn.close_sent is not None  # noqa: S101 - so it is whenever the protocol has failed
        code, reason = self.conn.close_sent.code, self.conn.close_sent.reason
        self.queue.put_nowait({"type": "websocket.disconnect", "code": code, "reason": reason})
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        self.stop_keepalive()
        if self.read_paused:
            self.read_paused = False
            self.transport.resume_reading()
        self.close_timer = self.loop.call_later(self.close_timeout, self.transport.abort)

    def data_received(self, data: bytes) -> None:
        """Something came."""
        self.sends = True
        super().data_received(data)

    def send_keepalive_ping(self) -> None:
        """Ask the client whether it lives."""
        self.sends = False
        super().send_keepalive_ping()

    def keepalive_timeout(self) -> None:
        """The client does not answer. Its system may be gone, and then nothing that was written ever leaves.

        Who sends lives: its answer is behind what it has sent. And so may be that of a client which is not read, since
        it sends audio faster than it can be heard; asked again, it is found out if its system knows nothing of it.
        """
        if self.sends or self.read_paused:
            self.pong_timer = None
            self.send_keepalive_ping()
            return
        super().keepalive_timeout()
        self.transport.abort()

    async def run_asgi(self) -> None:
        """Have the app talk, then see that the connection ends."""
        await super().run_asgi()
        self.loop.call_later(self.close_timeout, self.transport.abort)

    async def send(self, message: Any) -> None:  # noqa: ANN401 - what ASGI has is uvicorn's own to type
        """What the app says; raises `ClientDisconnected` once this side has closed."""
        if self.close_sent:
            raise ClientDisconnected
        await super().send(message)
