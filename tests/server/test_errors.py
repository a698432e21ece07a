"""Every error has the form of its path: OpenAI's under /v1, ours elsewhere."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from tests.server.serving import serving

from myna.core.errors import BadInput, EngineTimeout, MynaError, PromptTooLong
from myna.engines.base import LLMDelta, LLMRequest
from myna.server.errors import error_told, problem_of
from myna.testing.llm import ScriptedLLM
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

CHAT = "/v1/chat/completions"
JSON = {"Content-Type": "application/json"}


class BrokenLLM:
    """Has a fault of its own."""

    info = ScriptedLLM().info
    count_tokens = ScriptedLLM().count_tokens

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        raise RuntimeError(f"confused by {request.messages[-1].content}")
        yield  # pragma: no cover - makes it a generator


def told(answer: httpx.Response) -> dict[str, Any]:
    """The error, whose form is that of the path."""
    body = answer.json()
    assert set(body) == {"error"}
    form = {"message", "type", "param", "code"} if answer.url.path.startswith("/v1/") else {"code", "message", "hint"}
    assert set(body["error"]) == form
    return body["error"]


@pytest.mark.parametrize("path", [CHAT, "/llm"])
@pytest.mark.parametrize("body", [
    b"", b"{", b"\xff", b'{"a": NaN}', b'"\\ud800"', b"[" * 10_000, b"9" * 10_000, b"[]", b"null", b"5", b'"text"',
    b'{"messages": {}}', b'{"messages": [[]]}', b'{"messages": "hi"}',
])  # fmt: skip
async def test_a_body_that_cannot_be_used_is_the_clients_fault(weights: Weights, path: str, body: bytes) -> None:
    async with serving(ScriptedLLM("yes"), weights) as client:
        answer = await client.post(path, content=body, headers=JSON)
    assert answer.status_code in {400, 422}
    assert told(answer)["message"]


@pytest.mark.parametrize("path", [CHAT, "/llm"])
async def test_a_lone_surrogate_is_refused_wherever_it_stands(weights: Weights, path: str) -> None:
    body = {"model": "myna", "messages": [{"role": "user", "content": "hi"}], "extra": {"deep": ["\ud800"]}}
    async with serving(ScriptedLLM("yes"), weights) as client:
        answer = await client.post(path, content=json.dumps(body), headers=JSON)
    assert (answer.status_code, told(answer)["code"]) == (400, "bad_json")


@pytest.mark.parametrize("path", [CHAT, "/llm"])
async def test_a_nul_is_text(weights: Weights, path: str) -> None:
    body = {"model": "myna", "messages": [{"role": "user", "content": "a\0b"}]}
    llm = ScriptedLLM("[Calm] yes")
    async with serving(llm, weights) as client:
        answer = await client.post(path, json=body)
    assert answer.status_code == 200
    assert llm.calls[0].request.messages[-1].content == "a\0b"


@pytest.mark.parametrize("path", [CHAT, "/llm"])
async def test_json_must_be_declared(weights: Weights, path: str) -> None:
    async with serving(ScriptedLLM("yes"), weights) as client:
        answer = await client.post(path, content=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 400
    assert "Content-Type: application/json" in str(told(answer))


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/models/nobody", "/nothing"])
async def test_what_is_not_there_is_a_404(weights: Weights, path: str) -> None:
    async with serving(ScriptedLLM("yes"), weights) as client:
        answer = await client.get(path)
    assert answer.status_code == 404
    assert told(answer)["code"] in {"unknown_url", "model_not_found"}


@pytest.mark.parametrize("path", [CHAT, "/llm"])
async def test_another_method_is_a_405_that_says_which_there_is(weights: Weights, path: str) -> None:
    async with serving(ScriptedLLM("yes"), weights) as client:
        answer = await client.get(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert told(answer)["code"] == "method_not_allowed"


@pytest.mark.parametrize("path", [CHAT, "/llm"])
async def test_an_engine_s_own_fault_tells_nothing_of_the_request(weights: Weights, path: str) -> None:
    body = {"model": "myna", "messages": [{"role": "user", "content": "my secret"}]}
    async with serving(BrokenLLM(), weights) as client:
        answer = await client.post(path, json=body)
    assert answer.status_code == 503
    assert told(answer)["code"] == "engine_unavailable"
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", [CHAT, "/llm"])
async def test_only_the_first_line_of_many_problems_fits(weights: Weights, path: str) -> None:
    body = {"model": "myna", "messages": [{"role": "wizard"}] * 2000}
    async with serving(ScriptedLLM("yes"), weights) as client:
        answer = await client.post(path, json=body)
    assert answer.status_code in {400, 422}
    assert len(answer.content) < 2000


@pytest.mark.parametrize(("path", "body", "param"), [
    ("embeddings", {"input": 5}, "input"),
    ("embeddings", {}, "input"),
    ("audio/speech", {"input": "hi", "voice": 5}, "voice"),
    ("audio/speech", {"input": "hi", "voice": {}}, "voice"),
    ("chat/completions", {"model": "myna", "messages": [{"role": "user", "content": "hi"}], "stop": [5]}, "stop[0]"),
    ("chat/completions", {"model": "myna", "messages": [{"content": "hi"}]}, "messages[0].role"),
])  # fmt: skip
async def test_a_field_is_named_and_not_what_was_tried(weights: Weights, path: str, body: Any, param: str) -> None:
    async with serving(ScriptedLLM("yes"), weights) as client:
        answer = await client.post(f"/v1/{path}", json=body)
    assert (answer.status_code, told(answer)["param"]) == (400, param)


async def test_of_a_body_that_is_missing_that_is_said(weights: Weights) -> None:
    async with serving(ScriptedLLM("yes"), weights) as client:
        answer = await client.post(CHAT, content=b"", headers=JSON)
    assert told(answer)["message"].startswith("Missing required parameter: the body.")


@pytest.mark.parametrize("error", [PromptTooLong("too long", hint="shorten it"), EngineTimeout("late"), BadInput("no")])
def test_an_error_that_a_session_told_is_the_error_that_it_was(error: MynaError) -> None:
    again = error_told(error.code, error.message, error.hint)
    assert type(again) is type(error)
    assert problem_of(again) == problem_of(error)
