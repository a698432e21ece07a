import pytest

from myna.core.errors import BadInput
from myna.tools.json_schema import MASK
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


def test_passwords_are_masked():
    schema = {
        "type": "object",
        "properties": {"user": {"type": "string"}, "word": {"format": "password"}, "pin": {"writeOnly": True}},
    }
    shown = Arguments(schema).mask({"user": "ann", "word": "sesame", "pin": 1234})
    assert shown == {"user": "ann", "word": MASK, "pin": MASK}


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"type": "array"}, "no object"),
        ({"type": "object", "properties": ["a"]}, "schema is wrong"),
        ({"type": "object", "required": "a"}, "schema is wrong"),
        ({"type": "object", "description": "x" * LONGEST}, "too long"),
    ],
)
def test_a_schema_that_is_of_no_use_is_told(schema: dict[str, object], why: str):
    assert why in problem_of(schema)


def test_a_schema_that_is_of_use_has_no_problem():
    assert not problem_of({"type": "object", "properties": {"a": {"type": ["string", "null"]}}})
