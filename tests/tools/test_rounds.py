"""The default strategy: rounds of model and tools. What a session makes of it is in tests/session/test_tools.py."""

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pytest

from myna.core.errors import BadInput, EngineRefused
from myna.core.tools import ToolCall, ToolResult, ToolSpec
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
from myna.tools.base import CallEnded, CallStarted, RoundEnded, Step, Tool, Work
from myna.tools.rounds import MOST_CALLS, call_tools, run_calls
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


@on_virtual_clock
@pytest.mark.parametrize("arguments", ["", "null", '{"disk": "/de', '"{}"'])
async def test_a_call_that_the_token_limit_cut_off_is_not_run(arguments: str) -> None:
    wipe = ScriptedTool("wipe", "wiped")
    whole = ToolCallDelta(0, "a", "look", "{}")
    cut = [whole, ToolCallDelta(1, "b", "wipe", arguments), Finished("length")]
    told = await steps_of(cut, "ok", tools=[wipe, ScriptedTool("look", "seen")])
    ended = {step.call.name: step.result.status for step in told if isinstance(step, CallEnded)}
    assert ended == {"look": "ok", "wipe": "refused"}
    assert wipe.calls == []


@on_virtual_clock
@pytest.mark.parametrize(("arguments", "reason"), [("", "stop"), ("{}", "length")])
async def test_a_call_that_is_whole_is_run(arguments: str, reason: Literal["stop", "length"]) -> None:
    look = ScriptedTool("look", "seen")
    await steps_of([ToolCallDelta(0, "a", "look", arguments), Finished(reason)], "ok", tools=[look])
    assert len(look.calls) == 1


@on_virtual_clock
async def test_two_calls_of_one_answer_have_two_ids() -> None:
    same = [ToolCallDelta(0, "a", "look", "{}"), ToolCallDelta(1, "a", "look", '{"at": 1}'), Finished("tool_calls")]
    told = await steps_of(same, "ok", tools=[ScriptedTool("look", "seen")])
    assert len({step.call.id for step in told if isinstance(step, CallStarted)}) == 2


# ------------------------------------------------------------------------------------------------------ as a whole


@dataclass
class Shelf:
    """A source whose tools come and go."""

    tools: Sequence[Tool]


@dataclass
class Watching:
    """A strategy's work, watched."""

    shelf: Shelf
    llm: ScriptedLLM
    told: list[Step] = field(default_factory=list[Step])
    asked: list[str] = field(default_factory=list[str])

    async def tell(self, step: Step) -> None:
        self.told.append(step)

    async def decline(self, call: ToolCall) -> ToolResult | None:
        self.asked.append(call.id)
        return ToolResult("No.", "refused")

    @property
    def results(self) -> list[tuple[str, str]]:
        return [(step.call.name, step.result.status) for step in self.told if isinstance(step, CallEnded)]


def look_again(number: int) -> list[Said]:
    return [ToolCallDelta(0, f"c{number}", "look", '{"at": 1}'), Finished("tool_calls")]


@on_virtual_clock
async def test_what_the_user_declined_is_not_asked_again() -> None:
    look = ScriptedTool("look", "seen", confirm=True)
    watching = Watching(Shelf([look]), ScriptedLLM(look_again(0), look_again(1), look_again(2), "ok"))
    async with open_toolbox([watching.shelf]) as toolbox:
        tools = toolbox.select(["*"])
        work = Work(watching.llm.generate, tools, watching.tell, allow=watching.decline)
        await call_tools(LLMRequest(ASKED.messages, tools=tools.specs), work)
    assert watching.asked == ["c0"]
    assert [step.asks for step in watching.told if isinstance(step, CallStarted)] == [True, False, False]
    assert watching.results == [("look", "refused")] * 3
    assert look.calls == []


@on_virtual_clock
async def test_an_error_of_whoever_is_told_comes_out_as_itself() -> None:
    watching = Watching(Shelf([ScriptedTool("look", "seen")]), ScriptedLLM(look_again(0)))

    async def fail(step: Step) -> None:
        if isinstance(step, CallEnded):
            raise BadInput("The client sent nonsense.")

    async with open_toolbox([watching.shelf]) as toolbox:
        tools = toolbox.select(["*"])
        with pytest.raises(BadInput, match="nonsense"):
            await call_tools(LLMRequest(ASKED.messages, tools=tools.specs), Work(watching.llm.generate, tools, fail))


@on_virtual_clock
async def test_a_tool_of_the_servers_that_has_gone_is_none_of_the_clients() -> None:
    watching = Watching(Shelf([ScriptedTool("look", "seen")]), ScriptedLLM(look_again(0), "It has gone."))
    async with open_toolbox([watching.shelf]) as toolbox:
        tools = toolbox.select(["*"])
        request = LLMRequest(ASKED.messages, tools=(*tools.specs, MAPS))
        watching.shelf.tools = []
        work = Work(watching.llm.generate, tools, watching.tell, clients=frozenset({MAPS.name}))
        await call_tools(request, work)
    assert watching.results == [("look", "refused")]
    assert not [step for step in watching.told if isinstance(step, ToolCall)]


@on_virtual_clock
@pytest.mark.parametrize("agreed", [False, True])
async def test_a_tool_that_has_changed_since_it_was_told_is_not_run(agreed: bool) -> None:
    first = ScriptedTool("look", "seen", confirm=agreed)
    other = ScriptedTool(ToolSpec("look", "Another one.", {"type": "object"}), "bought", confirm=True)
    watching = Watching(Shelf([first]), ScriptedLLM())

    async def change(step: Step) -> None:
        await watching.tell(step)
        watching.shelf.tools = [other]

    async with open_toolbox([watching.shelf]) as toolbox:
        work = Work(watching.llm.generate, toolbox.select(["*"]), change)
        results = await run_calls([ToolCall("a", "look", "{}")], work, agreed=agreed)
    assert results[0].status == "refused"
    assert (first.calls, other.calls) == ([], [])


@dataclass
class CountingSource:
    """A source that counts how often it is asked for its tools."""

    all: Sequence[Tool]
    asked: int = 0

    @property
    def tools(self) -> Sequence[Tool]:
        self.asked += 1
        return self.all


async def times_asked(count: int) -> int:
    source = CountingSource([ScriptedTool(f"look_{number}", "seen") for number in range(count)])
    watching = Watching(Shelf([]), ScriptedLLM("ok"))
    async with open_toolbox([source]) as toolbox:
        tools = toolbox.select(["look_*"])
        await call_tools(
            LLMRequest(ASKED.messages, tools=tools.specs), Work(watching.llm.generate, tools, watching.tell)
        )
    return source.asked


@on_virtual_clock
async def test_a_reply_with_many_tools_looks_at_each_as_often_as_one_with_few() -> None:
    assert await times_asked(100) == await times_asked(2)
