import logging
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.types import Message
from starlette.websockets import WebSocket

from myna.core.context import ids
from myna.server.request_log import RequestLog

Lines = Callable[[], list[logging.LogRecord]]


async def fine(request: Request) -> PlainTextResponse:
    return PlainTextResponse(ids()["request_id"])


async def broken(request: Request) -> PlainTextResponse:
    raise ZeroDivisionError


async def talk(connection: WebSocket) -> None:
    await connection.accept()
    await connection.close(1013)


async def listen(connection: WebSocket) -> None:
    await connection.accept()
    while (await connection.receive())["type"] != "websocket.disconnect":
        pass


APP = RequestLog(
    Starlette(
        routes=[
            Route("/fine", fine),
            Route("/broken", broken),
            Route("/health", fine),
            Route("/ready", broken),
            WebSocketRoute("/ws", talk),
            WebSocketRoute("/ear", listen),
        ]
    ),
)


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Lines:
    """The lines so far."""
    caplog.set_level(logging.INFO, "myna.server.request_log")
    return lambda: [record for record in caplog.records if record.name == "myna.server.request_log"]


def fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in ("method", "path", "status")}


def test_a_request_is_one_line_and_its_id_goes_out(told: Lines) -> None:
    answer = TestClient(APP).get("/fine")
    assert answer.headers["x-request-id"] == answer.text
    assert answer.text.startswith("req_")
    (line,) = told()
    assert fields(line) == {"method": "GET", "path": "/fine", "status": 200}
    assert line.__dict__["duration_ms"] >= 0


def test_every_request_has_an_id_of_its_own() -> None:
    client = TestClient(APP)
    assert len({client.get("/fine", headers={"x-request-id": "mine"}).text for _ in range(20)}) == 20


def test_what_is_asked_for_stays_out_but_the_path(told: Lines) -> None:
    TestClient(APP).get("/nothing%0a%1b[31m", params={"api_key": "hunter22"})
    (line,) = told()
    assert line.__dict__["status"] == 404
    assert "hunter22" not in str(line.__dict__)
    assert line.__dict__["path"].isprintable()


def test_a_path_without_end_is_cut(told: Lines) -> None:
    TestClient(APP).get("/" + "x" * 5000)
    assert len(told()[0].__dict__["path"]) == 200


def test_a_fault_is_a_500_with_its_id(told: Lines) -> None:
    answer = TestClient(APP, raise_server_exceptions=False).get("/broken")
    assert answer.status_code == 500
    assert answer.headers["x-request-id"].startswith("req_")
    assert fields(told()[0]) == {"method": "GET", "path": "/broken", "status": 500}


def test_a_socket_is_one_line_when_it_has_ended(told: Lines) -> None:
    with TestClient(APP).websocket_connect("/ws"):
        pass
    assert [fields(line) for line in told()] == [{"method": "WEBSOCKET", "path": "/ws", "status": 101}]


def test_the_line_of_a_socket_says_with_which_code_either_side_closed_it(told: Lines) -> None:
    with TestClient(APP).websocket_connect("/ws"):
        pass
    with TestClient(APP).websocket_connect("/ear") as socket:
        socket.close(4000)
    assert [line.__dict__["closed"] for line in told()] == [1013, 4000]
    TestClient(APP).get("/fine")
    assert "closed" not in told()[-1].__dict__


def test_who_left_before_the_answer_is_a_499(told: Lines) -> None:
    async def never(scope: Any, receive: Any, send: Any) -> None:
        await receive()

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        raise AssertionError(message)

    anyio.run(RequestLog(never), {"type": "http", "method": "GET", "path": "/fine"}, receive, send)
    assert told()[0].__dict__["status"] == 499


def test_a_probe_is_a_line_only_when_it_finds_something(told: Lines, caplog: pytest.LogCaptureFixture) -> None:
    client = TestClient(APP, raise_server_exceptions=False)
    client.get("/health")
    client.get("/ready")
    (line,) = told()
    assert fields(line) == {"method": "GET", "path": "/ready", "status": 500}
    caplog.set_level(logging.DEBUG, "myna.server.request_log")
    client.get("/health")
    assert fields(told()[-1])["path"] == "/health"
