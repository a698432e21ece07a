from typing import Any

import pytest

from myna.core.tools import ToolSpec
from myna.tools.strategy_prompts import listed

ODD: list[Any] = [
    True,
    [],
    {"properties": None},
    {"description": None},
    {"type": ["null"]},
    {"type": []},
    {"type": "array", "items": True},
    {"type": "array", "items": [{"type": "string"}]},
    {"type": "object", "properties": {"a": True}},
    {"anyOf": [True]},
    {"anyOf": {}},
]


@pytest.mark.parametrize("schema", ODD)
def test_schemas_that_servers_send_have_a_description_however_odd(schema: Any) -> None:
    parameters = {"type": "object", "properties": {"thing": schema}}
    assert "look(thing: " in listed([ToolSpec("look", "Look.", parameters)])


def test_each_parameter_that_is_described_has_a_line() -> None:
    properties = {"city": {"type": "string", "description": "A city,\ne.g. Oslo."}, "days": {"type": "integer"}}
    tool = ToolSpec("weather", "Get the\nweather.", {"type": "object", "properties": properties, "required": ["city"]})
    assert listed([tool]).splitlines() == [
        "- weather(city: string, days: integer (optional)): Get the weather.",
        "  - city: A city, e.g. Oslo.",
    ]


@pytest.mark.parametrize("parameters", [{}, {"properties": None}, {"properties": True}])
def test_parameters_that_are_none_are_told_as_none(parameters: Any) -> None:
    assert listed([ToolSpec("look", "Look.", parameters)]) == "- look(none): Look."
