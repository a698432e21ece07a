from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.types import Message
from starlette.websockets import WebSocket

from myna.server.door import Door, Rules
from myna.server.keys import Keys
from myna.server.users import user_of

HERE = "http://127.0.0.1:8765"
SOCKET = "ws://127.0.0.1:8765/v1/realtime"
ELSEWHERE = "https://evil.example"
PAGE = ("/", "/manifest.webmanifest", "/assets/index-1234.js", "/icons/myna.svg", "/myna-ca.crt")


async def state(request: Request) -> JSONResponse:
    return JSONResponse({"trusted": request.state.trusted})


async def who(request: Request) -> JSONResponse:
    return JSONResponse(user_of(request))


async def talk(socket: WebSocket) -> None:
    await socket.accept("realtime" if "realtime" in socket.scope["subprotocols"] else None)
    await socket.send_json(socket.scope["subprotocols"])
    await socket.close()


async def say_who(socket: WebSocket) -> None:
    await socket.accept()
    await socket.send_json(user_of(socket))
    await socket.close()


ROUTES = [
    Route("/who", who),
    WebSocketRoute("/who", say_who),
    *(Route(path, state, methods=["GET", "POST"]) for path in ("/health", "/ready", "/llm", "/v1/models")),
    *(Route(path, state, methods=["GET", "POST"]) for path in PAGE),
    WebSocketRoute("/v1/realtime", talk),
    WebSocketRoute("/assets/socket", talk),
]


def door(rules: Rules) -> TestClient:
    return TestClient(Starlette(routes=ROUTES, middleware=[Middleware(Door, rules=rules)]), base_url=HERE)


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.json")


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def opened(client: TestClient, headers: dict[str, str] | None = None, protocols: list[str] | None = None) -> Any:
    """What a WebSocket's client is told first; None if it was not let in."""
    try:
        with client.websocket_connect(SOCKET, headers=dict(headers or {}), subprotocols=protocols) as socket:
            return socket.accepted_subprotocol, socket.receive_json()
    except WebSocketDenialResponse:
        return None


# ---------------------------------------------------------------------------------------------------------------- keys


def test_without_keys_programs_of_this_machine_need_none(keys: Keys) -> None:
    client = door(Rules(keys))
    assert client.get("/llm").json() == {"trusted": True}
    assert opened(client) == (None, [])


def test_as_soon_as_there_is_a_key_everyone_needs_one(keys: Keys) -> None:
    client = door(Rules(keys))
    _, secret = keys.create()
    assert client.get("/llm").status_code == 401
    assert opened(client) is None
    assert client.get("/llm", headers=bearer(secret)).json() == {"trusted": True}
    assert opened(client, bearer(secret)) == (None, [])


def test_a_revoked_key_opens_nothing_from_the_next_request_on(keys: Keys) -> None:
    keys.create("other")
    key, secret = keys.create()
    client = door(Rules(keys))
    assert client.get("/llm", headers=bearer(secret)).status_code == 200
    keys.revoke(key.id)
    assert client.get("/llm", headers=bearer(secret)).status_code == 401


def test_what_others_can_reach_stays_closed_when_the_last_key_is_revoked(keys: Keys) -> None:
    assert door(Rules(keys, reachable=True)).get("/llm").status_code == 401
    assert door(Rules(reachable=True)).get("/llm", headers=bearer("x")).status_code == 401


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        "Basic {secret}",
        "{secret}",
        "Bearer {secret}x",
        "Bearer é",
        "Bearer x {secret}",
    ],
)
def test_what_is_no_key_is_refused_with_the_same_words(keys: Keys, authorization: str) -> None:
    _, secret = keys.create()
    client = door(Rules(keys))
    given = authorization.format(secret=secret).encode()
    answer = client.get("/llm", headers=[(b"Authorization", given)])
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.content == client.get("/llm").content


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER  "])
def test_the_scheme_may_be_written_in_any_way(keys: Keys, scheme: str) -> None:
    _, secret = keys.create()
    assert door(Rules(keys)).get("/llm", headers={"Authorization": scheme + secret}).status_code == 200


def test_below_v1_the_refusal_has_openais_form(keys: Keys) -> None:
    keys.create()
    error = door(Rules(keys)).get("/v1/models").json()["error"]
    assert (error["code"], set(error)) == ("invalid_api_key", {"message", "type", "param", "code"})


def test_health_is_told_to_everyone_and_the_rest_only_to_who_has_a_key(keys: Keys) -> None:
    _, secret = keys.create()
    client = door(Rules(keys))
    for path in ("/health", "/ready"):
        assert client.get(path).json() == {"trusted": False}
        assert client.get(path, headers=bearer(secret)).json() == {"trusted": True}


@pytest.mark.parametrize("path", PAGE)
def test_the_files_of_the_page_are_read_without_a_key(keys: Keys, path: str) -> None:
    _, secret = keys.create()
    client = door(Rules(keys))
    assert client.get(path).json() == {"trusted": False}
    assert client.head(path).status_code == 200
    assert client.get(path, headers=bearer(secret)).json() == {"trusted": True}
    assert client.post(path).status_code == 401


@pytest.mark.parametrize("path", ["/docs", "/assets", "/assetsx", "/icons", "/index.html", "/api/assets/x"])
def test_what_is_no_file_of_the_page_needs_a_key_as_before(keys: Keys, path: str) -> None:
    keys.create()
    assert door(Rules(keys)).get(path).status_code == 401


def test_a_socket_is_no_file_of_the_page(keys: Keys) -> None:
    keys.create()
    with (
        pytest.raises(WebSocketDenialResponse),
        door(Rules(keys)).websocket_connect("ws://127.0.0.1:8765/assets/socket"),
    ):
        pass


def test_a_browser_opens_a_socket_with_a_key_among_the_subprotocols_and_it_is_not_handed_on(keys: Keys) -> None:
    _, secret = keys.create()
    client = door(Rules(keys))
    offered = ["realtime", f"openai-insecure-api-key.{secret}", "openai-beta.realtime-v1"]
    assert opened(client, protocols=offered) == ("realtime", ["realtime", "openai-beta.realtime-v1"])
    assert opened(client, protocols=["realtime", "openai-insecure-api-key.wrong"]) is None
    assert opened(client, protocols=["realtime", secret]) is None


def test_a_key_in_the_address_is_none(keys: Keys) -> None:
    _, secret = keys.create()
    assert door(Rules(keys)).get("/llm", params={"api_key": secret}).status_code == 401


def test_keys_that_cannot_be_read_open_nothing(keys: Keys, tmp_path: Path) -> None:
    _, secret = keys.create()
    (tmp_path / "keys.json").write_text("{")
    for path in ("/llm", "/"):
        answer = door(Rules(keys)).get(path, headers=bearer(secret))
        assert answer.status_code == 503
        assert str(tmp_path) not in answer.text


# --------------------------------------------------------------------------------------------------------------- users


def asked(client: TestClient, secret: str | None = None) -> set[Any]:
    """Who asks, as a request, and as a socket with the key in its header and in its subprotocols."""
    headers = bearer(secret) if secret else {}
    offered = [f"openai-insecure-api-key.{secret}"] if secret else []
    told = {client.get("/who", headers=headers).json()}
    for sent, protocols in ((headers, []), ({}, offered)):
        with client.websocket_connect("ws://127.0.0.1:8765/who", headers=sent, subprotocols=protocols) as socket:
            told.add(socket.receive_json())
    return told


def test_without_keys_everybody_is_the_owner(keys: Keys) -> None:
    assert asked(door(Rules(keys))) == asked(door(Rules())) == {"owner"}


def test_with_keys_each_says_whose_it_is(keys: Keys) -> None:
    client = door(Rules(keys))
    _, mine = keys.create("mine")
    robot, robots = keys.create("robot")
    _, phone = keys.create("phone", user="owner")
    assert asked(client, mine) == asked(client, phone) == {"owner"}
    assert asked(client, robots) == {robot.id}


# ------------------------------------------------------------------------------------------------------------- origins


@pytest.mark.parametrize(
    "origin", [ELSEWHERE, "null", "http://127.0.0.1:9999", "https://127.0.0.1:8765", "http://localhost:8765"]
)
def test_a_page_of_another_origin_can_neither_ask_nor_open_a_socket(keys: Keys, origin: str) -> None:
    client = door(Rules(keys))
    # What a page may send to anywhere without asking first.
    simple = {"Origin": origin, "Content-Type": "text/plain"}
    assert client.post("/llm", headers=simple, content='{"messages": []}').status_code == 403
    assert client.get("/health", headers={"Origin": origin}).status_code == 403
    assert client.get("/", headers={"Origin": origin}).status_code == 403
    assert opened(client, {"Origin": origin}) is None


def test_a_key_does_not_open_the_door_to_other_origins(keys: Keys) -> None:
    _, secret = keys.create()
    client = door(Rules(keys))
    assert client.post("/llm", headers=bearer(secret) | {"Origin": ELSEWHERE}).status_code == 403
    assert opened(client, {"Origin": ELSEWHERE}, [f"openai-insecure-api-key.{secret}"]) is None


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST:8765", "[::1]:8765", "myna.localhost"])
def test_its_own_pages_may_do_both(host: str) -> None:
    client = door(Rules())
    headers = {"Host": host, "Origin": f"http://{host.lower()}"}
    assert client.post("/llm", headers=headers).status_code == 200
    assert opened(client, headers) == (None, [])


def test_behind_tls_its_own_pages_are_those_of_https() -> None:
    client = TestClient(door(Rules()).app, base_url="https://127.0.0.1:8765")
    assert client.post("/llm", headers={"Origin": "https://127.0.0.1:8765"}).status_code == 200
    assert client.post("/llm", headers={"Origin": HERE}).status_code == 403


def test_an_origin_that_is_named_may_do_both() -> None:
    client = door(Rules(origins=frozenset({"https://app.example"})))
    for origin in ("https://app.example", "https://APP.example"):
        assert client.post("/llm", headers={"Origin": origin}).status_code == 200
        assert opened(client, {"Origin": origin}) == (None, [])
    for origin in ("https://app.example.evil", "http://app.example", "https://app.example:8443"):
        assert client.post("/llm", headers={"Origin": origin}).status_code == 403
        assert opened(client, {"Origin": origin}) is None


def test_a_socket_is_closed_where_the_server_cannot_answer_otherwise(keys: Keys) -> None:
    keys.create()
    sent: list[Message] = []

    async def ask() -> None:
        async def send(message: Message) -> None:
            sent.append(message)

        async def receive() -> Message:
            return {"type": "websocket.connect"}

        scope: dict[str, Any] = {
            "type": "websocket",
            "scheme": "ws",
            "path": "/v1/realtime",
            "headers": [],
            "subprotocols": [],
        }
        await Door(Starlette(routes=ROUTES), Rules(keys))(scope, receive, send)

    anyio.run(ask)
    assert [(message["type"], message["code"]) for message in sent] == [("websocket.close", 1008)]


# --------------------------------------------------------------------------------------------------------------- hosts


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8765",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
        ":8765",
        "a@127.0.0.1",
    ],
)
def test_a_name_that_was_made_to_point_here_is_refused(host: str) -> None:
    client = door(Rules())
    own = {"Host": host, "Origin": f"http://{host}"}
    assert client.post("/llm", headers=own).status_code == 403
    assert opened(client, own) is None
    assert client.get("/health", headers={"Host": host}).json() == {"trusted": False}
    assert client.get("/", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "LocalHost.:8765", "127.0.0.1", "[::1]:8765", "192.168.1.7:80"])
def test_addresses_and_localhost_are_known(host: str) -> None:
    assert door(Rules()).get("/llm", headers={"Host": host}).status_code == 200


def test_a_name_that_was_told_is_known() -> None:
    client = door(Rules(hosts=frozenset({"myna.example"})))
    assert client.get("/llm", headers={"Host": "Myna.example:443"}).status_code == 200
    assert client.get("/llm", headers={"Host": "sub.myna.example"}).status_code == 403


def test_who_has_a_key_may_use_any_name(keys: Keys) -> None:
    _, secret = keys.create()
    client = door(Rules(keys))
    assert client.get("/llm", headers={"Host": "robot.lan"} | bearer(secret)).status_code == 200
    assert client.get("/llm", headers={"Host": "robot.lan"}).status_code == 401
    assert client.get("/", headers={"Host": "robot.lan"}).status_code == 200
