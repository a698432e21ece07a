import jsonschema
import pytest

from myna.core.tools import JSON
from myna.tools.examples import example_arguments

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
