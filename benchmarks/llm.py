"""What Myna adds to a reply of the LLM, and whether a long conversation stays quick.

The same request goes to Myna's ``/v1/chat/completions`` and straight to the llama.cpp that Myna runs, by turns. Each
begins with a number of its own, so that neither finds its prompt in the KV cache. Then a persona talks for twenty turns
in a session, with nothing cut from its history; there the cache is meant to help.

``python -m benchmarks.llm [--runs N] [--json] [--picture FILE]``
"""

import json
import secrets
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx
from benchmarks.report import Report, Table, Target, medians, run
from pydantic import SecretStr

from myna.core.commands import SendText
from myna.core.events import Failed, StageTimed, TurnEnded
from myna.core.ids import new_conversation_id
from myna.core.messages import Conversation
from myna.engines.base import LLM, Sampling
from myna.engines.llm.openai import OpenAIOptions, open_openai
from myna.personas.load import Personas
from myna.session.bounds import Limits
from myna.session.options import SessionEngines, SessionOptions
from myna.session.session import open_session
from myna.store.in_memory import InMemoryStore

TASK = "Write the numbers from one to fifty as English words, separated by commas."
SAMPLING: Mapping[str, float] = {"temperature": 0, "top_p": 0.95, "top_k": 50, "max_tokens": 96}
QUESTIONS = ("What do you like to eat?", "Why?", "Tell me about a journey of yours.", "Who was with you?", "And then?")
TURNS = 20
PATIENT = Limits(first_token_s=300, idle_s=300, reply_s=600)


@dataclass(frozen=True, slots=True)
class Place:
    """Where chat completions are to be had."""

    url: str
    api_key: str | None = None


@contextmanager
def served() -> Generator[tuple[Place, Place]]:
    """Myna in a process of its own, and the llama.cpp that it runs."""
    command = [sys.executable, "-m", "benchmarks.llm_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            line = server.stdout.readline()
            if not line:
                sys.exit("Myna ended; are the weights here?")
            where = json.loads(line)
            yield Place(where["myna"]), Place(where["llamacpp"], where["api_key"])
        finally:
            server.send_signal(2)
            server.wait(30)


def new_prompt() -> list[dict[str, str]]:
    """Messages that begin as none before did, and are as long."""
    opening = f"{secrets.randbelow(10**12):012}: you are a careful clerk."
    return [{"role": "system", "content": opening}, {"role": "user", "content": TASK}]


def chat_body() -> dict[str, Any]:
    """A request for a reply to such messages."""
    said = {"model": "myna", "messages": new_prompt(), "stream": True, "stream_options": {"include_usage": True}}
    return {**said, **SAMPLING}


def reply(place: Place) -> dict[str, float]:
    """Stream one reply to a prompt that begins as none before did, and is as long."""
    body = chat_body()
    headers = {"Authorization": f"Bearer {place.api_key}"} if place.api_key else {}
    times: list[float] = []
    usage: dict[str, int] = {}
    url = f"{place.url}/v1/chat/completions"
    with httpx.Client(headers=headers, timeout=120, trust_env=False) as client:  # takes tens of ms to be made
        began = time.perf_counter()
        with client.stream("POST", url, json=body) as response:
            response.raise_for_status()
            for line in response.iter_lines():
                data = line.removeprefix("data: ")
                if not data.startswith("{"):
                    continue
                chunk: dict[str, Any] = json.loads(data)
                if any(choice["delta"].get("content") for choice in chunk["choices"]):
                    times.append(time.perf_counter())
                usage = chunk.get("usage") or usage
    return {
        "first token, ms": (times[0] - began) * 1000,
        "tokens/s": (usage["completion_tokens"] - 1) / (times[-1] - times[0]),
    }


async def converse(place: Place) -> list[float]:
    """Talk with a persona in a session; the milliseconds to the first token of each turn."""
    key = SecretStr(place.api_key) if place.api_key else None
    async with open_openai(OpenAIOptions(base_url=place.url, api_key=key)) as llm:
        return await _talk(llm)


async def _talk(llm: LLM) -> list[float]:
    persona, store = Personas(None).find("assistant"), InMemoryStore()
    conversation = Conversation(new_conversation_id(), persona.id)
    await store.create(conversation)
    options = SessionOptions(
        sampling=Sampling(temperature=0, max_tokens=40), limits=PATIENT, max_history_rounds=2 * TURNS
    )
    first_token_ms: list[float] = []
    async with open_session(conversation, persona, SessionEngines(llm), store, options) as session:
        for turn in range(TURNS):
            await session.send(SendText(f"{turn + 1}. {QUESTIONS[turn % len(QUESTIONS)]}"))
            async for event in session:
                if isinstance(event, StageTimed) and event.stage == "first_token":
                    first_token_ms.append(event.at_ms)
                elif isinstance(event, Failed):
                    sys.exit(f"Turn {turn + 1} failed: {event.message}")
                elif isinstance(event, TurnEnded):
                    break
    return first_token_ms


def one_run(number: int, myna: Place, llamacpp: Place) -> Table:
    """Both ways once, the other one first each time, and a conversation."""
    ways = {"straight": llamacpp, "through Myna": myna}
    order = list(ways) if number % 2 else list(reversed(ways))
    replies = {way: reply(ways[way]) for way in order}
    straight, through = replies["straight"], replies["through Myna"]
    turns_ms = anyio.run(converse, llamacpp)
    return {
        "straight": straight,
        "through Myna": through,
        "ratio": {column: through[column] / straight[column] for column in straight},
        "turn 2": {"first token, ms": turns_ms[1]},
        f"turn {TURNS}": {"first token, ms": turns_ms[-1]},
        f"turn {TURNS} / turn 2": {"first token, ms": turns_ms[-1] / turns_ms[1]},
    }


def measure(wanted: Namespace) -> Report:
    with served() as (myna, llamacpp):
        for place in (myna, llamacpp):  # what is done but once is not measured
            reply(place)
        tables: Sequence[Table] = [one_run(number, myna, llamacpp) for number in range(wanted.runs)]
    table = medians(tables)
    ratio = table["ratio"]
    return Report(
        "The LLM through Myna and straight, and a conversation of twenty turns",
        table,
        packages=("httpx", "xllamacpp"),
        targets=(
            Target("first token through Myna / straight", ratio["first token, ms"], "at most", 1.05),
            Target("tokens/s through Myna / straight", ratio["tokens/s"], "at least", 0.97),
            Target(
                f"first token, turn {TURNS} / turn 2",
                table[f"turn {TURNS} / turn 2"]["first token, ms"],
                "at most",
                1.5,
            ),
        ),
        notes=("The rows of ratios hold the medians of the ratios of each run.",),
        details={"tables": tables},
    )


def main(arguments: Sequence[str] | None = None) -> None:
    run("llm", measure, arguments, runs=5)


if __name__ == "__main__":
    main()
