import asyncio
import socket

import anyio
import pytest
from tests.server.serving import serving

from myna.server.run import bind
from myna.testing.llm import ScriptedLLM
from myna.weights.locate import Weights


@pytest.mark.anyio
async def test_a_header_without_an_end_is_refused_in_plain_text(weights: Weights) -> None:
    async with serving(ScriptedLLM(), weights) as client:
        assert client.base_url.port
        async with await anyio.connect_tcp("127.0.0.1", client.base_url.port) as stream:
            await stream.send(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: " + b"a" * 17 * 1024)
            with anyio.fail_after(10):
                answer = await stream.receive()
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert head.startswith(b"http/1.1 400 ")
    assert b"content-type: text/plain" in head


@pytest.mark.anyio
async def test_small_messages_leave_at_once() -> None:
    async def delayed(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line: socket.socket = writer.get_extra_info("socket")
        writer.write(bytes([line.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)]))
        writer.close()

    listener = bind("127.0.0.1", 0)
    async with (
        await asyncio.start_server(delayed, sock=listener),
        await anyio.connect_tcp("127.0.0.1", listener.getsockname()[1]) as stream,
    ):
        assert await stream.receive() != b"\0"
