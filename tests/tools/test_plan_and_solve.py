import json

import pytest
from tests.tools.working import TIMER, Told, asking, weather, working

from myna.core.errors import EngineUnavailable
from myna.core.tools import ToolCall, ToolSpec
from myna.engines.base import Finished, TextDelta, ToolCallDelta
from myna.testing.llm import ScriptedLLM
from myna.testing.llm import Step as Said
from myna.testing.tools import ScriptedTool
from myna.tools.base import RoundEnded
from myna.tools.plan_and_solve import plan_and_solve, read_plan

pytestmark = pytest.mark.anyio


def plan(*steps: str) -> str:
    return json.dumps({"steps": steps})


def call(place: str, name: str = "get_weather") -> list[Said]:
    return [ToolCallDelta(0, None, name, json.dumps({"place": place})), Finished("tool_calls")]


async def answer(
    llm: ScriptedLLM, *tools: ScriptedTool, constrains: bool = True, clients: tuple[ToolSpec, ...] = ()
) -> Told:
    async with working(llm, *tools, constrains=constrains) as (work, told):
        await plan_and_solve(asking(*(tool.spec for tool in tools), *clients), work)
    return told


TWO = plan("Get the weather in Oslo.", "Get the weather in Rome.")


async def test_the_steps_are_done_in_turn_and_only_the_answer_is_shown() -> None:
    tool = weather("2 °C", "30 °C")
    llm = ScriptedLLM(TWO, call("Oslo"), "Oslo has 2.", call("Rome"), "Rome has 30.", ["Rome is", " warmer."])
    told = await answer(llm, tool)
    assert [step for step in told.steps if isinstance(step, TextDelta)] == [TextDelta("Rome is"), TextDelta(" warmer.")]
    assert told.calls == [("get_weather", '{"place": "Oslo"}'), ("get_weather", '{"place": "Rome"}')]
    assert told.thoughts[0] == "1. Get the weather in Oslo.\n2. Get the weather in Rome."
    assert isinstance(told.steps[-1], Finished)
    planning, first, _, second, _, last = (call.request for call in llm.calls)
    assert planning.output_schema is not None
    assert planning.tools == ()
    assert "get_weather(place: string): Get the weather." in planning.messages[0].content
    assert first.messages[-1].content.startswith("Get the weather in Oslo.")
    assert "2 °C" in second.messages[-1].content
    assert last.tool_choice == "none"
    for part in ("How is it in Oslo?", "2 °C", "Rome has 30."):
        assert part in last.messages[-1].content


async def test_the_usage_is_of_all_answers() -> None:
    told = await answer(ScriptedLLM(TWO, "one", "two", "three"), weather())
    last = told.steps[-1]
    ended = [step.finished.usage for step in told.steps if isinstance(step, RoundEnded)]
    assert isinstance(last, Finished)
    assert last.usage is not None
    assert last.usage.completion_tokens == 4
    assert last.usage.prompt_tokens > sum(usage.prompt_tokens for usage in ended if usage)


@pytest.mark.parametrize("said", [plan(), plan("Only one step."), "I need no plan.", "", '{"steps": ["cut o'])
async def test_without_a_plan_the_model_just_answers(said: str) -> None:
    told = await answer(ScriptedLLM(said, call("Oslo"), "It is 22 °C."), weather())
    assert (told.text, len(told.calls)) == ("It is 22 °C.", 1)
    last = told.steps[-1]
    assert isinstance(last, Finished)
    assert last.usage is not None
    assert last.usage.completion_tokens == 2  # of the plan and of the answer


async def test_a_plan_may_be_written_as_text() -> None:
    llm = ScriptedLLM("Plan:\n1. Look at Oslo.\n2. Look at Rome.", "one", "two", "Both are fine.")
    told = await answer(llm, weather(), constrains=False)
    assert told.text == "Both are fine."
    assert llm.calls[0].request.output_schema is None
    assert len(llm.calls) == 4


async def test_steps_share_the_limit_of_rounds() -> None:
    steps = [f"Step number {number}." for number in range(6)]
    llm = ScriptedLLM(plan(*steps), call("a"), "done", call("b"), "done", "c", "d", "That is all.")
    told = await answer(llm, weather())
    assert told.text == "That is all."
    assert "Step number 5. There was no time left" in llm.calls[-1].request.messages[-1].content


async def test_a_step_that_calls_for_ever_ends() -> None:
    tool = weather()
    llm = ScriptedLLM(TWO, *[call(place) for place in "abcd"], "done", "The answer.")
    told = await answer(llm, tool)
    assert len(tool.calls) == 4
    assert told.text == "The answer."


async def test_a_tool_of_the_clients_ends_the_reply() -> None:
    told = await answer(ScriptedLLM(TWO, call("x", "set_timer")), weather(), clients=(TIMER,))
    assert [step.name for step in told.steps if isinstance(step, ToolCall)] == ["set_timer"]
    assert isinstance(told.steps[-1], Finished)
    assert told.steps[-1].reason == "tool_calls"


async def test_what_a_tool_finds_is_shortened_for_the_answer() -> None:
    llm = ScriptedLLM(TWO, call("Oslo"), "done", "nothing", "The answer.")
    await answer(llm, weather("x" * 7000))
    assert len(llm.calls[-1].request.messages[-1].content) < 4000


async def test_an_llm_that_fails_is_told() -> None:
    with pytest.raises(EngineUnavailable):
        await answer(ScriptedLLM(TWO, [EngineUnavailable("gone")]), weather())


async def test_without_tools_there_is_no_plan() -> None:
    llm = ScriptedLLM("Hello.")
    assert (await answer(llm)).text == "Hello."


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ('{"steps": ["a", " b\\nc ", "a", "", 3]}', ["a", "b c"]),
        ('```json\n{"steps": ["a"]}\n```', ["a"]),
        ("1. one\n2) two\n- three\n第四步：四\nStep 5: five", ["one", "two", "three", "四", "five"]),
        ("{}", []),
        ('{"steps": 3}', []),
        ("\n".join(f"{number}. step {number}" for number in range(1, 20)), [f"step {n}" for n in range(1, 7)]),
    ],
)
def test_plans_are_read_as_models_write_them(text: str, steps: list[str]) -> None:
    assert read_plan(text) == steps
