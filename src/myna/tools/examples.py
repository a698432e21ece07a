"""Arguments that a tool might be called with, made from its schema: models follow examples better than rules."""

import re
from collections.abc import Mapping
from typing import Any

from myna.core.tools import JSON

_EXAMPLE = re.compile(r"(?:e\.g\.|for example|such as|例如|比如)[,:，：]?\s*(.+?)[.。)）]*$", re.IGNORECASE)


def example_arguments(parameters: JSON, variant: int = 0) -> dict[str, Any]:
    """A value for each parameter; those of another ``variant`` may differ."""
    properties: Mapping[str, JSON] = parameters.get("properties", {})
    return {name: _value(name, schema, variant) for name, schema in properties.items()}


def _value(name: str, schema: JSON | bool, variant: int) -> object:
    if isinstance(schema, bool):
        return name
    if choices := schema.get("enum") or schema.get("examples") or ([schema["const"]] if "const" in schema else None):
        return choices[variant % len(choices)]
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return _value(name, options[0], variant)
    kinds: str | list[str] = schema.get("type", "string")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "array":
        return [_value(name, schema.get("items", {}), variant)]
    if kind == "object":
        return example_arguments(schema, variant)
    plain = {"integer": max(3 + variant, int(schema.get("minimum", 0))), "number": 2.5 + variant, "boolean": True}
    return plain.get(kind) or _text(name, schema)


def _text(name: str, schema: JSON) -> str:
    if example := _EXAMPLE.search(schema.get("description", "")):
        return example[1].strip("\"'“”")
    if isinstance(schema.get("default"), str) and schema["default"]:
        return schema["default"]
    return name.replace("_", " ")
