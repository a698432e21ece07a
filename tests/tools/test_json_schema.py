import pytest

from myna.core.tools import JSON
from myna.tools.json_schema import signature_of


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
        ({"any": True}, "any: anything"),
        ({"all": {"type": "array", "items": True}}, "all: list of anything"),
        ({"pair": {"type": "array", "items": [{"type": "string"}]}}, "pair: list of anything"),
        ({"one": {"anyOf": [True, {"type": "null"}]}}, "one: anything | null"),
        ({"name": {"type": ["string", "null"]}}, "name: string | null"),
    ],
)
def test_parameters_are_told_in_a_line(properties: JSON, said: str):
    required = [name for name, each in properties.items() if each is True or "default" not in each]
    assert signature_of({"type": "object", "properties": properties, "required": required}) == said
