import pytest
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect

from myna.server.line import Line

pytestmark = pytest.mark.anyio


class Gone:
    """A client that has closed its tab."""

    async def receive(self) -> Message:
        return {"type": "websocket.connect"}

    async def send(self, message: Message) -> None:
        if message["type"] != "websocket.accept":
            raise OSError("Broken pipe")


async def test_a_client_that_has_gone_is_told_to_have_gone_each_time_it_is_written_to() -> None:
    gone = Gone()
    line = Line(WebSocket({"type": "websocket", "subprotocols": []}, gone.receive, gone.send), unread_s=1.0)
    await line.accept()
    for _ in range(2):
        with pytest.raises(WebSocketDisconnect):
            await line.tell([{"type": "session.created"}])
    await line.leave({"type": "error"}, 1011, "over")
    await line.close(1000)
