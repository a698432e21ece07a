import pytest

from myna.core.tools import JSON
from myna.tools.json_schema import signature_of, without_secrets


@pytest.mark.parametrize(
    ("properties", "said"),
    [
        ({}, "none"),
        ({"city": {"type": "string"}}, "city: string"),
        ({"unit": {"type": "string", "enum": ["c", "f"], "default": "c"}}, 'unit: "c" | "f" (optional)'),
        ({"kind": {"const": "a"}}, 'kind: "a"'),
        ({"when": {"type": "string", "format": "date"}}, "when: date"),
        ({"days": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}, "days: integer | null"),
        ({"names": {"type": "array", "items": {"type": "string"}}}, "names: list of string"),
        ({"names": {"type": "array"}}, "names: list of anything"),
        ({"at": {"type": "object", "properties": {"x": {"type": "number"}}}}, "at: {x: number}"),
        ({"all": {"type": "object"}}, "all: object"),
        ({"tree": {"$ref": "#/$defs/Tree"}}, "tree: Tree"),
        ({"any": {}}, "any: anything"),
    ],
)
def test_parameters_are_told_in_a_line(properties: JSON, said: str):
    required = [name for name, each in properties.items() if "default" not in each]
    assert signature_of({"type": "object", "properties": properties, "required": required}) == said


def test_what_has_no_secrets_is_shown_as_it_is():
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    assert without_secrets({"city": "Ulm", "more": [1]}, schema) == {"city": "Ulm", "more": [1]}
