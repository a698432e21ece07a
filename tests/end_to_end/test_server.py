import json
import socket
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.end_to_end.processes import Home, Server

pytestmark = pytest.mark.models


def ask(server: Server, *messages: tuple[str, str], **more: object) -> httpx.Response:
    body = {"messages": [{"role": role, "content": content} for role, content in messages], **more}
    return httpx.post(f"{server.url}/llm", json=body, timeout=60)


def test_llm_answers_in_words_without_tags(server: Server) -> None:
    answer = ask(server, ("user", "What is the capital of France?"), temperature=0)
    assert answer.status_code == 200
    assert set(answer.json()) == {"text", "model", "cached"}
    assert "Paris" in answer.json()["text"]
    assert "[" not in answer.json()["text"]
    assert answer.json()["model"].startswith("qwen2.5-coder-0.5b-instruct")
    assert answer.json()["cached"] is False


def test_a_conversation_with_a_session_id_is_remembered(server: Server) -> None:
    ask(server, ("user", "My name is Bartholomew."), session_id="names", temperature=0)
    answer = ask(server, ("user", "What is my name? Say only the name."), session_id="names", temperature=0)
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
    }


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ("no json", 400, "no JSON"),
        ("[]", 422, "body"),
        ("{}", 422, "messages"),
        ('{"messages": []}', 422, "messages"),
        ('{"messages": [{"role": "robot", "content": "hi"}]}', 422, "messages.0.role"),
        ('{"messages": [{"role": "user"}]}', 422, "messages.0.content"),
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
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "http")


def test_ctrl_c_ends_the_server_and_its_children_also_while_models_load(start: Callable[[], Server]) -> None:
    server = start()
    server.wait(lambda: len(server.family()) > 1)
    family = server.family()
    assert httpx.get(f"{server.url}/ready").status_code == 503
    server.stop()
    assert [pid for pid in family if Path(f"/proc/{pid}").exists()] == []


def test_ctrl_c_ends_the_server_and_its_children(start: Callable[[], Server]) -> None:
    server = start()
    server.wait_ready()
    family = server.family()
    assert len(family) > 1
    server.stop()
    assert [pid for pid in family if Path(f"/proc/{pid}").exists()] == []


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


def test_an_address_that_others_reach_is_refused(home: Home) -> None:
    ended = home.run("serve", "--host", "0.0.0.0")
    assert ended.returncode == 2
    assert "no API keys" in ended.stderr
