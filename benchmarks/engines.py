"""What an engine adds to the LLM server that it asks.

The same request goes through the OpenAI-compatible engine, as a session sends it, and straight from httpx, by turns,
each with a beginning of its own, so that nobody finds its prompt in the KV cache. The server is the llama.cpp that Myna
runs. The engine's older route, ``/completion``, is measured beside it: there the prompt is made by us.

``python -m benchmarks.engines [--runs N] [--json] [--picture FILE]``
"""

import json
import time
from argparse import Namespace
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeAlias

import anyio
import httpx
from benchmarks.llm import SAMPLING, Place, chat_body, new_prompt, served
from benchmarks.report import Report, Table, Target, medians, run
from pydantic import SecretStr

from myna.engines.base import LLM, Finished, LLMMessage, LLMRequest, Sampling, TextDelta
from myna.engines.llm.openai import open_openai
from myna.engines.llm.openai_options import OpenAIOptions

AT_A_TIME = 4
"""Replies of each way in a run; what counts is their median."""

OLD = "/v99"
"""Below it a llama-server has no chat completions, so that the engine takes the other route."""

Way: TypeAlias = Callable[[], Awaitable[dict[str, float]]]


def _figures(began_s: float, times_s: Sequence[float], tokens: int) -> dict[str, float]:
    return {
        "first token, ms": (times_s[0] - began_s) * 1000,
        "tokens/s": (tokens - 1) / (times_s[-1] - times_s[0]),
    }


async def straight(client: httpx.AsyncClient) -> dict[str, float]:
    """One reply, with as little between as there can be."""
    body = chat_body()
    times_s: list[float] = []
    tokens = 0
    began_s = time.perf_counter()
    async with client.stream("POST", "/v1/chat/completions", json=body) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            if not line.startswith("data: {"):
                continue
            chunk: dict[str, Any] = json.loads(line.removeprefix("data: "))
            if any(choice["delta"].get("content") for choice in chunk["choices"]):
                times_s.append(time.perf_counter())
            if usage := chunk.get("usage"):
                tokens = usage["completion_tokens"]
    return _figures(began_s, times_s, tokens)


async def through(llm: LLM) -> dict[str, float]:
    """One reply by an engine."""
    said = [LLMMessage("system" if each["role"] == "system" else "user", each["content"]) for each in new_prompt()]
    sampling = Sampling(SAMPLING["temperature"], SAMPLING["top_p"], int(SAMPLING["top_k"]), int(SAMPLING["max_tokens"]))
    times_s: list[float] = []
    tokens = 0
    began_s = time.perf_counter()
    async with aclosing(llm.generate(LLMRequest(tuple(said), sampling))) as deltas:
        async for delta in deltas:
            if isinstance(delta, TextDelta):
                times_s.append(time.perf_counter())
            elif isinstance(delta, Finished) and delta.usage:
                tokens = delta.usage.completion_tokens
    return _figures(began_s, times_s, tokens)


@asynccontextmanager
async def opened(place: Place) -> AsyncGenerator[Mapping[str, Way]]:
    """Every way to the server, open."""
    headers = {"Authorization": f"Bearer {place.api_key}"}
    key = SecretStr(place.api_key or "")
    async with (
        httpx.AsyncClient(base_url=place.url, headers=headers, trust_env=False, timeout=120) as client,
        open_openai(OpenAIOptions(base_url=place.url, api_key=key, timeout_s=120)) as llm,
        open_openai(OpenAIOptions(base_url=place.url + OLD, api_key=key, timeout_s=120)) as old,
    ):
        yield {
            "straight": lambda: straight(client),
            "openai": lambda: through(llm),
            "openai, old route": lambda: through(old),
        }


async def one_run(number: int, ways: Mapping[str, Way]) -> Table:
    """Every way some times, each time another one first."""
    tables: list[Table] = []
    names = list(ways)
    for turn in range(AT_A_TIME):
        first = (number + turn) % len(names)
        replies = {name: await ways[name]() for name in names[first:] + names[:first]}
        tables.append({name: replies[name] for name in names})
    table = dict(medians(tables))
    for name in names[1:]:
        ratios = [{"r": _over(each[name], each["straight"])} for each in tables]
        table[f"{name} / straight"] = medians(ratios)["r"]
    return table


def _over(these: Mapping[str, float], those: Mapping[str, float]) -> Mapping[str, float]:
    return {column: these[column] / those[column] for column in these}


async def all_runs(place: Place, runs: int) -> list[Table]:
    async with opened(place) as ways:
        for way in ways.values():  # what is done but once is not measured
            await way()
        return [await one_run(number, ways) for number in range(runs)]


def measure(wanted: Namespace) -> Report:
    with served() as (_, llamacpp):
        tables = anyio.run(all_runs, llamacpp, wanted.runs)
    table = medians(tables)
    ratio = table["openai / straight"]
    return Report(
        "An LLM server through Myna's engine and straight",
        table,
        packages=("httpx", "xllamacpp", "jinja2"),
        targets=(
            Target("first token through openai / straight", ratio["first token, ms"], "at most", 1.05),
            Target("tokens/s through openai / straight", ratio["tokens/s"], "at least", 0.97),
        ),
        notes=(f"A run has {AT_A_TIME} replies of each way, by turns; ratios are medians of those of each turn.",),
        details={"tables": tables},
    )


def main(arguments: Sequence[str] | None = None) -> None:
    run("engines", measure, arguments, runs=5)


if __name__ == "__main__":
    main()
