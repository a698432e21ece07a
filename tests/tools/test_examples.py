from typing import Any

import jsonschema
import pytest

from myna.core.tools import JSON, ToolSpec
from myna.tools.apart import listed
from myna.tools.examples import example_arguments, properties_of

PARAMETERS: JSON = {
    "type": "object",
    "properties": {
        "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA."},
        "城市": {"type": "string", "description": "城市名，例如：杭州。"},
        "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        "num_days": {"type": "integer", "minimum": 1},
        "room_name": {"type": "string"},
        "level": {"type": ["number", "null"]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "where": {"anyOf": [{"type": "object", "properties": {"floor": {"type": "boolean"}}}, {"type": "null"}]},
        "kind": {"const": "x"},
        "language": {"type": "string", "default": "en"},
        "any": True,
    },
}


def test_examples_are_taken_from_what_the_schema_says() -> None:
    assert example_arguments(PARAMETERS) == {
        "location": "San Francisco, CA",
        "城市": "杭州",
        "unit": "celsius",
        "num_days": 3,
        "room_name": "room name",
        "level": 2.5,
        "tags": ["tags"],
        "where": {"floor": True},
        "kind": "x",
        "language": "en",
        "any": "any",
    }


@pytest.mark.parametrize("variant", range(4))
def test_examples_are_valid(variant: int) -> None:
    jsonschema.validate(example_arguments(PARAMETERS, variant), PARAMETERS)


def test_a_tool_without_parameters_is_called_with_none() -> None:
    assert example_arguments({"type": "object"}) == {}


ODD: list[Any] = [
    True,
    [],
    {"properties": None},
    {"description": None},
    {"type": "integer", "minimum": None},
    {"type": "integer", "minimum": "0"},
    {"type": ["null"]},
    {"type": []},
    {"type": "array", "items": True},
    {"type": "array", "items": [{"type": "string"}]},
    {"type": "object", "properties": {"a": True}},
    {"anyOf": [True]},
    {"anyOf": {}},
    {"examples": {}},
    {"default": ""},
]


@pytest.mark.parametrize("schema", ODD)
def test_schemas_that_servers_send_have_examples_and_a_description_however_odd(schema: Any) -> None:
    parameters = {"type": "object", "properties": {"thing": schema}}
    assert list(example_arguments(parameters)) == ["thing"]
    assert list(properties_of(parameters)) == ["thing"]
    assert "look(thing: " in listed([ToolSpec("look", "Look.", parameters)])


@pytest.mark.parametrize("parameters", [{}, {"properties": None}, {"properties": True}])
def test_parameters_that_are_none_have_no_examples(parameters: Any) -> None:
    assert example_arguments(parameters) == {}
