"""A server whose LLM is a chain: what it answers, what `/health` tells, and what happens when a real server dies."""

import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.engines.llm.loopback import CHAT, DONE, head, piece
from tests.engines.llm.loopback import serving as llm_server
from tests.server.serving import choice, serving_engines

from myna.core.errors import EngineRefused, EngineUnavailable, PromptTooLong
from myna.engines.base import LLMInfo
from myna.engines.held import Choice
from myna.engines.llm.endpoint import EndpointPlugin
from myna.engines.llm.openai import OpenAIOptions
from myna.server.door import Rules
from myna.server.keys import Keys
from myna.testing.llm import ScriptedLLM, Step
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

ASKED = {"messages": [{"role": "user", "content": "Hello."}]}
GONE = EngineUnavailable("The LLM server at http://10.0.0.5:8080 is out of reach.", hint="Start it.")


def chained(first: Choice, *others: Choice) -> Choice:
    return replace(first, fallbacks=others)


class Named(ScriptedLLM):
    """One whose model has the name of its engine, as a model."""

    def __init__(self, name: str, *replies: str | Sequence[Step]) -> None:
        super().__init__(*replies)
        self.model = f"model-of-{name}"

    @property
    def info(self) -> LLMInfo:
        return LLMInfo(self.model, None, native_tools=True, output_schema=False)


def scripted(name: str, *replies: str | Sequence[Step]) -> Choice:
    return replace(choice(Named(name, *replies)), name=name)


@asynccontextmanager
async def serving(weights: Weights, llm: Choice, rules: Rules | None = None) -> AsyncGenerator[httpx.AsyncClient]:
    async with serving_engines(weights, {"llm": llm}, rules=rules) as clients:
        yield clients.http


async def health(client: httpx.AsyncClient) -> dict[str, Any]:
    return (await client.get("/health")).json()["engines"]["llm"]


async def test_health_tells_of_each_engine(weights: Weights) -> None:
    async with serving(weights, chained(scripted("cloud", [GONE]), scripted("box", "[Calm] Yes."))) as client:
        assert await health(client) == {
            "engine": "cloud",
            "status": "ready",
            "answers": "cloud",
            "members": [
                {"engine": "cloud", "status": "ready", "breaker": "closed", "failovers": 0},
                {"engine": "box", "status": "ready", "breaker": "closed", "failovers": 0},
            ],
        }
        answer = (await client.post("/llm", json=ASKED)).json()
        assert (answer["text"], answer["model"]) == ("Yes.", "model-of-box")
        told = await health(client)
        assert told["answers"] == "box"
        assert told["members"][0] == {
            "engine": "cloud",
            "status": "ready",
            "breaker": "open",
            "failovers": 1,
            "code": "engine_unavailable",
            "problem": str(GONE),
        }
        assert (await client.get("/ready")).status_code == 200


async def test_a_stranger_learns_no_addresses(weights: Weights, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    _, secret = keys.create()
    llm = chained(scripted("cloud", [GONE]), scripted("box", "[Calm] Yes."))
    async with serving(weights, llm, Rules(keys)) as client:
        await client.post("/llm", json=ASKED, headers={"Authorization": f"Bearer {secret}"})
        told = (await health(client))["members"][0]
    assert (told["code"], "problem" in told) == ("engine_unavailable", False)


async def test_the_answer_names_the_model_that_gave_it_though_the_first_may_answer_next_time(weights: Weights) -> None:
    llm = chained(scripted("cloud", [PromptTooLong("Too long.")]), scripted("box", "[Calm] Yes."))
    async with serving(weights, llm) as client:
        assert (await client.post("/llm", json=ASKED)).json()["model"] == "model-of-box"
        assert (await health(client))["answers"] == "cloud"


async def test_a_single_engine_is_told_as_ever(weights: Weights) -> None:
    async with serving(weights, scripted("cloud", "Yes.")) as client:
        assert await health(client) == {"engine": "cloud", "status": "ready"}


async def test_chat_completions_show_the_answer_alone(weights: Weights) -> None:
    llm = chained(scripted("a", [EngineRefused("No.")]), scripted("b", "Yes."))
    async with serving(weights, llm) as client:
        for stream in (False, True):
            answer = await client.post("/v1/chat/completions", json={**ASKED, "model": "myna", "stream": stream})
            assert answer.status_code == 200
            assert "Yes." in answer.text
            assert "No." not in answer.text


async def test_when_all_fail_the_answer_says_what_each_said(weights: Weights) -> None:
    llm = chained(scripted("a", [GONE]), scripted("b", [EngineRefused("It has no such model.")]))
    async with serving(weights, llm) as client:
        answer = await client.post("/llm", json=ASKED)
    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "engine_unavailable"
    assert "b: It has no such model." in answer.json()["error"]["message"]


def endpoint(name: str, url: str) -> Choice:
    return Choice(name, EndpointPlugin(name), OpenAIOptions(base_url=url, timeout_s=5, retries=0))


async def said(client: httpx.AsyncClient) -> str:
    return (await client.post("/llm", json=ASKED)).json()["text"]


async def test_where_a_real_server_dies_the_next_one_answers(weights: Weights) -> None:
    answer = [head(), piece(content="[Calm] From the server."), piece("stop"), DONE]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    llm = chained(endpoint("box", f"http://127.0.0.1:{port}"), scripted("embedded", "[Calm] From here."))
    async with serving(weights, llm) as client:
        async with llm_server({CHAT: answer}, port):
            assert await said(client) == "From the server."
        assert [await said(client), await said(client)] == ["From here.", "From here."]
        told = await health(client)
    assert (told["answers"], [each["breaker"] for each in told["members"]]) == ("embedded", ["open", "closed"])
    assert "out of reach" in told["members"][0]["problem"]
    assert "base_url in [endpoints.box] to where it is" in told["members"][0]["problem"]
