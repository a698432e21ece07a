import json
import os
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.end_to_end.processes import Home, Server

pytestmark = pytest.mark.models


def ask(server: Server, *messages: tuple[str, str], **more: object) -> httpx.Response:
    body = {"messages": [{"role": role, "content": content} for role, content in messages], **more}
    return httpx.post(f"{server.url}/llm", json=body, timeout=300)


def test_llm_answers_in_words_without_tags(server: Server) -> None:
    answer = ask(server, ("user", "What is the capital of France?"), temperature=0)
    assert answer.status_code == 200
    assert set(answer.json()) == {"text", "model", "cached"}
    assert "Paris" in answer.json()["text"]
    assert "[" not in answer.json()["text"]
    assert answer.json()["model"].startswith("qwen2.5-coder-0.5b-instruct")
    assert answer.json()["cached"] is False


def test_a_conversation_with_a_session_id_is_remembered(server: Server) -> None:
    talk = {"session_id": "names", "private": True, "temperature": 0}  # others tell this server other names
    ask(server, ("user", "My name is Bartholomew."), **talk)
    answer = ask(server, ("user", "What is my name? Say only the name."), **talk)
    assert "Bartholomew" in answer.json()["text"]


def test_max_tokens_bounds_the_reply(server: Server) -> None:
    short = ask(server, ("user", "Count from one to fifty."), temperature=0, max_tokens=8).json()["text"]
    assert 0 < len(short) < 60


def test_health_names_the_engines_and_their_states(server: Server) -> None:
    health = httpx.get(f"{server.url}/health").json()
    assert health["status"] == "ok"
    assert {kind: engine["status"] for kind, engine in health["engines"].items()} == {
        "llm": "ready",
        "asr": "ready",
        "tts": "ready",
        "vad": "ready",
        "turn": "ready",
        "embed": "ready",
    }


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ("no json", 400, "no JSON"),
        ("[]", 422, "body"),
        ("{}", 422, "messages"),
        ('{"messages": []}', 422, "messages"),
        ('{"messages": [{"role": "robot", "content": "hi"}]}', 422, "messages[0].role"),
        ('{"messages": [{"role": "user"}]}', 422, "messages[0].content"),
        ('{"messages": [{"role": "assistant", "content": "hi"}]}', 422, "End with a message of role user"),
        ('{"messages": [{"role": "user", "content": " "}]}', 422, "End with a message of role user"),
        ('{"messages": [{"role": "user", "content": "hi"}], "temperature": 9}', 422, "temperature"),
        ('{"messages": [{"role": "user", "content": "hi"}], "max_tokens": 0}', 422, "max_tokens"),
    ],
)
def test_a_bad_body_is_told_what_is_wrong_with_it(server: Server, body: str, status: int, told: str) -> None:
    answer = httpx.post(f"{server.url}/llm", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert told in json.dumps(answer.json())


def test_an_unknown_path_is_a_404_in_the_same_form(server: Server) -> None:
    answer = httpx.get(f"{server.url}/nothing")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_url")


def test_ctrl_c_ends_the_server_and_its_children_also_while_models_load(start: Callable[..., Server]) -> None:
    server = start()
    server.wait(lambda: len(server.family()) > 1)
    family = server.family()
    assert httpx.get(f"{server.url}/ready").status_code == 503
    server.stop()
    assert [pid for pid in family if Path(f"/proc/{pid}").exists()] == []


def test_ctrl_c_ends_the_server_and_its_children(start: Callable[..., Server]) -> None:
    server = start()
    server.wait_ready()
    family = server.family()
    assert len(family) > 1
    server.stop()
    assert [pid for pid in family if Path(f"/proc/{pid}").exists()] == []


def test_two_servers_share_a_home_and_a_killed_llm_costs_one_of_them_one_reply(
    start: Callable[..., Server], server: Server
) -> None:
    other = start()
    other.wait_ready()
    (llm,) = [pid for pid in other.family() if b"llamacpp_child" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    body = {"model": "myna", "messages": [{"role": "user", "content": "Count from one to five hundred."}]}
    with httpx.stream(
        "POST", f"{other.url}/v1/chat/completions", json=body | {"stream": True, "max_tokens": 512}, timeout=300
    ) as answer:
        events = answer.iter_lines()
        next(events)
        os.kill(llm, signal.SIGKILL)
        *_, last = [line for line in events if line]
    assert "started again" in json.loads(last.removeprefix("data:"))["error"]["message"]
    for each in (other, server):
        assert ask(each, ("user", "Hello!")).status_code == 200
    assert other.stop() == 0


def test_the_processes_together_stay_below_3_gb(server: Server) -> None:
    rollups = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in server.family()]
    pss_kib = [int(line.split()[1]) for rollup in rollups for line in rollup.splitlines() if line.startswith("Pss:")]
    assert sum(pss_kib) < 3e9 / 1024


def test_a_port_in_use_is_told_with_a_way_out(home: Home) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = home.run("serve", "--port", str(port))
    assert ended.returncode == 2
    assert f"Port {port} on 127.0.0.1 is in use" in ended.stderr
    assert "--port" in ended.stderr


def test_an_address_that_others_reach_is_refused_without_a_key(home: Home) -> None:
    ended = home.run("serve", "--host", "0.0.0.0")
    assert ended.returncode == 2
    assert "no API key" in ended.stderr
    assert "myna key create" in ended.stderr


@pytest.fixture
def key(home: Home) -> Iterator[str]:
    yield home.run("key", "create", "--name", "test").stdout.strip()
    home.run("key", "revoke", "test")


def test_with_a_key_others_may_reach_it_and_need_the_key(start: Callable[..., Server], key: str) -> None:
    server = start("--host", "0.0.0.0")
    url = server.url.replace("0.0.0.0", "127.0.0.1")
    assert httpx.get(f"{url}/health").status_code == 200
    assert httpx.get(f"{url}/v1/models").status_code == 401
    models = httpx.get(f"{url}/v1/models", headers={"Authorization": f"Bearer {key}"})
    assert models.status_code == 200
    server.stop()
    assert key not in server.log.read_text()


def test_with_https_a_phone_is_told_what_to_do(start: Callable[..., Server], home: Home, key: str) -> None:
    server = start("--https", "--host", "0.0.0.0", "--set", "log.format=pretty")
    server.wait(lambda: "The page asks for a key" in server.log.read_text())
    url = server.url.replace("0.0.0.0", "127.0.0.1")
    trusted = ssl.create_default_context(cafile=home.folder / "data" / "tls" / "myna-ca.crt")
    with httpx.Client(base_url=url, verify=trusted, headers={"Authorization": f"Bearer {key}"}) as client:
        assert client.get("/v1/models").status_code == 200
    assert "/myna-ca.crt there, and install" in server.log.read_text()
    assert server.stop() == 0


def test_a_running_server_notices_a_key_and_its_revocation(server: Server, home: Home) -> None:
    assert httpx.get(f"{server.url}/v1/models").status_code == 200
    created = home.run("key", "create", "--name", "later")
    headers = {"Authorization": f"Bearer {created.stdout.strip()}"}
    try:
        assert httpx.get(f"{server.url}/v1/models").status_code == 401
        assert httpx.get(f"{server.url}/v1/models", headers=headers).status_code == 200
    finally:
        home.run("key", "revoke", "later")
    assert httpx.get(f"{server.url}/v1/models").status_code == 200


def test_the_log_is_json_lines_with_a_line_a_request_and_a_turn(server: Server) -> None:
    answer = ask(server, ("user", "My secret word is marmalade."), temperature=0)
    request_id = answer.headers["x-request-id"]

    def told() -> list[dict[str, object]]:
        return [json.loads(line) for line in server.log.read_text().splitlines()]

    server.wait(
        lambda: [line["event"] for line in told() if line.get("request_id") == request_id] == ["turn", "request"]
    )
    assert {"listening", "ready"} <= {line["event"] for line in told()}
    assert "marmalade" not in server.log.read_text()
