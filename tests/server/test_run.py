import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest
from tests.server.serving import serving

from myna.core.errors import StoreUnusable
from myna.server.app import create_app
from myna.server.run import bind, serve
from myna.server.service import Service
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


@pytest.mark.anyio
async def test_why_it_does_not_start_is_told_in_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    @asynccontextmanager
    async def damaged() -> AsyncGenerator[Service]:
        raise StoreUnusable("The database is damaged.", hint="Move it away.")
        yield

    async def announce() -> None:
        raise AssertionError("it is not up")

    with pytest.raises(StoreUnusable, match="Move it away"):
        await serve(create_app(damaged), bind("127.0.0.1", 0), announce)
    assert "The database is damaged. Move it away." in caplog.messages
    assert "Traceback" not in caplog.text
