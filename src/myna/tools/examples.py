"""Arguments that a tool might be called with, made from its schema: models follow examples better than rules."""

import re
from collections.abc import Mapping
from typing import Any, cast

from myna.core.tools import JSON

_EXAMPLE = re.compile(r"(?:e\.g\.|for example|such as|例如|比如)[,:，：]?\s*(.+?)[.。)）]*$", re.IGNORECASE)


def example_arguments(parameters: JSON, variant: int = 0) -> dict[str, Any]:
    """A value for each parameter; those of another ``variant`` may differ."""
    return {name: _value(name, schema, variant) for name, schema in properties_of(parameters).items()}


def properties_of(schema: JSON) -> Mapping[str, JSON]:
    """Its properties. Where others write something that is no schema, as ``true`` for any value, it is empty."""
    properties = cast("Mapping[str, object]", _schema(schema.get("properties")))
    return {name: _schema(each) for name, each in properties.items()}


def _schema(schema: object) -> JSON:
    return cast(JSON, schema) if isinstance(schema, Mapping) else {}


def _value(name: str, schema: JSON, variant: int) -> object:
    constant = [schema["const"]] if "const" in schema else []
    if choices := constant or _list(schema, "enum") or _list(schema, "examples"):
        return choices[variant % len(choices)]
    if options := _list(schema, "anyOf") or _list(schema, "oneOf"):
        return _value(name, _schema(options[0]), variant)
    kind = str(next(iter(_list(schema, "type")), schema.get("type")))
    if kind == "array":
        return [_value(name, _schema(schema.get("items")), variant)]
    if kind == "object":
        return example_arguments(schema, variant)
    least = schema.get("minimum")
    integer = max(3 + variant, int(least)) if isinstance(least, int | float) else 3 + variant
    plain = {"integer": integer, "number": 2.5 + variant, "boolean": True}
    return plain[kind] if kind in plain else _text(name, schema)


def _list(schema: JSON, key: str) -> list[Any]:
    value = schema.get(key)
    return cast("list[Any]", value) if isinstance(value, list) else []


def _text(name: str, schema: JSON) -> str:
    if example := _EXAMPLE.search(str(schema.get("description", ""))):
        return example[1].strip("\"'“”")
    if isinstance(schema.get("default"), str) and schema["default"]:
        return schema["default"]
    return name.replace("_", " ")
