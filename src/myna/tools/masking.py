"""What is secret in arguments and results, and is not shown."""

import json
from collections.abc import Collection, Iterator, Mapping
from itertools import zip_longest
from typing import Any, cast

from myna.core.tools import JSON

MASK = "***"

SHORTEST_SECRET = 4
"""A shorter one, such as "1", cannot be told from other words, and would black out half of a result."""

_UNKNOWN: JSON = {"writeOnly": True}
_OPTIONS = ("anyOf", "oneOf", "allOf")


def masked_text(text: str, secrets: Collection[str]) -> str:
    """``text`` with `MASK` in place of each of these words."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def without_secrets(value: object, schema: JSON) -> object:
    """``value`` with `MASK` in place of what ``schema`` marks as secret: write-only, or a password.

    Where there are secrets, what stands where it does not belong may be one in the wrong place, and is masked too. Any
    schema will do, also one of others that is malformed.
    """
    if not _marks_secrets(schema):
        return value
    try:
        return _masked(value, schema, schema)
    except (RecursionError, AttributeError, TypeError):  # a schema that goes round in circles, or is none
        return dict.fromkeys(cast(JSON, value), MASK) if isinstance(value, Mapping) else MASK


def _masked(value: object, schema: JSON | bool, root: JSON) -> object:
    if isinstance(schema, bool) or not (_marks_secrets(schema) or '"$ref"' in json.dumps(schema, default=str)):
        return value
    if "$ref" in schema:
        beside = {key: each for key, each in schema.items() if key != "$ref"}
        return _masked(value, {**_referred(schema["$ref"], root), **beside}, root)
    if schema.get("writeOnly") is True or schema.get("format") == "password":
        return MASK
    options = [option for key in _OPTIONS for option in schema.get(key, ())]
    for option in options:
        value = _masked(value, option, root)
    match value:
        case Mapping() if "properties" in schema or "additionalProperties" in schema:
            return _masked_object(cast(JSON, value), schema, root)
        case list() if "items" in schema or "prefixItems" in schema:
            return _masked_list(cast("list[Any]", value), schema, root)
        case _:
            return value if options else MASK


def _masked_list(value: list[Any], schema: JSON, root: JSON) -> list[Any]:
    first, others = schema.get("prefixItems", []), schema.get("items", {})
    if isinstance(others, list):  # as before 2020
        first, others = cast("list[Any]", others), schema.get("additionalItems", {})
    return [_masked(item, place, root) for item, place in zip(value, [*first, *[others] * len(value)])]  # noqa: B905


def _masked_object(value: JSON, schema: JSON, root: JSON) -> JSON:
    properties: Mapping[str, JSON] = schema.get("properties", {})
    others = schema.get("additionalProperties")
    return {
        name: _masked(each, properties[name], root)
        if name in properties
        else (_masked(each, cast(JSON, others), root) if isinstance(others, Mapping) else MASK)
        for name, each in value.items()
    }


def _referred(reference: object, root: JSON) -> JSON:
    """The schema that a reference within ``root`` means; one that is all secret for another."""
    found: object = root
    for part in str(reference).removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        inside = cast("dict[str, object]", found) if isinstance(found, Mapping) else {}
        found = inside.get(name)
    return cast(JSON, found) if str(reference).startswith("#") and isinstance(found, Mapping) else _UNKNOWN


def _marks_secrets(schema: JSON) -> bool:
    written = json.dumps(schema, default=str)
    return '"writeOnly": true' in written or '"format": "password"' in written


def hidden_texts(value: object, masked: object) -> Iterator[str]:
    """The texts in ``value`` that stand no more in ``masked``, and are long enough to be told from other words."""
    if value == masked:
        return
    if isinstance(value, Mapping) and isinstance(masked, Mapping):
        for name, each in cast("Mapping[str, Any]", value).items():
            yield from hidden_texts(each, cast("Mapping[str, Any]", masked).get(name))
    elif isinstance(value, list) and isinstance(masked, list):
        for one, other in zip_longest(cast("list[Any]", value), cast("list[Any]", masked)):
            yield from hidden_texts(one, other)
    else:
        yield from _texts(cast(object, value))


def _texts(value: object) -> Iterator[str]:
    match value:
        case Mapping():
            for each in cast("Mapping[str, Any]", value).values():
                yield from _texts(each)
        case list():
            for each in cast("list[Any]", value):
                yield from _texts(each)
        case None | bool():
            pass
        case _ if len(text := str(value)) >= SHORTEST_SECRET:
            yield text
        case _:
            pass
