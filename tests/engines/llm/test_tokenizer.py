import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.core.tools import ToolCall
from myna.engines.base import LLMMessage
from myna.engines.llm import tokenizer
from myna.engines.llm.tokenizer import NoTokenizer, Tokenizer

pytestmark = pytest.mark.anyio

SPECIAL = re.compile(r"<\|\w+\|>|.", re.DOTALL)
ASK = (LLMMessage("system", "Be brief."), LLMMessage("user", "你好"))


class LlamaServer:
    """ChatML, a token for each character and for each of the template's own marks."""

    def __init__(self) -> None:
        self.split: list[list[str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if request.url.path == "/apply-template":
            return httpx.Response(200, json={"prompt": written(body["messages"])})
        content = body["content"]
        parts = [content] if isinstance(content, str) else content
        if not isinstance(content, str):
            self.split.append([part for part in parts if isinstance(part, str)])
        tokens = [0] if body["add_special"] else []  # it begins a prompt with a token of its own
        for part in parts:
            tokens += [1] * len(SPECIAL.findall(part)) if isinstance(part, str) else [part]
        return httpx.Response(200, json={"tokens": tokens})


def written(messages: list[dict[str, Any]]) -> str:
    if messages[0]["role"] != "system":
        messages = [{"role": "system", "content": "You are the default."}, *messages]
    said = "".join(f"<|start|>{message['role'][0]}\n{message['content']}<|end|>\n" for message in messages)
    return f"{said}<|start|>a\n"


@asynccontextmanager
async def asking(server: LlamaServer) -> AsyncGenerator[Tokenizer]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(server)) as client:
        yield Tokenizer(client, "http://server")


roles = st.sampled_from(["user", "assistant"])
messages = st.lists(st.builds(LLMMessage, roles, st.text("ab你<|> \n", max_size=20)), min_size=1, max_size=8)


@given(messages, st.booleans())
@settings(deadline=None)
def test_the_sum_of_the_parts_is_what_the_whole_prompt_has(messages: list[LLMMessage], with_system: bool):
    prompt = [*([LLMMessage("system", "Be brief.")] if with_system else []), *messages]
    whole = written([{"role": message.role, "content": message.content} for message in prompt])

    async def count() -> int:
        async with asking(LlamaServer()) as tokenizer:
            return await tokenizer.count(prompt)

    assert anyio.run(count) == 1 + len(SPECIAL.findall(whole))


async def test_only_texts_that_are_new_are_asked_for_and_all_of_them_at_once():
    server = LlamaServer()
    async with asking(server) as tokenizer:
        first = await tokenizer.count(ASK)
        assert server.split[1:] == [["Be brief.", "你好"]]
        more = (*ASK, LLMMessage("assistant", "嗨"), LLMMessage("user", "你好"))
        assert await tokenizer.count(more) == first + 2 * 5 + 3
        assert server.split[2:] == [["嗨"]]
        assert await tokenizer.count(ASK) == first
        assert len(server.split) == 3


async def test_calls_of_tools_are_counted_and_rather_too_high():
    async with asking(LlamaServer()) as tokenizer:
        call = ToolCall("1", "look", '{"at": "you"}')
        plain = await tokenizer.count((*ASK, LLMMessage("assistant", "")))
        assert await tokenizer.count((*ASK, LLMMessage("assistant", "", (call,)))) >= plain + len(
            call.name + call.arguments
        )


async def test_what_is_remembered_is_bounded_and_the_longest_unused_goes_first(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokenizer, "REMEMBERED", 2)
    server = LlamaServer()
    async with asking(server) as counting:
        for text in ("a", "b", "a", "c"):
            await counting.count([LLMMessage("user", text)])
        asked = len(server.split)
        await counting.count([LLMMessage("user", "a")])
        await counting.count([LLMMessage("user", "c")])
        assert len(server.split) == asked
        await counting.count([LLMMessage("user", "b")])
        assert server.split[-1] == ["b"]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (httpx.Response(404), NoTokenizer),
        (httpx.Response(200, json={"tokens": "no"}), NoTokenizer),
        (httpx.Response(200, json={"prompt": "one", "tokens": [1, 2, 3]}), NoTokenizer),  # it takes no ids among texts
        (httpx.Response(200, text="<html>"), NoTokenizer),
        (httpx.Response(503), httpx.HTTPError),
    ],
)
async def test_a_server_that_has_no_tokenizer_is_told_from_one_that_fails(
    answer: httpx.Response, told: type[Exception]
):
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as client:
        with pytest.raises(told):
            await Tokenizer(client, "http://server").count(ASK)
