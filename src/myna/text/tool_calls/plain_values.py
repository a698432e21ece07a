"""Values that are written as plain text, as XML has them."""

import json
from collections.abc import Mapping
from typing import cast

from myna.core.tools import JSON

_PYTHON = {"True": True, "False": False, "None": None}
_TYPES: dict[type, frozenset[str]] = {
    bool: frozenset({"boolean"}),
    int: frozenset({"integer", "number"}),
    float: frozenset({"number"}),
    str: frozenset({"string"}),
    list: frozenset({"array"}),
    dict: frozenset({"object"}),
    type(None): frozenset({"null"}),
}
_MOST_NESTED = 4


def argument_value(written: str, tool: JSON, name: str) -> object:
    """What ``written`` is as the argument ``name`` of a tool with this JSON schema."""
    parameters: object = tool.get("properties")
    return as_value(written, cast("JSON", parameters).get(name) if isinstance(parameters, Mapping) else None)


def as_value(written: str, schema: object) -> object:
    """What ``written`` is by the JSON schema of its parameter: text, if that takes no other value that it could be.

    Without a schema what can be read as JSON is taken for it.
    """
    types = _types(schema)
    if types == {"string"}:
        return written
    text = written.strip()
    try:
        value = _PYTHON[text] if text in _PYTHON else json.loads(text)
    except (ValueError, RecursionError):
        return written
    fits = not types or bool(_TYPES[type(value)] & types) or ("integer" in types and value == _whole(value))
    return value if fits else written


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else None


def _types(schema: object, nested: int = 0) -> set[str]:
    """The JSON types that a schema takes; empty if it does not say. Anything may be given as a schema."""
    if not isinstance(schema, Mapping) or nested > _MOST_NESTED:
        return set()
    known = cast("Mapping[str, object]", schema)
    named = known.get("type")
    types = {named} if isinstance(named, str) else {each for each in _listed(named) if isinstance(each, str)}
    for choice in (*_listed(known.get("anyOf")), *_listed(known.get("oneOf"))):
        types |= _types(choice, nested + 1)
    if not types:
        types = {name for value in _listed(known.get("enum")) for name in _TYPES.get(type(value), ())}
    return types


def _listed(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []
