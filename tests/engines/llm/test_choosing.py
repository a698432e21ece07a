import json
from typing import Any

import jsonschema
import pytest

from myna.core.tools import ToolCall, ToolSpec
from myna.engines.base import LLMMessage
from myna.engines.llm.choosing import MOST_EXAMPLES, Choosing, enforceable, is_none, rewritten


def tool(name: str = "get_weather", **properties: Any) -> ToolSpec:
    given = properties or {"city": {"type": "string"}}
    return ToolSpec(name, "Get the weather.", {"type": "object", "properties": given, "required": list(given)})


ASKED = (LLMMessage("system", "You are a bird."), LLMMessage("user", "Hello!"), LLMMessage("user", "And in Rome?"))


def test_only_the_end_of_a_prompt_depends_on_what_was_asked() -> None:
    choosing = Choosing([tool(), tool("turn_light")])
    for prompt in (choosing.need_prompt, choosing.calls_prompt):
        asked, nothing = prompt(ASKED), prompt(())
        assert asked[:-1] == nothing[:-1]
        assert asked[-1] == LLMMessage("user", "And in Rome?")
        assert asked[0].role == "system"
        assert [message.role for message in asked[1:]] == ["user", "assistant"] * (len(asked) // 2 - 1) + ["user"]


def test_examples_of_calls_satisfy_the_schema_that_the_answer_is_under() -> None:
    choosing = Choosing([tool(), tool("turn_light", state={"enum": ["on", "off"]}, level={"type": "integer"})])
    said = [message.content for message in choosing.calls_prompt(())[1:] if message.role == "assistant"]
    answers = [each for each in said if each != "[]"]
    assert answers
    for answer in answers:
        jsonschema.validate(json.loads(answer), choosing.calls_schema())
        assert choosing.read_calls(answer).whole
        assert choosing.read_calls(answer).cut_off is None


def test_a_hundred_tools_are_all_described_and_some_shown() -> None:
    tools = [tool(f"tool_{number}") for number in range(100)]
    system, *examples = Choosing(tools).calls_prompt(())
    assert all(f"tool_{number}(" in system.content for number in range(100))
    assert len(examples) <= 20 * MOST_EXAMPLES + 1


@pytest.mark.parametrize(
    ("text", "none"),
    [("", None), ("[", None), (" [", None), ("[]", True), (" []", True), ('["', False), ("[ ]", True)],
)
def test_the_first_characters_say_whether_a_tool_is_needed(text: str, none: bool | None) -> None:
    assert is_none(text) is none


def test_equal_calls_are_one() -> None:
    call = '{"name":"get_weather","arguments":{"city":"Rome"}}'
    assert Choosing([tool()]).read_calls(f"[{call}, {call}]").whole == (("get_weather", '{"city": "Rome"}'),)


@pytest.mark.parametrize("text", ["", "[", "[{", '[{"na', '[{"name": "get_wea', "nonsense"])
def test_of_an_answer_that_was_cut_off_before_a_name_there_is_nothing(text: str) -> None:
    written = Choosing([tool()]).read_calls(text)
    assert written.whole == ()
    assert written.cut_off is None


def test_definitions_move_to_the_root_where_references_find_them() -> None:
    parameters = {
        "type": "object",
        "properties": {"seat": {"$ref": "#/$defs/Seat"}},
        "$defs": {"Seat": {"type": "object", "properties": {"row": {"type": "integer"}}, "required": ["row"]}},
    }
    schema = Choosing([ToolSpec("book", "Book a seat.", parameters)]).calls_schema()
    jsonschema.validate([{"name": "book", "arguments": {"seat": {"row": 7}}}], schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate([{"name": "book", "arguments": {"seat": {"row": "seven"}}}], schema)


def test_what_servers_do_not_enforce_is_left_out_but_not_parameters_of_that_name() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "title": "Search",
        "properties": {"pattern": {"type": "string", "pattern": "(?=x)", "enum": ["title"]}, "format": {"not": {}}},
    }
    assert enforceable(schema) == {
        "type": "object",
        "properties": {"pattern": {"type": "string", "enum": ["title"]}, "format": {}},
    }


def test_what_tools_gave_stands_with_the_question_in_its_language() -> None:
    call = ToolCall("c1", "get_weather", "{}")
    calling, light = LLMMessage("assistant", "", (call,)), LLMMessage("assistant", "Wait.", (call,))
    told = rewritten(
        (
            LLMMessage("user", "Weather?"),
            light,
            LLMMessage("tool", '{"degrees": 22, "unit": "C"}', tool_call_id="c1"),
            LLMMessage("assistant", "22 degrees."),
            LLMMessage("user", "上海呢？"),
            calling,
            LLMMessage("tool", "晴", tool_call_id="c1"),
            LLMMessage("tool", "[1, 2]", tool_call_id="c1"),
        )
    )
    assert [message.role for message in told] == ["user", "assistant", "user"]
    assert told[0].content.startswith("Weather?\n\n(get_weather says: degrees: 22, unit: C.")
    assert told[2].content.startswith("上海呢？\n\n（get_weather 的结果：晴。")
    assert "[1, 2]" in told[2].content


def test_results_without_a_question_are_told_as_well() -> None:
    (told,) = rewritten((LLMMessage("tool", "sunny", tool_call_id="gone"),))
    assert told.role == "user"
    assert "sunny" in told.content


def test_a_tool_that_is_asked_is_shown_with_a_question_for_two_of_it() -> None:
    asked = [message.content for message in Choosing([tool()]).need_prompt(())]
    assert "What is the weather: Paris and 上海?" in asked
    assert '["get_weather", "get_weather"]' in asked
