"""The old route of a real llama-server: the model's own template gives the prompt that its chat route would make."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import anyio
import httpx
import pytest
from pydantic import SecretStr
from tests.engines.llm.llama_server import KEY, llama_server

from myna.engines.base import LLM, Finished, LLMMessage, LLMRequest, Sampling
from myna.engines.llm.chat_completions import encode_messages
from myna.engines.llm.chat_families import family_of
from myna.engines.llm.chat_template import ChatTemplate, ToldTemplate, template_child
from myna.engines.llm.openai import OpenAIOptions, open_openai
from myna.testing.conformance.llm import PATIENCE_S, LLMConformance, read
from myna.weights.locate import Weights

SYSTEM = LLMMessage("system", "你是一个友好的助手。Answer briefly. <b>&amp;</b>")
USER = LLMMessage("user", "Count to three. 数到三。😀\n")
ASSISTANT = LLMMessage("assistant", "One, two, three. 一、二、三。")
TALKS = [(USER,), (SYSTEM, USER), (SYSTEM, USER, ASSISTANT, LLMMessage("user", "And backwards?"))]
NO_CHAT = "/v99"
"""Below it a llama-server has no chat completions, and its old route is where it always was."""


def options(url: str) -> OpenAIOptions:
    return OpenAIOptions(base_url=url, api_key=SecretStr(KEY), timeout_s=PATIENCE_S)


async def prompt_tokens(llm: LLM, messages: Sequence[LLMMessage]) -> int:
    asked = LLMRequest(tuple(messages), Sampling(temperature=0, max_tokens=1))
    with anyio.fail_after(PATIENCE_S):
        async with aclosing(llm.generate(asked)) as deltas:
            last = [delta async for delta in deltas][-1]
    assert isinstance(last, Finished)
    assert last.usage is not None
    return last.usage.prompt_tokens


@pytest.mark.models
class TestOldRouteOfLlamaServer(LLMConformance):
    @pytest.fixture(scope="class")
    async def url(self, anyio_backend: str, weights: Weights) -> AsyncGenerator[str]:
        async with llama_server(weights) as url:
            yield url

    @pytest.fixture(scope="class")
    async def chat(self, url: str) -> AsyncGenerator[LLM]:
        async with open_openai(options(url)) as llm:
            yield llm

    @pytest.fixture(scope="class")
    async def llm(self, url: str) -> AsyncGenerator[LLM]:
        async with open_openai(options(url + NO_CHAT)) as llm:
            yield llm

    @pytest.mark.parametrize("messages", TALKS, ids=len)
    async def test_the_prompt_is_the_one_that_the_server_would_make(self, url: str, messages: tuple[LLMMessage, ...]):
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=PATIENCE_S) as client:
            props = (await client.get("/props")).json()
            asked = {"messages": encode_messages(messages)}
            expected = (await client.post("/apply-template", json=asked)).json()["prompt"]
        async with template_child() as child:
            told = ToldTemplate(props["chat_template"], props["bos_token"], props["eos_token"], sets_bos=False)
            made = await ChatTemplate(child, told, family_of("none"), "qwen").prompt(messages, thinking=True)
        assert made.text == expected
        assert "<|im_end|>" in made.stop
        if messages[0].role == "system":  # without one, Qwen's template writes its own
            assert family_of("qwen2.5-coder").join(messages) == expected

    async def test_both_routes_read_the_same_number_of_tokens(self, chat: LLM, llm: LLM):
        for messages in TALKS:
            assert await prompt_tokens(chat, messages) == await prompt_tokens(llm, messages)
        assert chat.info.native_tools
        assert not llm.info.native_tools
        assert llm.info.output_schema

    async def test_both_routes_say_the_same(self, chat: LLM, llm: LLM):
        asked = LLMRequest(TALKS[1], Sampling(temperature=0, max_tokens=24, seed=1))
        assert (await read(chat, asked))[0] == (await read(llm, asked))[0]
