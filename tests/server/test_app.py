import logging
from pathlib import Path

import pytest
from openai import AsyncOpenAI, AuthenticationError
from tests.server.serving import serving

from myna.core.errors import BadConfig, EngineTimeout
from myna.server.door import Rules
from myna.server.keys import Keys
from myna.server.run import bind, check_reach
from myna.testing.llm import ScriptedLLM
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

PAGE = "https://app.example"
ASKED = {"messages": [{"role": "user", "content": "I am ill."}]}


def failing() -> ScriptedLLM:
    return ScriptedLLM([EngineTimeout("The LLM at /home/me/model.gguf did not answer.")])


async def test_with_a_key_everything_but_health_needs_it(weights: Weights, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    _, secret = keys.create()
    async with serving(ScriptedLLM("[Calm] Yes."), weights, rules=Rules(keys)) as client:
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/ready")).status_code == 200
        for method, path in (("POST", "/llm"), ("GET", "/v1/models"), ("GET", "/docs"), ("GET", "/openapi.json")):
            assert (await client.request(method, path)).status_code == 401
        answer = await client.post("/llm", json=ASKED, headers={"Authorization": f"Bearer {secret}"})
        assert answer.json()["text"] == "Yes."


@pytest.mark.parametrize("path", ["/health", "/ready"])
async def test_monitors_may_ask_with_head(weights: Weights, path: str) -> None:
    async with serving(ScriptedLLM(), weights) as client:
        answer = await client.head(path)
    assert (answer.status_code, answer.content) == (200, b"")


async def test_openais_sdk_understands_the_refusal_and_sends_the_key(weights: Weights, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    _, secret = keys.create()
    async with serving(ScriptedLLM(), weights, rules=Rules(keys)) as client:
        url = f"{client.base_url}/v1"
        async with AsyncOpenAI(base_url=url, api_key=secret, max_retries=0) as sdk:
            assert [model.id async for model in sdk.models.list()]
        async with AsyncOpenAI(base_url=url, api_key="sk-wrong", max_retries=0) as sdk:
            with pytest.raises(AuthenticationError) as refused:
                await sdk.models.list()
    assert refused.value.code == "invalid_api_key"
    assert (refused.value.request_id or "").startswith("req_")


async def test_without_origins_nothing_is_told_to_pages_elsewhere(weights: Weights) -> None:
    async with serving(ScriptedLLM(), weights) as client:
        asks_first = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
        for answer in (
            await client.options("/llm", headers=asks_first),
            await client.post("/llm", headers={"Origin": PAGE, "Content-Type": "text/plain"}, content="{}"),
            await client.get("/v1/models", headers={"Origin": PAGE}),
        ):
            assert answer.status_code == 403
            assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_an_origin_that_is_named_is_answered_as_browsers_ask(weights: Weights, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    keys.create()
    rules = Rules(keys, origins=frozenset({PAGE}))
    async with serving(ScriptedLLM(), weights, rules=rules) as client:
        asks_first = {
            "Origin": PAGE,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type",
        }
        allowed = (await client.options("/v1/chat/completions", headers=asks_first)).headers
        assert allowed["access-control-allow-origin"] == PAGE
        assert "authorization" in allowed["access-control-allow-headers"]
        refused = await client.post("/v1/chat/completions", headers={"Origin": PAGE}, json={})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, PAGE)
        elsewhere = {**asks_first, "Origin": "https://evil.example"}
        assert "access-control-allow-origin" not in (await client.options("/llm", headers=elsewhere)).headers


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
async def test_json_that_is_not_declared_as_such_is_not_read(weights: Weights, content_type: str) -> None:
    async with serving(ScriptedLLM("[Calm] Yes."), weights) as client:
        body = b'{"messages": [{"role": "user", "content": "hello"}]}'
        answer = await client.post("/llm", content=body, headers={"Content-Type": content_type})
    assert answer.status_code in {400, 415, 422}


async def test_a_turn_is_one_line_without_what_was_said(weights: Weights, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "myna")
    async with serving(ScriptedLLM("[Calm] Get well soon."), weights) as client:
        await client.post("/llm", json=ASKED)
    (turn,) = (record.__dict__ for record in caplog.records if record.name == "myna.session.turn")
    assert (turn["msg"], turn["outcome"], turn["levelname"]) == ("turn", "completed", "INFO")
    assert turn["prompt_tokens"] > turn["completion_tokens"] > 0
    assert {"first_token", "reply", "turn"} <= set(turn["stages_ms"])
    told = str([record.__dict__ for record in caplog.records])
    assert "I am ill" not in told
    assert "Get well" not in told


async def test_a_turn_that_failed_says_how_by_its_code(weights: Weights, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "myna")
    async with serving(failing(), weights) as client:
        await client.post("/llm", json=ASKED)
    (turn,) = (record.__dict__ for record in caplog.records if record.name == "myna.session.turn")
    assert (turn["outcome"], turn["problems"]) == ("failed", ["engine_timeout"])
    assert "/home/me" not in str(turn)


async def test_at_debug_what_was_said_is_content(weights: Weights, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "myna")
    async with serving(ScriptedLLM("[Calm] Get well soon."), weights) as client:
        await client.post("/llm", json=ASKED)
    said = [record.__dict__["content"] for record in caplog.records if record.msg == "said"]
    assert said == [{"user": "I am ill.", "assistant": "Get well soon."}]


# ---------------------------------------------------------------------------------------------------------------- bind


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_what_others_can_reach_needs_a_key(host: str) -> None:
    with pytest.raises(BadConfig, match="no API key") as error:
        bind(host, 0)
    assert "myna key create" in error.value.hint
    check_reach(host, guarded=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1.2.3"])
def test_loopback_needs_none(host: str) -> None:
    bind(host, 0).close()


def test_with_a_key_every_address_will_do() -> None:
    with bind("0.0.0.0", 0, guarded=True) as listener:
        assert listener.getsockname()[0] == "0.0.0.0"


@pytest.mark.parametrize("host", ["no such host", "", "a..b"])
def test_what_is_no_address_is_told(host: str) -> None:
    with pytest.raises(BadConfig):
        check_reach(host, guarded=False)
