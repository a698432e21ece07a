import asyncio
import functools
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.library.scripted import CALLED, Echo, call

import myna
from myna.core.errors import BadConfig, BadInput
from myna.server.certificates import FOLDER, PUBLIC
from myna.server.tls import client_context
from myna.testing.llm import ScriptedLLM


def _ask(url: str, model: str, text: str) -> str:
    body = {"model": model, "messages": [{"role": "user", "content": text}]}
    answer = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=30, trust_env=False)
    assert answer.status_code == 200, answer.text
    return answer.json()["choices"][0]["message"]["content"]


@myna.tool
def weather(city: str) -> str:
    """Tell the weather.

    Args:
        city: Where.
    """
    return f"22 degrees in {city}"


@pytest.fixture
def server() -> Iterator[myna.Server]:
    with myna.serve(myna.LLM(ScriptedLLM("[neutral] Good morning.")), port=0, block=False, voice=False) as server:
        yield server


def test_a_model_is_served_and_stopped(server: myna.Server) -> None:
    assert server.url.startswith("http://127.0.0.1:")
    assert _ask(server.url, "myna", "Hello") == "[neutral] Good morning."
    assert httpx.get(f"{server.url}/health", trust_env=False).json()["engines"]["llm"]["status"] == "ready"
    server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/health", trust_env=False)
    server.stop()
    server.wait()


def test_an_agent_answers_as_the_model_myna_and_as_the_default_persona_with_its_tools() -> None:
    engine = ScriptedLLM([call("weather", {"city": "Tokyo"}), CALLED], "It is 22 degrees.")
    agent = myna.Agent(engine, [weather], instructions="Tell the weather.")
    with myna.serve(agent, port=0, block=False, voice=False) as server:
        assert _ask(server.url, "myna", "Weather in Tokyo?") == "It is 22 degrees."
        assert "Tell the weather." in engine.calls[0].request.messages[0].content
        assert engine.calls[1].request.messages[-1].content == "22 degrees in Tokyo"
        answer = httpx.post(
            f"{server.url}/llm", json={"messages": [{"role": "user", "content": "And now?"}]}, trust_env=False
        )
        assert answer.json()["text"] == "It is 22 degrees."


def test_the_web_app_is_there_and_the_agent_is_whom_it_meets() -> None:
    with myna.serve(myna.Agent(Echo(), persona="wukong"), port=0, block=False, voice=False) as server:
        page = httpx.get(server.url, trust_env=False)
        assert page.headers["content-type"].startswith("text/html")
        assert page.headers["content-security-policy"].startswith("default-src 'none'")
        told = httpx.get(f"{server.url}/api/personas", trust_env=False).json()
        assert told["default"] == told["personas"][0]["id"] == "wukong"
        assert told["personas"][0]["greeting"]


def test_an_agent_that_speaks_as_the_configured_persona_takes_its_place_in_the_list() -> None:
    with myna.serve(myna.Agent(Echo(), instructions="Count."), port=0, block=False, voice=False) as server:
        told = httpx.get(f"{server.url}/api/personas", trust_env=False).json()
        ids = [persona["id"] for persona in told["personas"]]
        assert ids[0] == told["default"]
        assert len(ids) == len(set(ids))


def test_the_agent_can_be_asked_in_the_program_while_it_is_served() -> None:
    agent = myna.Agent(Echo())
    with myna.serve(agent, port=0, block=False, voice=False):
        assert agent("<mine>").startswith("mine-0")


def test_two_servers_run_beside_each_other() -> None:
    one = myna.serve(myna.LLM(ScriptedLLM("one")), port=0, block=False, voice=False)
    with one, myna.serve(myna.LLM(ScriptedLLM("two")), port=0, block=False, voice=False) as two:
        assert [_ask(server.url, "myna", "Hello") for server in (one, two)] == ["one", "two"]


def test_a_model_whose_weights_are_not_here_keeps_nobody_waiting_and_says_why_they_do_not_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = "http://127.0.0.1:1"
    monkeypatch.setenv("PIP_INDEX_URL", nowhere)
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    weights = {"hf_endpoint": nowhere, "modelscope_endpoint": nowhere}
    llm = myna.LLM("qwen2.5-coder-0.5b-instruct", settings={"home": str(tmp_path), "weights": weights})
    with myna.serve(llm, port=0, block=False, voice=False) as server:
        ask = functools.partial(httpx.get, trust_env=False)
        listed = ask(f"{server.url}/api/models").json()["models"]
        assert [each["name"] for each in listed if "llm" in each["used_by"]] == ["qwen2.5-coder-0.5b-instruct"]
        deadline = time.monotonic() + 60
        while (told := ask(f"{server.url}/health").json()["engines"]["llm"])["status"] != "failed":
            assert told["status"] == "fetching"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert told["code"] == "weights_missing"
        assert "could not be fetched" in told["problem"]


def test_waiting_ends_when_the_server_is_stopped_elsewhere(server: myna.Server) -> None:
    threading.Timer(0.2, server.stop).start()
    server.wait()


def test_a_port_that_is_taken_is_told_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(BadConfig, match="in use"):
            myna.serve(myna.LLM(ScriptedLLM()), port=taken.getsockname()[1], block=False, voice=False)


def test_what_others_can_reach_needs_a_key() -> None:
    llm = myna.LLM(ScriptedLLM())
    with pytest.raises(BadConfig, match="no API key"):
        myna.serve(llm, host="0.0.0.0", port=0, block=False, voice=False)


def test_https_is_spoken_where_the_settings_ask_for_it_and_stops_with_connections_open(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"home": str(tmp_path), "server": {"port": 0, "https": True}}
    llm = myna.LLM(ScriptedLLM("ok"), settings=settings)
    with myna.serve(llm, block=False, voice=False) as server:
        assert server.url.startswith("https://127.0.0.1:")
        trusted = client_context(tmp_path / "data" / FOLDER / PUBLIC)
        with httpx.Client(base_url=server.url, verify=trusted, trust_env=False) as client:
            assert client.get("/health").json()["engines"]["llm"]["status"] == "ready"
            server.stop()
            with pytest.raises(httpx.ConnectError):
                client.get("/health")


def test_a_certificate_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    server = {"port": 0, "https": True, "certificate": str(tmp_path / "none.pem")}
    with pytest.raises(BadConfig, match=r"none\.pem cannot be read"):
        myna.serve(myna.LLM(ScriptedLLM(), settings={"server": server}), block=False, voice=False)


def test_an_agent_brings_its_own_settings() -> None:
    settings: dict[str, Any] = {"server": {"port": 0}}
    with pytest.raises(BadInput, match="settings"):
        myna.serve(myna.LLM(ScriptedLLM()), settings=settings, block=False, voice=False)
    with myna.serve(myna.LLM(ScriptedLLM("ok"), settings=settings), block=False, voice=False) as server:
        assert _ask(server.url, "myna", "Hello") == "ok"


def test_it_is_served_from_within_a_running_loop_too() -> None:
    async def main() -> str:
        with myna.serve(myna.LLM(ScriptedLLM("ok")), port=0, block=False, voice=False) as server:
            async with httpx.AsyncClient(trust_env=False) as client:
                return str((await client.get(f"{server.url}/health")).json()["status"])

    assert asyncio.run(main()) == "ok"
