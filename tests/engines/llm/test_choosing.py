import json
from typing import Any

import jsonschema
import pytest

from myna.core.errors import EngineRefused
from myna.core.tools import ToolCall, ToolSpec
from myna.engines.base import LLMMessage
from myna.engines.llm.choosing import (
    LONGEST_ASKED,
    MOST_EXAMPLES,
    MOST_TOKENS,
    Asked,
    Choosing,
    is_none,
    needs_bias,
)
from myna.engines.llm.enforceable import enforceable
from myna.engines.llm.token_estimate import estimate_tokens


def tool(name: str = "get_weather", **properties: Any) -> ToolSpec:
    given = properties or {"city": {"type": "string"}}
    return ToolSpec(name, "Get the weather.", {"type": "object", "properties": given, "required": list(given)})


NOTHING = Asked("")


def call(name: str, arguments: str) -> LLMMessage:
    return LLMMessage("assistant", "", (ToolCall("c1", name, arguments),))


def test_only_the_end_of_a_prompt_depends_on_what_was_asked() -> None:
    choosing = Choosing([tool(), tool("turn_light")])
    for prompt in (choosing.need_prompt, choosing.calls_prompt):
        asked, nothing = prompt(Asked("And in Rome?")), prompt(NOTHING)
        assert asked[:-1] == nothing[:-1]
        assert asked[-1] == LLMMessage("user", "And in Rome?")
        assert asked[0].role == "system"
        assert [message.role for message in asked[1:]] == ["user", "assistant"] * (len(asked) // 2 - 1) + ["user"]


def test_the_last_of_the_users_messages_is_what_is_asked() -> None:
    assert Asked.last_of(()) == Asked("")
    said = (LLMMessage("system", "You are a bird."), LLMMessage("user", "Hello!"), LLMMessage("user", "And in Rome?"))
    assert Asked.last_of(said) == Asked("And in Rome?")


def test_what_is_remembered_of_the_user_is_not_asked_for() -> None:
    told = LLMMessage("user", "(You know:\nThe user lives in Rome.)\nHello!", said="Hello!")
    assert Asked.last_of([told]) == Asked("Hello!")


def test_a_short_message_behind_calls_may_go_on_with_them() -> None:
    before = (LLMMessage("user", "Weather in Oslo?"), call("get_weather", '{"city": "Oslo"}'))
    result = LLMMessage("tool", "3 degrees", tool_call_id="c1")
    answer = LLMMessage("assistant", "3 degrees.")
    going_on = Asked.last_of((*before, result, answer, LLMMessage("user", "And in Rome?")))
    assert going_on == Asked("And in Rome?", "Weather in Oslo?", (("get_weather", '{"city": "Oslo"}'),))
    choosing = Choosing([tool()])
    assert [message.content for message in choosing.need_prompt(going_on)[-3:]] == [
        "Weather in Oslo?",
        '["get_weather"]',
        "And in Rome?",
    ]
    assert [message.content for message in choosing.calls_prompt(going_on)[-3:]] == [
        "Weather in Oslo?",
        '[{"name": "get_weather", "arguments": {"city": "Oslo"}}]',
        "And in Rome?",
    ]
    assert choosing.invents("get_weather", '{"city": "Oslo"}', going_on)  # that was told already
    assert not choosing.invents("get_weather", '{"city": "Rome"}', going_on)
    long = LLMMessage("user", "Now tell me all about the history of Rome, please.")
    assert Asked.last_of((*before, result, answer, long)) == Asked(long.content)
    assert Asked.last_of((*before, result, answer, LLMMessage("user", "Ah."), LLMMessage("user", "Hm."))) == Asked(
        "Hm."
    )


def test_of_what_is_pasted_the_beginning_and_the_end_are_read() -> None:
    asked = Asked.last_of((LLMMessage("user", "Send this: " + "x" * 10_000 + " to Anna."),)).text
    assert len(asked) == LONGEST_ASKED + len("\n…\n")
    assert asked.startswith("Send this: x")
    assert asked.endswith("x to Anna.")


def test_examples_of_calls_satisfy_the_schema_that_the_answer_is_under() -> None:
    choosing = Choosing([tool(), tool("turn_light", state={"enum": ["on", "off"]}, level={"type": "integer"})])
    said = [message.content for message in choosing.calls_prompt(NOTHING)[1:] if message.role == "assistant"]
    answers = [each for each in said if each != "[]"]
    assert answers
    for answer in answers:
        jsonschema.validate(json.loads(answer), choosing.calls_schema())
        assert choosing.read_calls(answer).whole
        assert choosing.read_calls(answer).cut_off is None


def test_only_the_tools_that_are_named_may_be_called() -> None:
    choosing = Choosing([tool("call"), tool("mail"), tool("text")])
    schema = choosing.calls_schema({"mail", "text"})
    assert [each["properties"]["name"] for each in schema["items"]["anyOf"]] == [{"const": "mail"}, {"const": "text"}]
    with pytest.raises(EngineRefused, match="no tool fax"):
        choosing.calls_schema(["fax"])


def test_a_hundred_tools_are_all_described_and_some_shown() -> None:
    tools = [tool(f"tool_{number}") for number in range(100)]
    system, *examples = Choosing(tools).calls_prompt(NOTHING)
    assert all(f"tool_{number}(" in system.content for number in range(100))
    assert len(examples) <= 20 * MOST_EXAMPLES + 1


@pytest.mark.parametrize("context", [None, 2048, 4096, 32_768])
def test_there_are_no_more_examples_than_the_context_has_room_for(context: int | None) -> None:
    tools = [tool(f"tool_{number}") for number in range(12)]
    for prompt in (Choosing(tools, context).calls_prompt, Choosing(tools, context).need_prompt):
        assert estimate_tokens(prompt(NOTHING)) <= min(MOST_TOKENS, (context or 8192) // 2) + 8
        assert len(prompt(NOTHING)) > 8


def test_long_descriptions_are_cut_before_there_are_too_many_tools() -> None:
    long = {"city": {"type": "string", "description": "The city. " * 30}}
    tools = [ToolSpec(f"tool_{number}", "Do it. " + "Now. " * 60, {"properties": long}) for number in range(60)]
    system = Choosing(tools).calls_prompt(NOTHING)[0].content
    assert "tool_59(city?: string) - Do it" in system
    assert "Now." not in system
    with pytest.raises(EngineRefused, match="60 tools are too many"):
        Choosing(tools, 1024).need_prompt(NOTHING)


def test_no_tool_is_the_likelier_the_nearer_a_message_is_to_talk() -> None:
    biases = [needs_bias(near) for near in (-0.08, 0.0, 0.15)]
    assert [text for text, _ in biases] == ["[]"] * 3
    assert sorted((bias for _, bias in biases), reverse=True) == [bias for _, bias in biases]


@pytest.mark.parametrize(
    ("text", "none"),
    [("", None), ("[", None), (" [", None), ("[]", True), (" []", True), ('["', False), ("[ ]", True)],
)
def test_the_first_characters_say_whether_a_tool_is_needed(text: str, none: bool | None) -> None:
    assert is_none(text) is none


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


def test_a_tool_that_is_asked_is_shown_with_a_question_for_two_of_it() -> None:
    asked = [message.content for message in Choosing([tool()]).need_prompt(NOTHING)]
    assert "What is the weather: Paris and 上海?" in asked
    assert '["get_weather", "get_weather"]' in asked


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("What is the weather in Oslo and in Rome?", ("What is the weather in Oslo", "in Rome")),
        ("温州现在几度？西宁呢？", ("温州现在几度", "西宁呢")),
        ("先暂停音乐，然后打开走廊的灯。", ("先暂停音乐", "打开走廊的灯")),
        ("Wake me at 7.30.", ("Wake me at 7.30",)),
        ("", ()),
    ],
)
def test_a_message_has_clauses_where_it_may_ask_for_several_things(text: str, clauses: tuple[str, ...]) -> None:
    assert Asked(text).clauses == clauses


@pytest.mark.parametrize(
    ("asked", "late"),
    [
        (Asked("晚上六点叫我做饭，九点吃药"), {6: 18}),
        (Asked("早上七点叫我，晚上九点吃药"), {9: 21}),
        (Asked("早上九点叫我，晚上九点吃药"), {}),
    ],
)
def test_each_clause_says_whether_its_hours_are_late(asked: Asked, late: dict[int, int]) -> None:
    assert asked.late_hours == late
