"""Any JSON schema as one that can be read without looking twice. No I/O.

Tools come from anywhere, and so do their schemas: of any draft, with ``true`` for any value, with nulls where nothing
was to be said, and with mistakes.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

DEEPEST = 32
"""What is nested deeper may be any value."""

TYPES = frozenset({"string", "number", "integer", "boolean", "object", "array", "null"})

_SCHEMAS = frozenset({"items", "contains", "not", "if", "then", "else", "propertyNames"})
_SCHEMAS_OR_NOT = frozenset({"additionalProperties", "unevaluatedProperties", "unevaluatedItems"})
_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_ANY = frozenset({"const", "default"})
_NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})


def sound_schema(schema: object) -> dict[str, Any]:
    """What ``schema`` says, as far as it says it as a JSON schema does; the rest is left out. Never raises.

    What holds of it, and of each schema within it: it is a mapping (``true`` is an empty one), ``type`` is the name of
    a type or a list of such, ``properties`` and ``$defs`` hold schemas by name, ``anyOf``, ``oneOf``, ``allOf`` and
    ``prefixItems`` are lists of schemas, ``items`` is one schema, ``enum`` a list, ``required`` a list of names, texts
    are texts and limits are finite numbers; no list is empty. ``additionalProperties`` may be a bool.
    Other keywords stay as they are unless they are null, and so do the values of ``enum``, ``const`` and ``default``.
    """
    return _sound(schema, 0)


def _sound(schema: object, depth: int) -> dict[str, Any]:
    if schema is False:
        return {"not": {}}
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return {}
    kept: dict[str, Any] = {}
    for key, value in cast("Mapping[object, object]", schema).items():
        if isinstance(key, str) and ((found := _keyword(key, value, depth + 1)) is not None or key in _ANY):
            kept[key] = found
    if isinstance(tuples := kept.get("items"), list):  # as it was written before 2020
        del kept["items"]
        kept.setdefault("prefixItems", tuples)
    return kept


def _keyword(key: str, value: object, depth: int) -> object:
    """The value of a keyword; None if there is none that it may have."""
    if key in _NAMED:
        return _named(value, depth)
    schemas = [_sound(each, depth) for each in _listed(value)]
    if key in _LISTS or (key == "items" and schemas):
        return schemas or None
    if key in _SCHEMAS_OR_NOT and isinstance(value, bool):
        return value
    if key in _SCHEMAS or key in _SCHEMAS_OR_NOT:
        return _sound(cast("object", value), depth) if isinstance(value, Mapping | bool) else None
    return _CHECKED[key](value) if key in _CHECKED else value


def _named(value: object, depth: int) -> dict[str, Any] | None:
    if not isinstance(value, Mapping):
        return None
    named = cast("Mapping[object, object]", value)
    return {name: _sound(each, depth) for name, each in named.items() if isinstance(name, str)}


def _listed(value: object) -> list[object]:
    return cast("list[object]", value) if isinstance(value, list) else []


def _type(value: object) -> str | list[str] | None:
    if isinstance(value, str):
        return value if value in TYPES else None
    return [each for each in _listed(value) if isinstance(each, str) and each in TYPES] or None


def _values(value: object) -> list[object] | None:
    return _listed(value) or None


def _names(value: object) -> list[str] | None:
    return [each for each in _listed(value) if isinstance(each, str)] or None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> float | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return value if isinstance(value, float) and math.isfinite(value) else None


def _count(value: object) -> int | None:
    number = _number(value)
    return int(number) if number is not None and number >= 0 and number == int(number) else None


_CHECKED: Mapping[str, Callable[[object], object]] = {
    "type": _type,
    "enum": _values,
    "examples": _values,
    "required": _names,
    **dict.fromkeys(("title", "description", "format", "pattern", "$ref", "$schema", "$id", "$anchor"), _text),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"), _number),
    **dict.fromkeys(
        ("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties", "minContains"), _count
    ),
}
