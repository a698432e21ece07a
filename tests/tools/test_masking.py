import pytest

from myna.core.tools import JSON
from myna.tools.masking import MASK, without_secrets


def test_what_has_no_secrets_is_shown_as_it_is():
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    assert without_secrets({"city": "Ulm", "more": [1]}, schema) == {"city": "Ulm", "more": [1]}


PASSWORD = {"type": "string", "format": "password"}


@pytest.mark.parametrize(
    ("schema", "value", "shown"),
    [
        ({"properties": {"to": {"properties": {"word": PASSWORD}}}}, {"to": {"word": "x"}}, {"to": {"word": MASK}}),
        ({"properties": {"to": {"properties": {"word": PASSWORD}}}}, {"to": "x"}, {"to": MASK}),
        (
            {"properties": {"words": {"items": PASSWORD}, "a": True}},
            {"words": ["x"], "a": 1},
            {"words": [MASK], "a": 1},
        ),
        ({"properties": {"words": {"items": [True, PASSWORD]}}}, {"words": [1, "x"]}, {"words": [1, MASK]}),
        (
            {"properties": {"word": {"$ref": "#/definitions/a~1b"}}, "definitions": {"a/b": PASSWORD}},
            {"word": "x"},
            {"word": MASK},
        ),
        (
            {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"$ref": "#/$defs/B"}, "B": PASSWORD}},
            {"a": "x"},
            {"a": MASK},
        ),
        ({"properties": {"word": PASSWORD, "more": {"$ref": "#"}}}, {"more": {"word": "x"}}, {"more": {"word": MASK}}),
        (
            {"properties": {"a": {"$ref": "#/$defs/A", "writeOnly": True}}, "$defs": {"A": {"type": "string"}}},
            {"a": "x"},
            {"a": MASK},
        ),
        ({"properties": {"word": PASSWORD, "a": {"$ref": "http://x/y"}}}, {"a": "x"}, {"a": MASK}),
        ({"properties": {"word": PASSWORD, "a": {"$ref": "#/properties/a"}}}, {"a": "x"}, {"a": MASK}),
        ({"properties": {"word": PASSWORD, "a": {"anyOf": "$ref", "$ref": "#/a"}}}, {"a": "x"}, {"a": MASK}),
    ],
)
def test_what_a_schema_calls_secret_is_masked_wherever_it_stands(schema: JSON, value: JSON, shown: JSON):
    assert without_secrets(value, {"type": "object", **schema}) == shown
