from typing import Any

import anyio
import openai
import pytest
from openai.types.chat import ChatCompletionChunk
from tests.server.openai.chatting import HELLO, WEATHER, ask, client_of, refused, streamed, text

from myna.config.settings import SessionSettings, Settings
from myna.core.errors import Busy, EngineRefused, EngineTimeout, EngineUnavailable, MynaError, PromptTooLong
from myna.testing.llm import HANG, ScriptedLLM
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio


BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "wizard", "content": "hi"}]}, "messages[0].role"),
    ({"messages": [*HELLO, {"role": "user"}]}, "messages[1].content"),
    ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
     "messages[0].content"),
    ({"messages": [{"role": "tool", "content": "22"}]}, "messages[0].tool_call_id"),
    ({"messages": [{"role": "user", "content": "hi", "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}]}, "messages[0].tool_calls"),
    ({"messages": [{"role": "assistant", "tool_calls": [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": 5}}]}]},
     "messages[0].tool_calls[0].function.arguments"),
    ({"temperature": 2.1}, "temperature"),
    ({"temperature": 10**400}, "temperature"),
    ({"temperature": "hot"}, "temperature"),
    ({"top_p": -0.1}, "top_p"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_tokens": 10**30}, "max_tokens"),
    ({"seed": 1 << 63}, "seed"),
    ({"seed": True}, "seed"),
    ({"n": 0}, "n"),
    ({"n": 1000}, "n"),
    ({"stop": ""}, "stop[0]"),
    ({"stop": ["x"] * 100}, "stop"),
    ({"presence_penalty": 3}, "presence_penalty"),
    ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools[0].type"),
    ({"tools": [{"type": "function", "function": {"name": "two words"}}]}, "tools[0].function.name"),
    ({"tools": [WEATHER, WEATHER]}, "tools"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "other"}}}, "tool_choice"),
    ({"tools": [WEATHER], "tool_choice": "maybe"}, "tool_choice"),
    ({"response_format": {"type": "xml"}}, "response_format.type"),
    ({"response_format": {"type": "json_object"}}, "response_format"),  # the scripted LLM cannot do it
    ({"logprobs": True}, "logprobs"),
    ({"logit_bias": {"5": 1}}, "logit_bias"),
    ({"modalities": ["text", "audio"]}, "modalities"),
    ({"functions": [{"name": "f"}]}, "functions"),
]  # fmt: skip


@pytest.mark.parametrize(("more", "param"), BAD_FIELDS)
async def test_a_bad_field_is_named_as_openai_does(weights: Weights, more: Any, param: str) -> None:
    llm = ScriptedLLM("yes")
    async with client_of(llm, weights) as client:
        problem = await refused(client, **more)
    assert isinstance(problem, openai.BadRequestError)
    assert (problem.param, problem.type) == (param, "invalid_request_error")
    assert problem.code
    assert llm.calls == []


async def test_harmless_parameters_are_taken(weights: Weights) -> None:
    harmless: dict[str, Any] = {
        "user": "ann", "store": True, "metadata": {"a": "b"}, "service_tier": "auto",
        "logprobs": False, "logit_bias": {}, "modalities": ["text"], "safety_identifier": "x", "verbosity": "low",
        "response_format": {"type": "text"}, "extra_body": {"of the future": [1]}, "stop": None, "n": None,
    }  # fmt: skip
    async with client_of(ScriptedLLM("yes"), weights) as client:
        assert (await ask(client, **harmless)).choices[0].message.content == "yes"


@pytest.mark.parametrize(("error", "status", "code"), [
    (EngineUnavailable("gone"), 503, "engine_unavailable"),
    (EngineTimeout("late"), 504, "engine_timeout"),
    (EngineRefused("no"), 502, "engine_refused"),
    (Busy("full"), 503, "busy"),
    (PromptTooLong("The prompt is too long."), 400, "context_length_exceeded"),
])  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_before_the_first_piece_has_its_status(
    weights: Weights, error: MynaError, status: int, code: str, stream: bool
) -> None:
    async with client_of(ScriptedLLM([error]), weights) as client:
        problem = await refused(client, stream=stream)
    assert (problem.status_code, problem.code) == (status, code)
    assert error.message in problem.message
    assert (problem.response.headers.get("x-should-retry") == "false") == (status in {502, 504})


async def test_an_error_in_the_middle_of_a_stream_is_raised_by_the_client(weights: Weights) -> None:
    got: list[ChatCompletionChunk] = []
    async with client_of(ScriptedLLM(["one ", EngineUnavailable("The LLM has gone.")]), weights) as client:
        chunks = await ask(client, stream=True)

        async def read() -> None:
            async for chunk in chunks:
                got.append(chunk)  # noqa: PERF401 - what came before the error counts

        with pytest.raises(openai.APIError, match="The LLM has gone") as caught:
            await read()
    assert text(got) == "one "
    assert caught.value.code == "engine_unavailable"


async def test_an_llm_that_stalls_is_given_up(weights: Weights) -> None:
    settings = Settings(session=SessionSettings(first_token_timeout_s=0.2, idle_timeout_s=0.2))
    llm = ScriptedLLM([HANG], ["one", HANG])
    async with client_of(llm, weights, settings) as client:
        problem = await refused(client)
        with pytest.raises(openai.APIError, match=r"did not answer within 0\.2 s"):
            await streamed(client)
    assert (problem.status_code, problem.code) == (504, "engine_timeout")
    assert [call.ended for call in llm.calls] == ["closed", "closed"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("script", [[HANG], ["one", HANG]])
async def test_when_the_client_leaves_the_generation_stops(weights: Weights, script: Any, stream: bool) -> None:
    llm = ScriptedLLM(script)
    async with client_of(llm, weights) as client:
        with pytest.raises(openai.APITimeoutError):
            async for _ in await ask(client.with_options(timeout=0.3), stream=stream):
                pass
        with anyio.fail_after(10):
            while not (llm.calls and llm.calls[0].ended):
                await anyio.sleep(0.01)
    assert llm.calls[0].ended == "closed"
