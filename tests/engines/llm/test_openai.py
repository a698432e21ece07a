import gzip
import json
import math
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import pytest
from pydantic import SecretStr, ValidationError
from tests.engines.llm.loopback import CHAT, DONE, HELLO, Answer, InTurn, Loopback, error, event, head, piece, serving

from myna.core.errors import (
    BadInput,
    Busy,
    EngineRefused,
    EngineTimeout,
    EngineUnavailable,
    MynaError,
    RequestRefused,
)
from myna.core.tools import ToolSpec
from myna.engines.base import Finished, LLMDelta, LLMInfo, LLMMessage, LLMRequest, Sampling, TextDelta, Usage
from myna.engines.llm import openai
from myna.engines.llm.openai import OpenAILLM, OpenAIOptions, open_openai
from myna.engines.llm.token_estimate import estimate_tokens

pytestmark = pytest.mark.anyio

BAD = b"\xff" * 40
KEY = "sk-very-secret-0123456789"
ASK = LLMRequest((LLMMessage("user", "你好"),), Sampling(top_k=3))
LLAMACPP: Mapping[str, Answer] = {
    "/v1/models": error(
        200, {"data": [{"id": "qwen", "owned_by": "llamacpp", "meta": {"n_ctx_train": 32768, "n_vocab": 1}}]}
    ),
    "/props": error(
        200, {"default_generation_settings": {"n_ctx": 8192}, "chat_template_caps": {"supports_tools": False}}
    ),
}


@asynccontextmanager
async def talking_to(answers: Mapping[str, Answer], **options: object) -> AsyncGenerator[tuple[OpenAILLM, Loopback]]:
    async with serving(answers) as server:
        given = OpenAIOptions.model_validate(
            {"base_url": server.url, "model": "m", "timeout_s": 5, "retries": 0} | options
        )
        async with open_openai(given) as llm:
            yield llm, server


async def test_a_llama_server_reads_ahead_once_into_the_slot_that_it_chooses() -> None:
    tool = ToolSpec("sing", "Sings.", {"type": "object"})
    for everywhere in (False, True):
        async with talking_to({CHAT: HELLO, **LLAMACPP}) as (llm, server):
            await llm.read_ahead(ASK.messages, tools=[tool], everywhere=everywhere)
            (asked,) = server.asked()
        assert asked.body["max_tokens"] == 1
        assert asked.body["cache_prompt"]
        assert asked.body["messages"][0]["content"] == "你好"
        assert asked.body["tools"][0]["function"]["name"] == "sing"
        assert "id_slot" not in asked.body


async def test_nobody_else_is_asked_to_read_ahead() -> None:
    async with talking_to({CHAT: HELLO}) as (llm, server):
        await llm.read_ahead(ASK.messages)
        assert server.asked() == []


async def test_a_server_that_does_not_read_ahead_is_no_failure() -> None:
    async with talking_to({CHAT: error(503, {"error": "no room"}), **LLAMACPP}) as (llm, server):
        await llm.read_ahead(ASK.messages)
        assert len(server.asked()) == 1
    await llm.read_ahead(ASK.messages)  # nor one that is closed


async def answer(llm: OpenAILLM, request: LLMRequest = ASK) -> list[LLMDelta]:
    with anyio.fail_after(20):
        async with aclosing(llm.generate(request)) as deltas:
            return [delta async for delta in deltas]


async def failure(chat: Answer, **options: object) -> MynaError:
    async with talking_to({CHAT: chat}, **options) as (llm, _):
        with pytest.raises(MynaError) as raised:
            await answer(llm)
    return raised.value


# ----------------------------------------------------------------------------------------------------------- asking


@pytest.mark.parametrize(
    ("suffix", "path"),
    [
        ("", CHAT),
        ("/", CHAT),
        ("/v1", CHAT),
        ("/v1/", CHAT),
        ("/proxy", "/proxy/v1/chat/completions"),
        ("/api/paas/v4", "/api/paas/v4/chat/completions"),
    ],
)
async def test_the_base_url_may_or_may_not_end_in_a_version(suffix: str, path: str):
    async with serving({path: HELLO}) as server:
        async with open_openai(OpenAIOptions(base_url=server.url + suffix)) as llm:
            assert await answer(llm) == [TextDelta("hello"), Finished("stop")]
        assert len(server.asked(path)) == 1


async def test_the_key_and_the_model_are_sent():
    async with talking_to({CHAT: HELLO}, api_key=f" {KEY}\n") as (llm, server):
        await answer(llm)
    request = server.asked()[0]
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body["model"] == "m"
    assert "top_k" not in request.body


async def test_a_llama_server_says_what_it_is_and_is_asked_for_progress():
    async with talking_to({CHAT: HELLO, **LLAMACPP}, model=None) as (llm, server):
        assert llm.info == LLMInfo("qwen", 8192, native_tools=False, output_schema=True)
        await answer(llm)
    assert server.asked()[0].body["return_progress"] is True
    assert server.asked()[0].body["top_k"] == 3


async def test_only_a_llama_server_is_told_that_its_connection_is_not_used_again():
    for answers, connection in (({CHAT: HELLO, **LLAMACPP}, "close"), ({CHAT: HELLO}, "keep-alive")):
        async with talking_to(answers) as (llm, server):
            await answer(llm)
        assert server.asked()[0].headers["connection"] == connection


async def test_vllm_says_how_long_its_context_is():
    models = {"data": [{"id": "a", "owned_by": "vllm", "max_model_len": 4096}, {"id": "b"}]}
    async with talking_to({"/v1/models": error(200, models)}, model="a") as (llm, _):
        assert llm.info.context_tokens == 4096


async def test_what_the_options_say_of_the_context_holds():
    async with talking_to(LLAMACPP, context_tokens=1000) as (llm, _):
        assert llm.info.context_tokens == 1000


async def test_of_several_models_none_is_chosen_by_chance():
    models = {"data": [{"id": "a"}, {"id": "b"}]}
    async with talking_to({"/v1/models": error(200, models), CHAT: HELLO}, model=None) as (llm, server):
        await answer(llm)
    assert "model" not in server.asked()[0].body


async def test_a_server_may_be_started_after_the_engine():
    port = free_port()
    async with open_openai(OpenAIOptions(base_url=f"http://127.0.0.1:{port}", retries=0)) as llm:
        assert llm.info == LLMInfo("unknown", None, native_tools=True, output_schema=True)
        with pytest.raises(EngineUnavailable):
            await answer(llm)
        async with serving({CHAT: HELLO, **LLAMACPP}, port):
            await answer(llm)
        assert llm.info.model == "qwen"


async def test_a_server_that_is_silent_does_not_hold_up_the_opening(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(openai, "PROBE_S", 0.1)
    with anyio.fail_after(3):
        async with talking_to({"/v1/models": [math.inf]}) as (llm, _):
            assert llm.info.context_tokens is None


# -------------------------------------------------------------------------------------------------------- answering


async def test_characters_cut_by_the_network_are_put_together():
    stream = b"".join([piece(content="你好\u2028世界"), piece("stop"), DONE])
    answers: dict[str, Answer] = {}
    async with talking_to(answers) as (llm, _):
        for at in range(len(stream)):
            answers[CHAT] = [head(), stream[:at], 0.001, stream[at:]]
            assert await answer(llm) == [TextDelta("你好\u2028世界"), Finished("stop")]


@pytest.mark.parametrize(
    "ending",
    [[piece("stop"), DONE], [piece("stop")], [piece("stop").rstrip()], [DONE.rstrip()], [piece("stop"), DONE, 60]],
)
async def test_a_reply_ends_with_its_reason_or_with_done(ending: Answer):
    async with talking_to({CHAT: [head(), piece(content="a"), *ending]}) as (llm, _):
        assert await answer(llm) == [TextDelta("a"), Finished("stop")]


async def test_a_server_that_keeps_the_line_open_behind_a_whole_answer_is_not_waited_for():
    usage = event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 4}})
    answer = [head(), piece(content="hello"), piece("stop"), 0.05, usage, math.inf]
    async with talking_to({CHAT: answer}, timeout_s=600) as (llm, server):
        with anyio.fail_after(20):
            async with aclosing(llm.generate(ASK)) as deltas:
                told = [delta async for delta in deltas]
            await server.left.wait()
    assert told == [TextDelta("hello"), Finished("stop", Usage(9, 4))]


@pytest.mark.parametrize("ending", [[piece("stop")], [piece("stop"), DONE]], ids=["reason", "done"])
async def test_that_the_line_breaks_behind_a_whole_answer_is_of_no_matter(ending: Answer):
    async with talking_to({CHAT: [head(Content_Length="1000"), piece(content="a"), *ending]}) as (llm, _):
        assert await answer(llm) == [TextDelta("a"), Finished("stop")]


async def test_a_server_that_does_not_stream_is_understood():
    body = {"choices": [{"message": {"content": "hello"}, "finish_reason": "length"}]}
    async with talking_to({CHAT: error(200, body)}) as (llm, _):
        assert await answer(llm) == [TextDelta("hello"), Finished("length")]


async def test_a_body_that_never_ends_is_a_timeout():
    for status in (200, 500):
        answers = {CHAT: [head(status, "application/json"), *[b"{", 0.2] * 20]}
        async with talking_to(answers, timeout_s=0.5) as (llm, _):
            with pytest.raises(EngineTimeout):
                await answer(llm)


async def test_a_stream_by_another_content_type_is_understood():
    async with talking_to({CHAT: [head(content_type="text/plain"), *HELLO[1:]]}) as (llm, _):
        assert await answer(llm) == [TextDelta("hello"), Finished("stop")]


async def test_closing_the_stream_closes_the_connection():
    async with talking_to({CHAT: [head(), piece(content="a"), math.inf]}) as (llm, server):
        async with aclosing(llm.generate(ASK)) as deltas:
            assert await anext(deltas) == TextDelta("a")
        with anyio.fail_after(5):
            await server.left.wait()


@pytest.mark.parametrize("before", [[], [head()], [head(), piece(content="a")]])
async def test_cancelling_the_reader_closes_the_connection(before: Answer):
    async with talking_to({CHAT: [*before, math.inf]}) as (llm, server):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(answer, llm)
            with anyio.fail_after(5):
                while not server.asked():
                    await anyio.sleep(0.01)
            await anyio.sleep(0.05)
            tasks.cancel_scope.cancel()
        with anyio.fail_after(5):
            await server.left.wait()


# ---------------------------------------------------------------------------------------------------------- failing


async def test_nobody_there():
    nowhere = f"http://user:{KEY}@127.0.0.1:{free_port()}/v1"
    async with open_openai(OpenAIOptions(base_url=nowhere, retries=0)) as llm:
        with pytest.raises(EngineUnavailable) as raised:
            await answer(llm)
    assert "http://127.0.0.1:" in raised.value.message
    assert "base_url" in raised.value.hint
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    "chat",
    [
        pytest.param([math.inf], id="before the headers"),
        pytest.param([head(), math.inf], id="before the first piece"),
        pytest.param([head(), piece(content="a"), math.inf], id="in the middle"),
        pytest.param([head(), piece(content="a"), *[b": ping\n\n", 0.05] * 60], id="but for comments"),
        pytest.param([head(content_type="application/json"), b"{", math.inf], id="in one answer"),
        pytest.param([head(500), math.inf], id="in an error"),
    ],
)
async def test_silence_is_a_timeout(chat: Answer):
    problem = await failure(chat, timeout_s=0.3)
    assert isinstance(problem, EngineTimeout)
    assert "0.3 s" in problem.message


@pytest.mark.parametrize(
    "chat",
    [
        pytest.param([], id="before the headers"),
        pytest.param([head()], id="after the headers"),
        pytest.param([head(204)], id="with status 204"),
        pytest.param([head()[:-10]], id="in the headers"),
        pytest.param([head(), piece(content="a")], id="after a piece"),
        pytest.param([head(), piece(content="a")[:-9]], id="in a piece"),
        pytest.param([head(Content_Length="1000"), piece(content="a")], id="short of its length"),
        pytest.param([head(Content_Encoding="gzip"), gzip.compress(piece(content="a"))[:20]], id="in gzip"),
    ],
)
async def test_an_answer_that_breaks_off_is_told_as_such(chat: Answer):
    problem = await failure(chat)
    assert isinstance(problem, EngineUnavailable)
    assert "broke off" in problem.message


async def test_an_answer_that_breaks_off_after_text_keeps_the_text():
    async with talking_to({CHAT: [head(), piece(content="a")]}) as (llm, _), aclosing(llm.generate(ASK)) as deltas:
        assert await anext(deltas) == TextDelta("a")
        with pytest.raises(EngineUnavailable, match="broke off"):
            await anext(deltas)


@pytest.mark.parametrize(
    "chat",
    [
        pytest.param([head(content_type="text/html"), b"<html>\n<h1>Log in</h1>\n\n</html>"], id="a web page"),
        pytest.param([head(), event(b"{not json}")], id="no JSON"),
        pytest.param([head(), b"data: \xff\xfe\n\n"], id="no text"),
        pytest.param([head(), b"data: " + b"x" * (2 << 20)], id="no end"),
        pytest.param([head(content_type="application/json"), b"[1, 2]"], id="other JSON"),
        pytest.param([head(content_type="application/json"), b"[" * (9 << 20)], id="endless JSON"),
        pytest.param([head(Content_Encoding="gzip"), b"not gzip"], id="no gzip"),
        pytest.param([head(Content_Encoding="gzip"), gzip.compress(b"data: {}")[:10], BAD], id="bad gzip"),
        pytest.param([head(), event({"id": "1", "object": "chat.completion.chunk"})], id="a chunk without choices"),
    ],
)
async def test_something_else_than_an_answer_is_refused(chat: Answer):
    problem = await failure(chat)
    assert isinstance(problem, EngineRefused)
    assert "no chat completion" in problem.message
    assert "base_url" in problem.hint
    assert len(str(problem)) < 600


@pytest.mark.parametrize(
    ("status", "kind", "word"),
    [
        (302, EngineRefused, "302"),
        (400, RequestRefused, "400"),
        (401, EngineRefused, "api_key"),
        (403, EngineRefused, "api_key"),
        (404, EngineRefused, "base_url"),
        (429, Busy, "no place"),
        (500, EngineRefused, "500"),
        (502, EngineUnavailable, "not ready"),
        (503, EngineUnavailable, "not ready"),
    ],
)
@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": f"it is\n so; {KEY} was given", "code": 1}},
        {"error": f"it is so; {KEY} was given"},
        {"detail": f"it is so; {KEY} was given"},
        f"it is so; {KEY} was given",
    ],
)
async def test_an_error_status_says_what_the_server_said_without_the_key(
    status: int, kind: type[MynaError], word: str, body: object
):
    problem = await failure(error(status, body), api_key=KEY)
    assert type(problem) is kind
    assert "it is so; *** was given" in problem.message
    assert word in str(problem)


@pytest.mark.parametrize("header", [{"api_key": KEY}, {"headers": {"X-Key": KEY}}, {"headers": {"Auth": f"Key {KEY}"}}])
async def test_no_secret_that_is_sent_stands_in_a_message(header: Mapping[str, object]):
    problem = await failure(error(500, {"error": f"{KEY} is wrong"}), **header)
    assert "*** is wrong" in problem.message


async def test_without_a_key_the_error_says_that_one_is_wanted():
    assert "wants an API key" in (await failure(error(401, {"error": "no"}))).message
    assert "refused the API key" in (await failure(error(401, {"error": "no"}), api_key=KEY)).message


@pytest.mark.parametrize(
    "said",
    [
        {"error": {"message": "The model `m` does not exist.", "code": "model_not_found"}},  # OpenAI
        {"object": "error", "message": "The model `m` does not exist.", "type": "NotFoundError", "code": 404},  # vLLM
        {"error": {"message": 'model "m" not found, try pulling it first', "type": "api_error"}},  # Ollama
        {"error": {"message": "模型不存在"}},
    ],
)
async def test_a_model_that_is_not_there_is_told_with_those_that_are(said: object):
    answers = {CHAT: error(404, said), "/v1/models": error(200, {"data": [{"id": "a"}, {"id": "b"}]})}
    async with talking_to(answers) as (llm, server):
        with pytest.raises(EngineRefused, match="does not have the model m") as raised:
            await answer(llm)
    assert raised.value.hint == "Set model in [openai] (LLAMA_MODEL). It lists a, b."
    assert server.asked("/completion") == []


async def test_parameters_that_a_thinking_model_refuses_are_not_sent_again():
    def refusing(parameter: str) -> Answer:
        return error(400, {"error": {"message": f"Unsupported parameter: {parameter}.", "param": parameter}})

    turns = InTurn(CHAT, refusing("max_tokens"), refusing("temperature"), HELLO)
    sampling = Sampling(max_tokens=7, temperature=0.5, top_k=5)
    async with talking_to(turns) as (llm, server):
        for _ in range(2):
            assert await answer(llm, replace(ASK, sampling=sampling)) == [TextDelta("hello"), Finished("stop")]
        bodies: list[Any] = [request.body for request in server.asked()]
    assert len(bodies) == 4
    assert (bodies[0]["max_tokens"], bodies[0]["temperature"]) == (7, 0.5)
    for body in bodies[2:]:
        assert body["max_completion_tokens"] == 7
        assert not {"max_tokens", "temperature"} & set(body)


async def test_a_parameter_that_is_refused_for_good_is_told():
    said = {"error": {"message": "Unsupported value.", "param": "temperature"}}
    async with talking_to({CHAT: error(400, said)}) as (llm, server):
        with pytest.raises(RequestRefused, match="Unsupported value"):
            await answer(llm)
    assert len(server.asked()) == 2


@pytest.mark.parametrize(
    "said",
    [
        {"message": "request (9030 tokens) exceeds the available context size", "type": "exceed_context_size_error"},
        {"message": "This model's maximum context length is 8192 tokens.", "code": "context_length_exceeded"},
    ],
)
async def test_a_prompt_that_is_too_long_is_bad_input(said: object):
    problem = await failure(error(400, {"error": said}))
    assert isinstance(problem, BadInput)
    assert "context of m" in problem.message


@pytest.mark.parametrize(
    ("said", "kind"),
    [({"message": "it broke", "code": 500}, EngineRefused), ({"message": "it broke", "code": 503}, EngineUnavailable)],
)
async def test_an_error_within_the_stream_is_raised(said: object, kind: type[MynaError]):
    problem = await failure([head(), piece(content="a"), event({"error": said}), DONE])
    assert type(problem) is kind
    assert "it broke" in problem.message


@pytest.mark.parametrize(
    ("chat", "kind"),
    [
        pytest.param([], EngineUnavailable, id="hangs up"),
        pytest.param([head(), piece(content="a")], EngineUnavailable, id="dies in the middle"),
        pytest.param([math.inf], EngineTimeout, id="stalls"),
        pytest.param([head(), piece(content="a"), math.inf], EngineTimeout, id="stalls in the middle"),
        pytest.param([head(), event(b"{not json}")], EngineRefused, id="garbage"),
        pytest.param(error(500, {"error": "no"}), EngineRefused, id="an error"),
        pytest.param(error(429, {"error": "no"}), Busy, id="busy"),
    ],
)
async def test_after_a_failure_the_next_request_is_answered(chat: Answer, kind: type[MynaError]):
    answers: dict[str, Answer] = {CHAT: chat}
    async with talking_to(answers, timeout_s=1) as (llm, _):
        with pytest.raises(kind):
            await answer(llm)
        answers[CHAT] = HELLO
        assert await answer(llm) == [TextDelta("hello"), Finished("stop")]


# --------------------------------------------------------------------------------------------------------- counting


LLAMA_TOKENIZER: Mapping[str, Answer] = {
    "/apply-template": error(200, {"prompt": "<user>x"}),
    "/tokenize": error(200, {"tokens": [5, -1]}),  # one text, of one token
}


async def test_tokens_are_counted_by_a_llama_server():
    async with talking_to(LLAMA_TOKENIZER) as (llm, server):
        for _ in range(2):
            await llm.count_tokens(ASK.messages)
    assert [request.body["content"] for request in server.asked("/tokenize")][4:] == [["你好", -1]]


@pytest.mark.parametrize("tokenizer", [[], error(404, {}), error(501, "no"), error(200, {}), error(200, "<html>")])
async def test_a_server_without_tokenizer_is_asked_but_once(tokenizer: Answer):
    async with talking_to({"/apply-template": tokenizer}) as (llm, server):
        for _ in range(3):
            assert await llm.count_tokens(ASK.messages) == estimate_tokens(ASK.messages)
    assert len(server.asked("/apply-template")) == 1


async def test_a_server_that_only_failed_to_count_is_asked_again_later(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(openai, "COUNT_AGAIN_S", 0.0)
    answers: dict[str, Answer] = {"/apply-template": error(503, "loading")}
    async with talking_to(answers) as (llm, server):
        await llm.count_tokens(ASK.messages)
        answers.update(LLAMA_TOKENIZER)
        await llm.count_tokens(ASK.messages)
    assert server.asked("/tokenize")


@pytest.mark.parametrize("template", [[math.inf], [], error(500, "no"), [head(content_type="application/json"), b"{}"]])
async def test_counting_never_fails_and_never_waits_long(template: Answer, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(openai, "COUNT_S", 0.1)
    async with talking_to({"/apply-template": template}) as (llm, server):
        with anyio.fail_after(3):
            for _ in range(3):
                assert await llm.count_tokens(ASK.messages) == estimate_tokens(ASK.messages)
    assert len(server.asked("/apply-template")) == 1


@pytest.mark.parametrize(("text", "tokens"), [("", 4), ("你好！", 7), ("four", 5), ("fours", 6), ("你好, ok", 7)])
async def test_an_estimate_takes_a_token_for_a_cjk_character_and_for_four_others(text: str, tokens: int):
    assert estimate_tokens([LLMMessage("user", text)]) == tokens


# ---------------------------------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:8080",
        "ftp://host",
        "http://",
        "http://[::1",
        "http://host:port",
        "http://host/v1?key=secret",
        "http://host/#chat",
    ],
)
async def test_an_address_that_is_none_is_refused(url: str):
    with pytest.raises(ValidationError, match="base_url"):
        OpenAIOptions(base_url=url)


@pytest.mark.parametrize("key", ["秘密", f"{KEY}\r\nX-Other: 1"])
async def test_a_key_that_fits_no_header_is_refused_and_not_shown(key: str):
    with pytest.raises(ValidationError) as raised:
        OpenAIOptions(api_key=SecretStr(key))
    assert key not in str(raised.value)


@pytest.mark.parametrize(
    "headers", [{"Host": "x"}, {"a b": "c"}, {"": "c"}, {"X-Key": f"{KEY}\r\nX-Other: 1"}, {"X-Key": f"秘密{KEY}"}]
)
async def test_headers_that_are_none_are_refused_and_not_shown(headers: Mapping[str, str]):
    with pytest.raises(ValidationError, match="headers") as raised:
        OpenAIOptions.model_validate({"headers": headers})
    assert KEY not in str(raised.value)


async def test_more_headers_are_sent_and_one_may_stand_in_place_of_the_key():
    options = {"headers": {"X-Title": "Myna", "authorization": f"Key {KEY}"}, "api_key": "sk-other"}
    async with talking_to({CHAT: HELLO}, **options) as (llm, server):
        await answer(llm)
    sent = server.asked()[0].headers
    assert sent["x-title"] == "Myna"
    assert sent["authorization"] == f"Key {KEY}"


async def test_an_empty_key_is_none():
    assert OpenAIOptions(api_key=SecretStr(" ")).api_key is None


async def test_the_key_is_masked_where_options_are_printed():
    options = OpenAIOptions(api_key=SecretStr(KEY), headers={"X-Key": SecretStr(KEY)})
    assert KEY not in repr(options) + json.dumps(options.model_dump(mode="json"))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def test_a_llama_server_says_how_many_weights_its_model_has() -> None:
    models = {"data": [{"id": "qwen", "owned_by": "llamacpp", "meta": {"n_params": 630_167_424}}]}
    async with talking_to({"/v1/models": error(200, models)}) as (llm, _):
        assert llm.info.parameters == 630_167_424
    async with talking_to({CHAT: HELLO}) as (llm, _):
        assert llm.info.parameters is None


# ------------------------------------------------------------------------------------------------------------- alive


@pytest.mark.parametrize(
    ("answers", "alive"),
    [
        ({**LLAMACPP, "/health": error(200, {"status": "ok"})}, True),
        ({**LLAMACPP, "/health": error(503, {"error": {"message": "Loading model", "code": 503}})}, False),
        ({"/v1/models": error(200, {"data": [{"id": "gpt"}]}), "/health": error(403, "no")}, True),
        ({"/v1/models": error(401, {"error": "no key"})}, False),
        ({"/v1/models": error(500, "no")}, False),
        ({"/v1/models": error(404, "no")}, True),
        ({"/v1/models": error(404, "no"), "/health": [math.inf]}, True),
        ({"/health": [math.inf], "/v1/models": [math.inf]}, False),
        ({"/health": [], "/v1/models": []}, False),
    ],
)
async def test_whether_a_server_is_alive_is_asked_without_a_token(
    answers: Mapping[str, Answer], alive: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(openai, "PROBE_S", 0.2)
    async with talking_to({CHAT: HELLO, **answers}) as (llm, server):
        with anyio.fail_after(5):
            assert await llm.is_alive(0.5) is alive
        assert server.asked() == []
    assert not await llm.is_alive(0.5)  # closed


async def test_a_server_that_is_not_there_is_not_alive():
    async with open_openai(OpenAIOptions(base_url=f"http://127.0.0.1:{free_port()}")) as llm:
        assert not await llm.is_alive(0.5)
