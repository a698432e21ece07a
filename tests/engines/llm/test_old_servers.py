"""Servers without chat completions: llama.cpp's own ``/completion``, with the conversation as one prompt."""

import math
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

import anyio
import pytest
from tests.engines.llm.loopback import CHAT, HELLO, Answer, Loopback, error, event, head, serving
from tests.engines.llm.test_openai import ASK, LLAMACPP, answer, free_port

from myna.core.errors import Busy, EngineRefused, EngineUnavailable, MynaError
from myna.core.tools import ToolCall, ToolSpec
from myna.engines.base import Finished, LLMMessage, LLMRequest, TextDelta, Usage
from myna.engines.llm.openai import OpenAILLM, OpenAIOptions, open_openai
from myna.engines.llm.tool_calling import tool_calling

pytestmark = pytest.mark.anyio

COMPLETION = "/completion"
LAST = {"stopped_eos": True, "stopped_limit": False, "tokens_evaluated": 9, "tokens_predicted": 1}
OLD_ANSWER: Answer = [
    head(),
    event({"content": "hel", "stop": False}),
    event({"content": "lo", "stop": False}),
    event({"content": "", "stop": True, **LAST, "timings": {"prompt_n": 9, "predicted_n": 1}}),
]
OLD_DELTAS = [TextDelta("hel"), TextDelta("lo"), Finished("stop", Usage(9, 1, 0))]
NOT_FOUND = error(404, {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}})
SETTINGS = {"n_ctx": 4096, "model": "/models/gemma-2-9b-it-Q4.gguf"}
OLDEST: Mapping[str, Answer] = {COMPLETION: OLD_ANSWER}
OLD: Mapping[str, Answer] = {COMPLETION: OLD_ANSWER, "/props": error(200, {"default_generation_settings": SETTINGS})}
TEMPLATE = "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}<end>{% endfor %}<assistant>"
TELLING: Mapping[str, Answer] = {
    COMPLETION: OLD_ANSWER,
    "/props": error(
        200,
        {
            "default_generation_settings": {"n_ctx": 4096},
            "chat_template": TEMPLATE,
            "bos_token": "<s>",
            "eos_token": "</s>",
            "model_path": "C:\\models\\Some.gguf",
        },
    ),
    "/tokenize": error(200, {"tokens": [1]}),
}


@asynccontextmanager
async def talking_to(answers: Mapping[str, Answer], **options: object) -> AsyncGenerator[tuple[OpenAILLM, Loopback]]:
    async with serving(answers) as server:
        given = OpenAIOptions.model_validate({"base_url": server.url, "timeout_s": 5, "retries": 0} | options)
        async with open_openai(given) as llm:
            yield llm, server


async def failure(llm: OpenAILLM) -> MynaError:
    with pytest.raises(MynaError) as raised:
        await answer(llm)
    return raised.value


async def test_the_oldest_servers_are_asked_in_the_format_of_the_models_family():
    async with talking_to(OLDEST, model="Llama-3-8B") as (llm, server):
        assert await answer(llm) == OLD_DELTAS
        asked = server.asked(COMPLETION)[0].body
    assert asked["prompt"].endswith("你好<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n")
    assert asked["stop"] == ["<|eot_id|>", "<|end_of_text|>"]
    assert asked["top_k"] == 3


async def test_old_servers_tell_the_name_of_the_file():
    async with talking_to(OLD) as (llm, server):
        assert (llm.info.model, llm.info.context_tokens) == ("gemma-2-9b-it-Q4.gguf", 4096)
        assert await answer(llm) == OLD_DELTAS
    assert server.asked(COMPLETION)[0].body["prompt"].startswith("<start_of_turn>user\n")


async def test_newer_ones_tell_the_template_and_a_beginning_that_they_set_themselves_is_left_out():
    for tokens, begins in ([1], "<user>"), ([], "<s><user>"):
        answers = {**TELLING, "/tokenize": error(200, {"tokens": tokens})}
        async with talking_to(answers) as (llm, server):
            assert llm.info.model == "Some.gguf"
            assert await answer(llm) == OLD_DELTAS
            assert llm.info.output_schema
        asked = server.asked(COMPLETION)[0].body
        assert asked["prompt"] == f"{begins}你好<end><assistant>"
        assert asked["stop"] == ["</s>", "<end>"]


async def test_which_route_works_is_remembered_for_all_conversations():
    async with talking_to(OLD) as (llm, server):
        for _ in range(3):
            assert await answer(llm) == OLD_DELTAS
    assert len(server.asked()) == 1
    assert len(server.asked(COMPLETION)) == 3
    assert len(server.asked("/props")) == 2  # when it was looked at, and for the template


async def test_a_server_that_was_replaced_is_looked_at_again():
    answers: dict[str, Answer] = {**OLD}
    async with talking_to(answers, model="m") as (llm, server):
        assert await answer(llm) == OLD_DELTAS
        answers.clear()
        answers.update({CHAT: HELLO, "/v1/models": LLAMACPP["/v1/models"]})  # a newer one, without the old route
        for _ in range(2):
            assert await answer(llm) == [TextDelta("hello"), Finished("stop")]
        assert len(server.asked(COMPLETION)) == 2
        assert llm.info.native_tools
        assert llm.info.context_tokens == 32768
        answers.clear()
        answers.update(OLD)
        assert await answer(llm) == OLD_DELTAS
        assert not llm.info.native_tools
        assert llm.info.context_tokens == 4096


async def test_a_model_that_was_found_is_looked_for_again_when_the_server_has_it_no_more():
    def listing(model: str) -> Answer:
        return error(200, {"data": [{"id": model, "max_model_len": 4096}]})

    answers: dict[str, Answer] = {CHAT: HELLO, "/v1/models": listing("first")}
    async with talking_to(answers) as (llm, server):
        await answer(llm)
        gone = {"error": {"message": "The model `first` does not exist.", "code": "model_not_found"}}
        answers.update({CHAT: error(404, gone), "/v1/models": listing("second")})
        assert isinstance(await failure(llm), EngineRefused)
        answers[CHAT] = HELLO
        await answer(llm)
        asked = server.asked()[-1].body
        assert asked is not None
        assert asked["model"] == llm.info.model == "second"


async def test_a_server_that_was_out_of_reach_may_be_another_one():
    port = free_port()
    async with open_openai(OpenAIOptions(base_url=f"http://127.0.0.1:{port}", retries=0)) as llm:
        async with serving(OLD, port):
            await answer(llm)
            assert not llm.info.native_tools
        assert isinstance(await failure(llm), EngineUnavailable)
        async with serving({COMPLETION: OLD_ANSWER, CHAT: HELLO, **LLAMACPP}, port) as newer:
            assert await answer(llm) == [TextDelta("hello"), Finished("stop")]
            assert newer.asked(COMPLETION) == []
            assert llm.info.model == "qwen"


async def test_a_server_that_has_neither_is_told_by_what_it_said_of_chat_completions():
    async with talking_to({CHAT: NOT_FOUND, COMPLETION: error(404, "no completion")}) as (llm, server):
        for _ in range(2):
            problem = await failure(llm)
            assert isinstance(problem, EngineRefused)
            assert "File Not Found" in problem.message
            assert "base_url" in problem.hint
    assert [request.path for request in server.requests if request.body and "tokenize" not in request.path] == [
        CHAT,
        COMPLETION,
    ] * 2


async def test_a_page_that_speaks_of_models_is_still_no_route():
    page = [head(404, "text/html"), b"<html>The model railway shop: page not found</html>"]
    async with talking_to({CHAT: page, COMPLETION: OLD_ANSWER}) as (llm, _):
        assert await answer(llm) == OLD_DELTAS


async def test_errors_of_the_old_route_are_told_as_any():
    async with talking_to({COMPLETION: error(429, {"error": "no slot"})}) as (llm, _):
        assert isinstance(await failure(llm), Busy)
    broken: Answer = [head(), event({"content": "a", "stop": False}), b'error: {"message": "it broke"}\n\n']
    async with talking_to({COMPLETION: broken}) as (llm, _):
        assert "it broke" in (await failure(llm)).message
    half: Answer = [head(), event({"content": "a", "stop": False}), b'data: {"content": "b", "st']
    async with talking_to({COMPLETION: half}) as (llm, _):
        assert "broke off" in (await failure(llm)).message


async def test_an_old_server_that_keeps_the_line_open_after_its_answer_is_not_waited_for():
    async with talking_to({COMPLETION: [*OLD_ANSWER, math.inf]}) as (llm, _):
        with anyio.fail_after(4):
            assert await answer(llm) == OLD_DELTAS


async def test_closing_the_stream_closes_the_connection():
    endless: Answer = [head(), event({"content": "a", "stop": False}), math.inf]
    async with talking_to({COMPLETION: endless}) as (llm, server):
        async with aclosing(llm.generate(ASK)) as deltas:
            assert await anext(deltas) == TextDelta("a")
        with anyio.fail_after(5):
            await server.left.wait()


async def test_tools_calls_and_results_are_told_in_the_prompt():
    tool = ToolSpec("sing", "Sings.", {"type": "object"})
    call = LLMMessage("assistant", "", tool_calls=(ToolCall("1", "sing", "{}"),))
    messages = (LLMMessage("user", "Sing!"), call, LLMMessage("tool", "la la", tool_call_id="1"))
    async with talking_to(TELLING) as (llm, server):
        assert not llm.info.native_tools  # known before anything is asked, since it lists no models
        async with aclosing(llm.generate(LLMRequest(messages, tools=(tool,)))) as deltas:
            assert [delta async for delta in deltas] == OLD_DELTAS
    prompt = server.asked(COMPLETION)[0].body["prompt"]
    for told in ('"name": "sing"', "<tool_call>", "<tool_response>\nla la"):
        assert told in prompt


async def test_a_call_that_an_old_server_writes_is_found():
    tool = ToolSpec("sing", "Sings.", {"type": "object", "properties": {}})
    words = 'La. <tool_call>{"name": "sing", "arguments": {}}</tool_call>'
    wrote: Answer = [head(), event({"content": words, "stop": False}), event({"content": "", "stop": True})]
    async with talking_to({**OLD, COMPLETION: wrote}) as (llm, _):
        asked = replace(ASK, tools=(tool,))
        async with aclosing(tool_calling(llm, "native").generate(asked)) as deltas:
            said = [delta async for delta in deltas]
    assert isinstance(said[-1], Finished)
    assert said[-1].reason == "tool_calls"
    assert not any("tool_call>" in delta.text for delta in said if isinstance(delta, TextDelta))


async def test_an_old_server_is_not_taken_to_keep_to_a_schema():
    async with talking_to(OLD) as (llm, _):
        await answer(llm)
        assert not llm.info.output_schema


async def test_an_old_server_is_alive_by_its_health():
    for health, alive in ((error(200, {"status": "ok"}), True), (error(503, {"status": "loading model"}), False)):
        async with talking_to({**OLD, "/health": health}) as (llm, _):
            await answer(llm)
            assert await llm.is_alive(2) is alive


async def test_nobody_reads_ahead_for_an_old_server():
    async with talking_to({**OLD, **LLAMACPP}) as (llm, server):
        await answer(llm)
        sent = len(server.requests)
        await llm.read_ahead(ASK.messages)
        assert len(server.requests) == sent
