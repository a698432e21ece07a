"""The default strategy: rounds of model and tools. What a session makes of it is in tests/session/test_tools.py."""

from collections.abc import AsyncGenerator, Sequence

import pytest

from myna.core.errors import EngineRefused
from myna.core.tools import ToolCall, ToolSpec
from myna.engines.base import (
    Finished,
    LLMDelta,
    LLMMessage,
    LLMRequest,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import ScriptedLLM
from myna.testing.llm import Step as Said
from myna.testing.tools import ScriptedTool
from myna.tools.base import CallEnded, CallStarted, RoundEnded, Step, Work
from myna.tools.rounds import MOST_CALLS, call_tools
from myna.tools.toolbox import Tools, open_toolbox

ASKED = LLMRequest((LLMMessage("user", "?"),))
MAPS = ToolSpec("show_map", "The client's.", {"type": "object", "properties": {}})


async def steps_of(
    *replies: str | Sequence[Said], tools: Sequence[ScriptedTool] = (), most_rounds: int = 8
) -> list[Step]:
    llm, told = ScriptedLLM(*replies), list[Step]()

    def generate(request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        return llm.generate(request)

    async def tell(step: Step) -> None:
        told.append(step)

    async with open_toolbox([Tools(tuple(tools))]) as toolbox:
        toolset = toolbox.select(["*"])
        request = LLMRequest(ASKED.messages, tools=(*toolset.specs, *((MAPS,) if tools else ())))
        await call_tools(request, Work(generate, toolset, tell, most_rounds=most_rounds))
    return told


@on_virtual_clock
async def test_the_usage_of_all_rounds_is_told_at_the_end() -> None:
    first = [ToolCallDelta(0, "a", "look", "{}"), Finished("tool_calls", Usage(10, 2, 4))]
    told = await steps_of(first, ["ok", Finished("stop", Usage(20, 3, 12))], tools=[ScriptedTool("look", "seen")])
    assert told[-1] == Finished("stop", Usage(30, 5, 16))
    assert [type(step) for step in told] == [CallStarted, CallEnded, RoundEnded, TextDelta, Finished]


@on_virtual_clock
async def test_each_call_has_an_id_of_its_own_whatever_the_server_gives() -> None:
    call = [ToolCallDelta(0, "call_0", "look", "{}"), Finished("tool_calls")]
    nameless = [ToolCallDelta(0, None, "look", "{}"), Finished("tool_calls")]
    told = await steps_of(call, call, nameless, "ok", tools=[ScriptedTool("look", "seen")])
    ids = [step.call.id for step in told if isinstance(step, CallStarted)]
    assert len(set(ids)) == len(ids) == 3


@on_virtual_clock
async def test_a_call_in_pieces_is_joined() -> None:
    pieces = [ToolCallDelta(0, "a", "look", '{"at'), ToolCallDelta(0, None, None, '": 1}'), Finished("tool_calls")]
    told = await steps_of(pieces, "ok", tools=[ScriptedTool("look", "seen")])
    assert next(step.call for step in told if isinstance(step, CallStarted)) == ToolCall("a", "look", '{"at": 1}')


@on_virtual_clock
async def test_calls_of_the_clients_tools_end_the_reply() -> None:
    call = [ToolCallDelta(0, "a", "show_map", "{}"), Finished("tool_calls")]
    told = await steps_of(call, tools=[ScriptedTool("look", "seen")])
    assert told == [ToolCall("a", "show_map", "{}"), Finished("tool_calls")]


@on_virtual_clock
async def test_thoughts_are_told_apart() -> None:
    assert await steps_of([ReasoningDelta("hm"), "yes", Finished("stop")]) == [
        ReasoningDelta("hm"),
        TextDelta("yes"),
        Finished("stop"),
    ]


@on_virtual_clock
async def test_a_model_that_calls_what_it_was_not_offered_is_refused() -> None:
    with pytest.raises(EngineRefused, match="offered none"):
        await steps_of([ToolCallDelta(0, "a", "look", "{}"), Finished("tool_calls")])


@on_virtual_clock
async def test_a_model_that_never_answers_is_refused_in_the_end() -> None:
    call = [ToolCallDelta(0, "a", "look", "{}"), Finished("tool_calls")]
    with pytest.raises(EngineRefused):
        await steps_of(call, tools=[ScriptedTool("look", "seen")], most_rounds=2)


@on_virtual_clock
async def test_calls_without_number_are_refused() -> None:
    many = [ToolCallDelta(index, f"c{index}", "look", "{}") for index in range(MOST_CALLS + 1)]
    with pytest.raises(EngineRefused, match=str(MOST_CALLS)):
        await steps_of(many, tools=[ScriptedTool("look", "seen")])
