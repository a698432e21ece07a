"""Arguments that a model has written a little wrong, taken as they can only have been meant.

Small models write ``"Celsius"`` for ``"celsius"``, ``"Tokyo"`` for ``["Tokyo"]``, ``null`` for what they leave open,
and a list or an object as text.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import cast

from myna.core.tools import JSON


def as_meant(arguments: JSON, wrong: Collection[str], schema: JSON) -> JSON:
    """``arguments``, of which those that are ``wrong`` are taken as they fit ``schema``, if there is but one way."""
    properties: Mapping[str, JSON] = schema["properties"]
    meant = dict(arguments)
    for name in wrong:
        if name in properties and name in arguments:
            if arguments[name] is None and name not in schema.get("required", ()):
                del meant[name]
            else:
                meant[name] = _meant(arguments[name], properties[name])
    return meant


def _meant(value: object, schema: JSON) -> object:
    wanted = schema.get("type")
    if isinstance(value, str) and wanted in ("array", "object"):
        value = _parsed(value)
    elif isinstance(value, str | int | float):
        value = _choice(value, schema)
    if wanted != "array" or isinstance(value, dict):
        return cast(object, value)
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    items = schema.get("items")
    return [_meant(each, cast(JSON, items)) for each in values] if isinstance(items, Mapping) else values


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _choice(value: object, schema: JSON) -> object:
    alike = [choice for choice in _choices(schema) if _fold(choice) == _fold(value)]
    return alike[0] if len(alike) == 1 else value


def _choices(schema: JSON) -> Iterator[object]:
    yield from schema.get("enum", ())
    if "const" in schema:
        yield schema["const"]
    for option in schema.get("anyOf", ()):
        yield from _choices(option)


def _fold(value: object) -> str:
    return str(value).strip().casefold().replace(" ", "_").replace("-", "_")
