"""JSON schemas as models are given them: short, without references, and without what only pydantic needs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, cast

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, JsonSchemaWarningKind
from pydantic_core import CoreSchema

from myna.core.tools import JSON

_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SCHEMAS = ("items", "additionalProperties", "propertyNames", "not", "contains")
_DROPPED = ("title", "discriminator", "$defs")


class Secret:
    """Marks what may not be shown or logged: ``password: Annotated[str, Secret]``.

    A pydantic ``SecretStr`` is secret too.
    """

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The schema of what is marked, marked."""
        return {**handler(core), "writeOnly": True}


class FullSchema(GenerateJsonSchema):
    """A default that JSON has no word for is left out without a warning."""

    ignored_warning_kinds: ClassVar[set[JsonSchemaWarningKind]] = {"skipped-choice", "non-serializable-default"}  # pyright: ignore[reportIncompatibleVariableOverride]


def told(schema: JSON, *, secrets: bool = False) -> dict[str, Any]:
    """What pydantic writes, as a model is given it.

    References are resolved, but for those of types that hold themselves. With ``secrets``, the marks of what is secret
    stay in.
    """
    definitions: Mapping[str, JSON] = schema.get("$defs", {})
    recursive = frozenset(name for name in definitions if name in _reached(definitions[name], definitions, set()))
    writer = _Writer(definitions, recursive, secrets=secrets)
    plain = writer.plain(schema)
    plain.setdefault("properties", {})
    if recursive:
        plain["$defs"] = {name: writer.plain(definitions[name]) for name in sorted(recursive)}
    return plain


class _Writer:
    def __init__(self, definitions: Mapping[str, JSON], recursive: frozenset[str], *, secrets: bool) -> None:
        self._definitions = definitions
        self._recursive = recursive
        self._secrets = secrets

    def plain(self, schema: JSON) -> dict[str, Any]:
        if (name := _reference(schema)) and name not in self._recursive:
            schema = {**self._definitions[name], **{key: schema[key] for key in schema if key != "$ref"}}
            return self.plain(schema)
        found: dict[str, Any] = {}
        for key, value in schema.items():
            if key in _DROPPED or (key == "default" and value is None):
                continue
            if (key == "additionalProperties" and isinstance(value, bool)) or (key == "items" and value == {}):
                continue  # it goes without saying, and would cost words in every prompt
            if not self._secrets and (key == "writeOnly" or (key == "format" and value == "password")):
                continue
            found[key] = self._value(key, value)
        return _without_null(found) if schema.get("default", "") is None else found

    def _value(self, key: str, value: object) -> object:
        match value:
            case Mapping() if key in ("properties", "patternProperties"):
                return {name: self.plain(each) for name, each in cast("Mapping[str, JSON]", value).items()}
            case Mapping() if key in _SCHEMAS:
                return self.plain(cast(JSON, value))
            case list() if key in _LISTS:
                return [self.plain(each) for each in cast("list[JSON]", value)]
            case _:
                return value


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a parameter that is None if it is left out: it need not be null beside that."""
    options = [option for option in schema.pop("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        return {**options[0], **schema}
    return {**schema, "anyOf": options} if options else schema


def _reference(schema: JSON) -> str:
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _references(schema: object) -> Iterator[str]:
    match schema:
        case Mapping():
            found = cast(JSON, schema)
            if name := _reference(found):
                yield name
            for value in found.values():
                yield from _references(value)
        case list():
            for value in cast("list[Any]", schema):
                yield from _references(value)
        case _:
            pass


def _reached(schema: JSON, definitions: Mapping[str, JSON], seen: set[str]) -> set[str]:
    for name in _references(schema):
        if name not in seen:
            seen.add(name)
            _reached(definitions[name], definitions, seen)
    return seen


# ------------------------------------------------------------------------------------------------------- in few words


def signature_of(schema: JSON) -> str:
    """The parameters in a line: ``location: string, unit: "celsius" | "fahrenheit" (optional)``."""
    required = schema.get("required", ())
    words = (
        f"{name}: {_type(each)}{'' if name in required else ' (optional)'}"
        for name, each in properties_of(schema).items()
    )
    return ", ".join(words) or "none"


def properties_of(schema: JSON) -> Mapping[str, JSON]:
    """Its properties. Where others write something that is no schema, as ``true`` for any value, it is empty."""
    return {name: _mapping(each) for name, each in _mapping(schema.get("properties")).items()}


def _mapping(value: object) -> JSON:
    return cast(JSON, value) if isinstance(value, Mapping) else {}


def _type(schema: object) -> str:
    if not isinstance(schema, Mapping):  # servers write true, and lists of items
        return "anything"
    schema = cast(JSON, schema)
    match schema:
        case {"const": value}:
            return json.dumps(value, ensure_ascii=False)
        case {"enum": values}:
            return " | ".join(json.dumps(value, ensure_ascii=False) for value in values)
        case {"anyOf": options} | {"oneOf": options}:
            return " | ".join(_type(option) for option in options)
        case {"type": "array"}:
            found = f"list of {_type(schema.get('items', {}))}"
        case {"type": "object", "properties": properties}:
            found = f"{{{', '.join(f'{name}: {_type(each)}' for name, each in properties.items())}}}"
        case {"type": [*kinds]}:
            return " | ".join(map(str, kinds))
        case _:
            found = str(schema.get("format") or schema.get("type") or _reference(schema) or "anything")
    return found
