"""Schemas of tools as servers enforce them: what not all make a grammar of is left out, and checked later. No I/O."""

import json
from collections.abc import Mapping
from typing import Any, cast

from myna.core.tools import JSON

_NAMED = frozenset({"properties", "$defs", "definitions"})
_TOLD = frozenset({"title", "description", "default", "examples", "$schema", "$id"})
_BEYOND = frozenset({"pattern", "format", "patternProperties", "propertyNames", "if", "then", "else", "not"})
"""Not all that servers make a grammar of; some refuse a schema that holds them. What is left out is checked later."""


def enforceable(schema: JSON) -> dict[str, Any]:
    """The schema without what servers do not enforce."""
    kept: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NAMED and isinstance(value, Mapping):
            named = cast("Mapping[str, object]", value)
            kept[key] = {name: _enforceable(each) for name, each in named.items()}
        elif key not in _TOLD | _BEYOND:
            kept[key] = value if key in {"enum", "const"} else _enforceable(value)
    return kept


def _enforceable(value: object) -> object:
    if isinstance(value, Mapping):
        return enforceable(cast("JSON", value))
    if isinstance(value, list):
        return [_enforceable(each) for each in cast("list[object]", value)]
    return value


def with_own_definitions(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with definitions that no other tool's take the names of."""
    written = json.dumps(schema)
    for key in ("$defs", "definitions"):
        written = written.replace(f'"#/{key}/', f'"#/{key}/{name}.')
    own: dict[str, Any] = json.loads(written)
    for key in ("$defs", "definitions"):
        if key in own:
            own[key] = {f"{name}.{each}": value for each, value in own[key].items()}
    return own
