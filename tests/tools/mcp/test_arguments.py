import pytest

from myna.core.errors import BadInput
from myna.tools.masking import MASK
from myna.tools.mcp.arguments import LONGEST, Arguments, problem_of


def test_what_is_wrong_is_told_with_its_place():
    schema = {"type": "object", "properties": {"days": {"type": "array", "items": {"type": "integer", "maximum": 7}}}}
    with pytest.raises(BadInput, match=r"days\[1\]: 9 is greater than the maximum of 7"):
        Arguments(schema).check({"days": [1, 9]})


def test_a_long_value_is_not_told_back():
    with pytest.raises(BadInput) as raised:
        Arguments({"type": "object", "properties": {"a": {"type": "integer"}}}).check({"a": "x" * 10_000})
    assert len(raised.value.message) < 500


def test_a_reference_to_an_address_is_not_followed():
    schema = {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:1/schema.json"}}}
    assert Arguments(schema).check({"a": 1}) == {"a": 1}


def test_a_pattern_that_is_none_checks_nothing():
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}
    assert Arguments(schema).check({"a": "b"}) == {"a": "b"}


SLOW = "^(a+)+$"  # with 40 letters it takes hours


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": {"a": {"pattern": SLOW}}},
        {"patternProperties": {SLOW: {"type": "integer"}}, "additionalProperties": False},
        {"allOf": [{"patternProperties": {SLOW: True}}], "unevaluatedProperties": False},
        {"propertyNames": {"pattern": SLOW}, "additionalProperties": {"pattern": SLOW}},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": {"a": {"pattern": SLOW}}},
        {
            "properties": {"a": {"$ref": "#/$defs/pattern"}},
            "$defs": {"pattern": {"$schema": "http://json-schema.org/draft-07/schema#", "pattern": SLOW}},
        },
    ],
)
def test_patterns_are_left_to_the_server(schema: dict[str, object]):
    value = {"a": "a" * 40 + "!", "a" * 40 + "!": "a" * 40 + "!"}
    assert Arguments({"type": "object", **schema}).check(value) == value


def test_a_parameter_may_be_called_pattern():
    schema = {"type": "object", "properties": {"pattern": {"type": "string"}}, "additionalProperties": False}
    assert Arguments(schema).check({"pattern": "*.md"}) == {"pattern": "*.md"}
    with pytest.raises(BadInput, match="pattern: 1 is not of type 'string'"):
        Arguments(schema).check({"pattern": 1})


def test_passwords_are_masked():
    schema = {
        "type": "object",
        "properties": {
            "user": {"type": "string"},
            "word": {"format": "password"},
            "pin": {"writeOnly": True},
            "at": {"type": "object", "properties": {"word": {"format": "password"}}},
        },
    }
    shown = Arguments(schema).mask({"user": "ann", "word": "sesame", "pin": 1234, "at": {"word": "sesame"}})
    assert shown == {"user": "ann", "word": MASK, "pin": MASK, "at": {"word": MASK}}


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "array"}, "no object"),
        ({"type": "object", "properties": ["a"]}, "schema is wrong"),
        ({"type": "object", "required": "a"}, "schema is wrong"),
        ({"type": "object", "$schema": 5}, "schema is wrong"),
        ({"type": "object", "description": "x" * LONGEST}, "too long"),
    ],
)
def test_a_schema_that_is_of_no_use_is_told(schema: dict[str, object], why: str):
    assert why in problem_of(schema)


def test_a_schema_that_is_of_use_has_no_problem():
    assert not problem_of({"type": "object", "properties": {"a": {"type": ["string", "null"]}}})
    assert not problem_of({"type": "object", "properties": {"a": {"pattern": "^\\p{L}+$"}}})  # JavaScript's
