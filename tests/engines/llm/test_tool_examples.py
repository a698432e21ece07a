import json
from typing import Any

import jsonschema
import pytest

from myna.core.tools import ToolSpec
from myna.engines.llm.tool_examples import both_of, examples_of


def spec(description: str = "", **properties: Any) -> ToolSpec:
    return ToolSpec("get_weather", description, {"type": "object", "properties": properties})


@pytest.mark.parametrize(
    ("description", "asks"),
    [
        ("Get the weather in a city.", "What is the weather in a city: Oslo?"),
        ("Returns the weather.\n\nMore of it.", "What is the weather: Oslo?"),
        ("查询一个城市的天气。", "一个城市的天气，Oslo？"),
        ("Turn the light on.", "Turn the light on: Oslo"),
        ("", "What is weather: Oslo?"),
    ],
)
def test_a_description_becomes_a_question_where_it_asks_for_something(description: str, asks: str) -> None:
    question, _ = examples_of(spec(description, city={"type": "string", "description": "A city, e.g. Oslo."}))
    assert question.ask == asks
    assert question.arguments == {"city": "Oslo"}


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string"},
        {"type": "integer", "minimum": 100},
        {"type": "number", "maximum": 1},
        {"type": "boolean"},
        {"enum": ["a", "b"]},
        {"const": 3},
        {"type": "array", "items": {"type": "integer"}},
        {"type": ["null", "integer"]},
        {"type": "null"},
        {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x"]},
        {"anyOf": [{"type": "null"}, {"type": "integer"}]},
        {"$ref": "#/$defs/Mood"},
        {"allOf": [{"$ref": "#/$defs/Mood"}], "description": "How one feels."},
        {"anyOf": [{"$ref": "#/properties/value/anyOf/1"}, {"type": "boolean"}]},
        {"type": "integer", "minimum": 20.5},
        {"type": "array", "prefixItems": [{"type": "string"}, {"type": "number"}], "minItems": 2},
        {"type": "array", "items": True},
        {"anyOf": [{"type": "null"}]},
        True,
    ],
)
def test_examples_satisfy_the_schema(schema: Any) -> None:
    parameters = {
        "type": "object",
        "properties": {"value": schema},
        "required": ["value"],
        "$defs": {"Mood": {"type": "string", "enum": ["happy", "sad"]}},
    }
    for example in examples_of(ToolSpec("tool", "Do it.", parameters)):
        jsonschema.validate(example.arguments, parameters)


ODD: list[Any] = [
    True,
    False,
    None,
    [],
    {"enum": []},
    {"type": []},
    {"type": "any"},
    {"type": ["null", "file"]},
    {"type": "array", "items": True},
    {"type": "array", "items": [{"type": "string"}, True]},
    {"anyOf": [True, {"type": "null"}]},
    {"anyOf": True},
    {"type": "integer", "minimum": None},
    {"type": "integer", "minimum": "0", "exclusiveMaximum": True},
    {"type": "integer", "minimum": float("inf")},
    {"type": "integer", "minimum": float("nan")},
    {"type": "integer", "minimum": 1.5e300},
    {"type": "string", "description": None},
    {"type": "string", "description": ["a"]},
    {"type": "string", "examples": {"a": 1}},
    {"type": "string", "examples": "abc", "required": True},
    {"type": "object", "properties": None},
    {"type": "object", "properties": [], "required": True},
    {"$ref": 5},
    {"$ref": "#/$defs/True"},
    {"$ref": "#/$defs/Loop"},
    {"$ref": "#/$defs/List/7/x"},
    {"$ref": "https://example.com/other.json"},
    {"$ref": "#"},
]


@pytest.mark.parametrize("schema", ODD, ids=repr)
def test_examples_are_made_of_any_schema(schema: Any) -> None:
    definitions = {"True": True, "Loop": {"$ref": "#/$defs/Loop"}, "List": [True]}
    parameters = {"type": "object", "properties": {"x": schema}, "required": ["x"], "$defs": definitions}
    tool = ToolSpec("tool", "Get it.", parameters)
    for example in (*examples_of(tool), *both_of(tool)[1]):
        assert list(example.arguments) == ["x"]
        json.dumps(example.arguments, allow_nan=False)
    examples_of(ToolSpec("tool", "Get it.", schema))


def test_a_schema_that_holds_itself_many_times_makes_no_long_example() -> None:
    properties = {f"p{place}": {"$ref": "#/$defs/Node"} for place in range(30)}
    node = {"type": "object", "properties": {"name": {"type": "string"}, **properties}, "required": ["name"]}
    tool = ToolSpec("tool", "Do it.", {"type": "object", "properties": {"node": node}, "$defs": {"Node": node}})
    assert examples_of(tool)[0].arguments == {"node": {"name": "Anna"}}


def test_a_long_description_is_not_read_to_its_end() -> None:
    tool = spec("Get the weather" + " " * 200_000 + "now", city={"type": "string", "description": "e.g. " * 100_000})
    assert examples_of(tool)[0].ask.startswith("What is the weather")


def test_a_schema_that_holds_itself_comes_to_an_end() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}
    tool = ToolSpec("tool", "Do it.", {"type": "object", "properties": {"node": node}, "$defs": {"Node": node}})
    assert examples_of(tool)[0].arguments
    loop = ToolSpec("tool", "Do it.", {"type": "object", "properties": {"x": {"$ref": "#/properties/x"}}})
    assert len(examples_of(loop)[0].arguments) == 1


def test_two_calls_are_asked_for_with_and() -> None:
    tool = spec("Get the weather.", city={"type": "string"}, unit={"enum": ["C", "F"]})
    ask, calls = both_of(tool)
    assert ask == "What is the weather: Paris and 上海, C and F?"
    assert [call.arguments["city"] for call in calls] == ["Paris", "上海"]
