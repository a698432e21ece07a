"""The official SDK against a real server whose LLM is scripted."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk
from tests.server.serving import serving

from myna.config.settings import Settings
from myna.engines.base import LLM
from myna.weights.locate import Weights

HELLO: Any = [{"role": "user", "content": "hello"}]
WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "description": "The weather.", "parameters": {"type": "object"}},
}


@asynccontextmanager
async def client_of(llm: LLM, weights: Weights, settings: Settings | None = None) -> AsyncGenerator[openai.AsyncOpenAI]:
    async with (
        serving(llm, weights, settings) as server,
        openai.AsyncOpenAI(base_url=f"{server.base_url}/v1", api_key="none", max_retries=0) as client,
    ):
        yield client


async def ask(client: openai.AsyncOpenAI, **more: Any) -> Any:
    create: Any = client.chat.completions.create  # its overloads do not know fields that are chosen at run time
    return await create(**{"model": "myna", "messages": HELLO, **more})


async def streamed(client: openai.AsyncOpenAI, **more: Any) -> list[ChatCompletionChunk]:
    return [chunk async for chunk in await ask(client, stream=True, **more)]


async def refused(client: openai.AsyncOpenAI, **more: Any) -> openai.APIStatusError:
    with pytest.raises(openai.APIStatusError) as caught:
        await ask(client, **more)
    return caught.value


def text(chunks: list[ChatCompletionChunk], choice: int = 0) -> str:
    return "".join(each.delta.content or "" for chunk in chunks for each in chunk.choices if each.index == choice)
