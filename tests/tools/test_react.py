import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.tools.working import LOOK, TIMER, Told, asking, weather, working

from myna.core.tools import JSON, NamedTool, ToolCall, ToolResult, ToolSpec
from myna.engines.base import Finished, LLMMessage, LLMRequest, ReasoningDelta, TextDelta
from myna.testing.llm import ScriptedLLM
from myna.testing.llm import Step as Said
from myna.testing.tools import ScriptedTool
from myna.tools.base import CallEnded, CallStarted, RoundEnded
from myna.tools.react import react
from myna.tools.react_text import read_action

pytestmark = pytest.mark.anyio


async def answer(
    llm: ScriptedLLM, *tools: ScriptedTool, constrains: bool = False, clients: Sequence[ToolSpec] = ()
) -> Told:
    async with working(llm, *tools, constrains=constrains) as (work, told):
        await react(asking(*(tool.spec for tool in tools), *clients), work)
    return told


def act(place: str = "Oslo", thought: str = "I have to look.") -> str:
    return f'Thought: {thought}\nAction: get_weather\nAction Input: {{"place": "{place}"}}'


def decide(action: str, **arguments: object) -> str:
    given = {"input": arguments} if action != "answer" else {}
    return json.dumps({"thought": f"To {action}.", "action": action} | given)


FINAL = "Thought: I know.\nFinal Answer: It is 22 °C."


# ----------------------------------------------------------------------------------------------------------- as text


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_only_the_final_answer_is_shown_in_whatever_pieces_it_comes(size: int) -> None:
    def pieces(text: str) -> list[Said]:
        return [text[at : at + size] for at in range(0, len(text), size)]

    tool = weather()
    llm = ScriptedLLM(pieces(act()), pieces(FINAL))
    told = await answer(llm, tool)
    assert told.text == "It is 22 °C."
    assert told.thoughts == ["I have to look.", "I know."]
    assert told.calls == [("get_weather", '{"place": "Oslo"}')]
    assert told.results == [ToolResult("22 °C")]
    assert [type(step) for step in told.steps if not isinstance(step, TextDelta)] == [
        ReasoningDelta,
        CallStarted,
        CallEnded,
        RoundEnded,
        ReasoningDelta,
        Finished,
    ]
    assert tool.calls[0].arguments == {"place": "Oslo"}


async def test_the_model_sees_its_thought_its_action_and_what_came_of_it() -> None:
    llm = ScriptedLLM(act(), FINAL)
    await answer(llm, weather())
    first, second = (call.request for call in llm.calls)
    assert first.tools == second.tools == ()
    assert first.messages[0].content.startswith("You are a bird.\n\nYou answer in steps")
    assert "get_weather(place: string): Get the weather." in first.messages[0].content
    assert second.messages[:2] == first.messages
    assert second.messages[2:] == (LLMMessage("assistant", act()), LLMMessage("user", "Observation: 22 °C"))
    assert "\nObservation:" in first.sampling.stop


async def test_the_usage_is_of_all_steps() -> None:
    told = await answer(ScriptedLLM(act(), FINAL), weather())
    ended = [step.finished for step in told.steps if isinstance(step, RoundEnded)]
    last = told.steps[-1]
    assert isinstance(last, Finished)
    assert last.usage is not None
    assert ended[0].usage is not None
    assert last.usage.completion_tokens == 2
    assert last.usage.prompt_tokens > 2 * ended[0].usage.prompt_tokens


async def test_a_model_that_just_answers_is_heard() -> None:
    told = await answer(ScriptedLLM(["Hello", " there."]), weather())
    assert [step for step in told.steps if isinstance(step, TextDelta)] == [TextDelta("Hello"), TextDelta(" there.")]
    assert told.calls == []


async def test_what_the_model_makes_up_after_its_action_is_dropped_and_not_waited_for() -> None:
    made_up = [f"{act()}\n", "Observation: 40 °C\nFinal Answer: It is hot.", " Very hot.", Finished("stop")]
    llm = ScriptedLLM(made_up, FINAL)
    told = await answer(llm, weather())
    assert told.text == "It is 22 °C."
    assert llm.calls[0].ended == "finished"  # stopped by the stop sequence
    many = ScriptedLLM([act(), "\nThought: more", " and more", " and more"], FINAL)
    assert (await answer(many, weather())).text == "It is 22 °C."
    assert many.calls[0].ended == "closed"


HERMES = '<tool_call>\n{"name": "get_weather", "arguments": {"place": "Oslo"}}\n</tool_call>'


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("said", [
    HERMES,
    f"Thought: I have to look.\n{HERMES}",
    f"Thought: I have to look.\nAction:\n{HERMES}\nObservation: 3",
    '{"action": "get_weather", "action_input": {"place": "Oslo"}}',
    '```json\n{"action": "get_weather", "action_input": {"place": "Oslo"}}\n```',
    f"```\n{act()}\n```",
    f"```text\n{act()}\n```\nObservation: 3",
    "> Thought: t\n> Action: get_weather\n> Action Input: Oslo",
    "- Thought: t\n- Action: get_weather\n- Action Input: Oslo",
])  # fmt: skip
async def test_an_action_in_another_form_is_run_and_never_shown(said: str, size: int) -> None:
    llm = ScriptedLLM([said[at : at + size] for at in range(0, len(said), size)], FINAL)
    told = await answer(llm, weather())
    assert told.calls == [("get_weather", '{"place": "Oslo"}')]
    assert told.text == "It is 22 °C."


@pytest.mark.parametrize(("last", "shown"), [
    ("Thought: It is 22 °C.", "It is 22 °C."),
    (FINAL, "It is 22 °C."),
    ("It is 22 °C.", "It is 22 °C."),
    (f"It is 22 °C.\n{HERMES}", "It is 22 °C."),
    ("Thought: It is 22 °C.\nAction: get_weather", "It is 22 °C."),
])  # fmt: skip
async def test_a_model_that_goes_on_in_steps_in_the_end_has_answered(last: str, shown: str) -> None:
    told = await answer(ScriptedLLM("Thought: hm", "Thought: hm", [*last]), weather())
    assert (told.text, told.calls) == (shown, [])


async def test_thinking_blocks_hold_no_actions() -> None:
    llm = ScriptedLLM("<think>\nAction: get_weather\nFinal Answer: no\n</think>\nFinal Answer: Yes.")
    told = await answer(llm, weather())
    assert (told.text, told.calls) == ("Yes.", [])


async def test_a_model_that_only_thinks_is_told_to_go_on_and_then_asked_to_answer() -> None:
    llm = ScriptedLLM("Thought: hm", act(), "Thought: hm", "Thought: hm", "It is 22 °C.")
    told = await answer(llm, weather())
    assert told.text == "It is 22 °C."
    assert "Final Answer" in llm.calls[1].request.messages[-1].content
    last = llm.calls[-1].request
    assert last.tool_choice == "none"
    assert [message.role for message in last.messages] == ["system", "user"]
    assert last.messages[1].content.startswith("How is it in Oslo?")
    assert 'get_weather({"place": "Oslo"}) gave 22 °C' in last.messages[1].content


async def test_steps_have_a_limit_and_then_the_answer_is_asked_for() -> None:
    llm = ScriptedLLM(*(act(place) for place in "abcd"), "I could not find it.")
    told = await answer(llm, weather())
    assert len(told.calls) == 4
    assert told.text == "I could not find it."
    assert llm.calls[-1].request.tool_choice == "none"


async def test_the_same_call_is_not_made_for_ever() -> None:
    tool = weather()
    llm = ScriptedLLM(act())
    async with working(llm, tool, constrains=False) as (work, told):
        await react(asking(tool.spec), replace(work, most_rounds=50))
    assert len(tool.calls) == 3
    assert told.results[-1].status == "refused"


async def test_a_tool_that_fails_or_is_not_there_is_told_to_the_model() -> None:
    llm = ScriptedLLM(act(), "Action: fly\nAction Input: {}", "Action: get_weather\nAction Input: {", FINAL)
    told = await answer(llm, weather(ValueError("No such place.")))
    assert [result.status for result in told.results] == ["failed", "refused", "failed"]
    assert "No such place." in llm.calls[1].request.messages[-1].content
    assert "There is no tool 'fly'" in llm.calls[2].request.messages[-1].content
    assert told.text == "It is 22 °C."


@pytest.mark.parametrize("constrains", [False, True])
async def test_a_tool_of_the_clients_ends_the_reply(constrains: bool) -> None:
    said = decide("set_timer", minutes=3) if constrains else 'Action: set_timer\nAction Input: {"minutes": 3}'
    told = await answer(ScriptedLLM(said), weather(), constrains=constrains, clients=[TIMER])
    call = next(step for step in told.steps if isinstance(step, ToolCall))
    assert (call.name, call.arguments) == ("set_timer", '{"minutes": 3}')
    assert isinstance(told.steps[-1], Finished)
    assert told.steps[-1].reason == "tool_calls"


@pytest.mark.parametrize("constrains", [False, True])
async def test_without_tools_the_model_just_answers(constrains: bool) -> None:
    llm = ScriptedLLM("Hello.\nAction: none")
    told = await answer(llm, constrains=constrains)
    assert told.text == "Hello.\nAction: none"
    assert llm.calls[0].request == replace(asking(), tool_choice="none")


# -------------------------------------------------------------------------------------------------- as a JSON object


async def test_decisions_are_constrained_and_unseen_and_the_answer_streams() -> None:
    tool = weather()
    llm = ScriptedLLM(decide("get_weather", place="Oslo"), decide("answer"), ["It is", " 22 °C."])
    told = await answer(llm, tool, constrains=True)
    assert [step.text for step in told.steps if isinstance(step, TextDelta)] == ["It is", " 22 °C."]
    assert told.thoughts == ["To get_weather.", "To answer."]
    assert told.calls == [("get_weather", '{"place": "Oslo"}')]
    first, second, last = (call.request for call in llm.calls)
    assert first.output_schema is not None
    actions = [option["properties"]["action"]["const"] for option in first.output_schema["anyOf"]]
    assert actions == ["get_weather", "answer"]
    assert first.sampling.temperature == 0
    assert second.messages[-1].content == "Observation: 22 °C"
    assert last.output_schema is None
    assert last.messages[0] == asking().messages[0]
    assert 'get_weather({"place": "Oslo"}) gave 22 °C' in last.messages[1].content


@pytest.mark.parametrize("choice", ["required", NamedTool("get_weather")])
async def test_a_forced_choice_leaves_no_way_out_of_the_first_step(choice: NamedTool) -> None:
    llm = ScriptedLLM(decide("get_weather", place="Oslo"), decide("answer"), "It is 22 °C.")
    other = ScriptedTool("fly")
    async with working(llm, weather(), other, constrains=True) as (work, _):
        await react(replace(asking(LOOK, other.spec), tool_choice=choice), work)
    schemas = [call.request.output_schema or {} for call in llm.calls[:2]]
    actions = [[option["properties"]["action"]["const"] for option in schema["anyOf"]] for schema in schemas]
    assert actions[0] == (["get_weather"] if isinstance(choice, NamedTool) else ["get_weather", "fly"])
    assert actions[1][-1] == "answer"


async def test_a_model_that_asks_the_same_again_is_asked_to_answer() -> None:
    tool = weather()
    llm = ScriptedLLM(decide("get_weather", place="Oslo"), decide("get_weather", place="Oslo"), "It is 22 °C.")
    told = await answer(llm, tool, constrains=True)
    assert (len(tool.calls), told.text) == (1, "It is 22 °C.")


@pytest.mark.parametrize("said", ['{"thought": "I', "[]", "Sure!", "null"])
async def test_a_decision_that_cannot_be_read_leads_to_an_answer(said: str) -> None:
    told = await answer(ScriptedLLM(said, "Hello."), weather(), constrains=True)
    assert (told.text, told.calls) == ("Hello.", [])


async def test_a_server_that_does_not_keep_to_the_schema_is_understood_all_the_same() -> None:
    fenced = '```json\n{"action": "get_weather", "action_input": {"place": "Oslo"}}\n```'
    told = await answer(ScriptedLLM(fenced, decide("answer"), "22"), weather(), constrains=True)
    assert told.calls == [("get_weather", '{"place": "Oslo"}')]


async def test_calls_of_earlier_turns_are_part_of_what_the_model_sees() -> None:
    before = (
        LLMMessage("user", "And in Rome?"),
        LLMMessage("assistant", "", tool_calls=(ToolCall("1", "get_weather", '{"place": "Rome"}'),)),
        LLMMessage("tool", "30 °C", tool_call_id="1"),
        LLMMessage("assistant", "30 degrees."),
        LLMMessage("user", "Thanks!"),
    )
    llm = ScriptedLLM(decide("answer"), "You are welcome.")
    async with working(llm, weather(), constrains=True) as (work, told):
        await react(LLMRequest(before, tools=(LOOK,)), work)
    assert [message.content for message in llm.calls[0].request.messages[-5:]] == [
        "And in Rome?",
        '{"thought": "Get the weather.", "action": "get_weather", "input": {"place": "Rome"}}',
        "Observation: 30 °C",
        "30 degrees.",
        "Thanks!",
    ]
    assert told.text == "You are welcome."


# ------------------------------------------------------------------------------------------------------ reading actions

TWO = ToolSpec("move", "Move.", {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}}})


WRITTEN: list[tuple[str, str, tuple[str, JSON | str]]] = [
    ("get_weather", '{"place": "Oslo"}', ("get_weather", {"place": "Oslo"})),
    ("`get_weather`", '```json\n{"place": "Oslo"}\n```', ("get_weather", {"place": "Oslo"})),
    ("**get_weather**.", 'Here: {"place": "Oslo"} as asked', ("get_weather", {"place": "Oslo"})),
    ("get_weather", "Oslo", ("get_weather", {"place": "Oslo"})),
    ("get_weather", '"Oslo"', ("get_weather", {"place": "Oslo"})),
    ("get_weather[Oslo]", "", ("get_weather", {"place": "Oslo"})),
    ('get_weather({"place": "Oslo"})', "", ("get_weather", {"place": "Oslo"})),
    ('get_weather\n{"place": "Oslo"}', "", ("get_weather", {"place": "Oslo"})),
    (
        '{"action": "get_weather", "action_input": "{\\"place\\": \\"Oslo\\"}"}',
        "",
        ("get_weather", {"place": "Oslo"}),
    ),
    ('{"name": "get_weather", "arguments": {"place": "Oslo"}}', "", ("get_weather", {"place": "Oslo"})),
    ("get_weather", "", ("get_weather", {})),
    ("get_weather", "None", ("get_weather", {})),
    ("move", "3", ("move", "3")),
    ("move", '{"x": 1,', ("move", '{"x": 1,')),
    ("jump", "{}", ("jump", {})),
]


@pytest.mark.parametrize(("action", "given", "call"), WRITTEN)
def test_actions_are_read_in_all_the_ways_that_models_write_them(
    action: str, given: str, call: tuple[str, JSON | str]
) -> None:
    name, arguments = read_action(action, given, [LOOK, TWO])
    assert name == call[0]
    assert (arguments if isinstance(call[1], str) else json.loads(arguments)) == call[1]
