from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from myna.server.run import bind, serve
from myna.server.sizes import Limits, SizeLimit

pytestmark = pytest.mark.anyio

SMALL = Limits(upload=5000, body=1000, message=100, uploads=("/v1/audio/transcriptions",))


async def length(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


async def early(request: Request) -> PlainTextResponse:
    """Answers without reading the body."""
    return PlainTextResponse("early")


async def sizes(connection: WebSocket) -> None:
    await connection.accept()
    while (message := await connection.receive())["type"] == "websocket.receive":
        await connection.send_json(len(message.get("text") or message.get("bytes") or ""))
    connection.app.state.ended = message["code"]
    await connection.close()  # too late, and no harm


def app(limits: Limits) -> Starlette:
    paths = ("/llm", "/v1/chat/completions", "/v1/audio/transcriptions")
    routes = [
        *(Route(path, length, methods=["POST"]) for path in paths),
        Route("/early", early, methods=["POST"]),
        WebSocketRoute("/ws", sizes),
    ]
    return Starlette(routes=routes, middleware=[Middleware(SizeLimit, limits=limits)])


@asynccontextmanager
async def serving(limits: Limits) -> AsyncGenerator[str]:
    """The address of a real server with that app."""
    listener = bind("127.0.0.1", 0)
    up = anyio.Event()

    async def announce() -> None:
        up.set()

    served = FastAPI()
    served.state.limits = limits
    served.mount("/", app(limits))
    async with anyio.create_task_group() as group:
        group.start_soon(serve, served, listener, announce)
        await up.wait()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        group.cancel_scope.cancel()


async def pieces(total: int, size: int = 300) -> AsyncIterator[bytes]:
    """A body without a declared length."""
    for begin in range(0, total, size):
        yield bytes(min(size, total - begin))


@pytest.mark.parametrize(("path", "limit"), [("/llm", 1000), ("/v1/audio/transcriptions", 5000)])
async def test_a_body_may_be_as_long_as_its_limit_and_no_longer(path: str, limit: int) -> None:
    async with serving(SMALL) as url, httpx.AsyncClient(base_url=url) as client:
        for body in (bytes(limit), pieces(limit)):
            assert (await client.post(path, content=body)).text == str(limit)
        for body in (bytes(limit + 1), pieces(limit + 1), pieces(limit * 50)):
            assert (await client.post(path, content=body)).status_code == 413
        assert (await client.post(path, content=b"x")).text == "1"


async def test_a_client_that_sends_far_too_much_still_gets_the_answer() -> None:
    async with serving(SMALL) as url, httpx.AsyncClient(base_url=url) as client:
        for body in (bytes(20_000_000), pieces(20_000_000, 100_000)):
            answer = await client.post("/v1/chat/completions", content=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


async def test_below_v1_the_answer_has_openais_form() -> None:
    async with serving(SMALL) as url, httpx.AsyncClient(base_url=url) as client:
        error = (await client.post("/v1/chat/completions", content=bytes(2000))).json()["error"]
        assert set(error) == {"message", "type", "param", "code"}
        error = (await client.post("/llm", content=bytes(2000))).json()["error"]
        assert set(error) == {"code", "message", "hint"}


@pytest.mark.parametrize("sent", [b"", b"0123"])
@pytest.mark.parametrize("limits", [Limits(idle_s=0.05), Limits(whole_s=0.05)])
async def test_a_body_that_never_comes_is_not_waited_for(limits: Limits, sent: bytes) -> None:
    async with serving(limits) as url:
        host, port = url.removeprefix("http://").split(":")
        async with await anyio.connect_tcp(host, int(port)) as stream:
            await stream.send(b"POST /llm HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n" + sent)
            answer = b""
            with anyio.fail_after(10):
                while b"too_slow" not in answer:
                    answer += await stream.receive()
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_an_answer_that_needs_no_body_is_not_kept_back() -> None:
    async with serving(SMALL) as url, httpx.AsyncClient(base_url=url) as client:
        assert (await client.post("/early", content=bytes(10))).text == "early"


# ------------------------------------------------------------------------------------------------------------- sockets


def test_a_message_may_be_as_long_as_its_limit_and_no_longer() -> None:
    served = app(SMALL)
    with TestClient(served).websocket_connect("/ws") as socket_:
        socket_.send_bytes(bytes(100))
        assert socket_.receive_json() == 100
        socket_.send_text("x" * 100)
        assert socket_.receive_json() == 100
        socket_.send_bytes(bytes(101))
        with pytest.raises(WebSocketDisconnect) as closed:
            socket_.receive_json()
    assert closed.value.code == 1009
    assert served.state.ended == 1009


def test_the_length_of_text_is_that_of_its_bytes() -> None:
    with TestClient(app(SMALL)).websocket_connect("/ws") as socket_:
        socket_.send_text("好" * 34)
        with pytest.raises(WebSocketDisconnect) as closed:
            socket_.receive_json()
    assert closed.value.code == 1009
