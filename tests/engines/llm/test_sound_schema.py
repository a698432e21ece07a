from typing import Any, cast

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.engines.llm.sound_schema import DEEPEST, sound_schema

GOOD: dict[str, Any] = {
    "type": "object",
    "description": "A person.",
    "properties": {
        "name": {"type": "string", "minLength": 1, "examples": ["Anna"], "default": None},
        "kind": {"const": None},
        "tags": {"type": "array", "items": {"enum": ["a", None]}, "maxItems": 3},
        "friend": {"anyOf": [{"$ref": "#/$defs/Friend"}, {"type": ["null", "integer"]}]},
    },
    "required": ["name"],
    "additionalProperties": False,
    "$defs": {"Friend": {"type": "object", "properties": {}}},
    "x-of-others": {"a": [1]},
}


def test_a_sound_schema_stays_as_it_is() -> None:
    assert sound_schema(GOOD) == GOOD


ODD: list[tuple[Any, Any]] = [
    (True, {}),
    (False, {"not": {}}),
    (None, {}),
    ("string", {}),
    ({"properties": {"x": True, "y": None}}, {"properties": {"x": {}, "y": {}}}),
    ({"properties": None, "required": True, "description": None}, {}),
    ({"type": "any", "enum": [], "minimum": "0"}, {}),
    ({"type": ["string", {"type": "null"}, "file"]}, {"type": ["string"]}),
    ({"items": True}, {"items": {}}),
    ({"items": [True, {"type": "null"}]}, {"prefixItems": [{}, {"type": "null"}]}),
    ({"items": []}, {}),
    ({"anyOf": [True, {"type": 5}], "oneOf": {}, "allOf": []}, {"anyOf": [{}, {}]}),
    ({"minimum": float("inf"), "maximum": float("nan"), "multipleOf": True}, {}),
    ({"minItems": 2.0, "maxItems": -1}, {"minItems": 2}),
    ({"additionalProperties": True}, {"additionalProperties": True}),
    ({"required": ["a", 5]}, {"required": ["a"]}),
]


@pytest.mark.parametrize(("schema", "sound"), ODD)
def test_what_is_no_schema_is_left_out(schema: object, sound: object) -> None:
    assert sound_schema(schema) == sound


def test_what_is_nested_too_deep_may_be_anything() -> None:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(5_000):
        schema = {"items": schema}
    found = sound_schema(schema)
    depth = 0
    while found:
        found, depth = found["items"], depth + 1
    assert depth == DEEPEST + 1


_KEYS = st.sampled_from(
    ["type", "properties", "items", "anyOf", "enum", "required", "minimum", "description", "$ref", "not", "const", "x"]
)
_ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["string", "object", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(_ANY)
def test_any_value_becomes_a_valid_schema_and_stays_it(value: object) -> None:
    sound = sound_schema(value)
    cast("Any", jsonschema.Draft202012Validator).check_schema({key: sound[key] for key in sound if key != "$ref"})
    assert repr(sound_schema(sound)) == repr(sound)  # nan is not itself
