"""JSON schemas as models are given them: short, without references, and without what only pydantic needs."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, cast

from pydantic import GetJsonSchemaHandler
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, JsonSchemaWarningKind
from pydantic_core import CoreSchema

from myna.core.tools import JSON

MASK = "***"

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


# ------------------------------------------------------------------------------------------------------------ secrets


def without_secrets(value: object, schema: JSON) -> object:
    """``value`` with `MASK` in place of what ``schema`` marks as secret.

    Where there are secrets, what stands where it does not belong may be one in the wrong place, and is masked too.
    """
    return _masked(value, schema, schema.get("$defs", {}))


def _masked(value: object, schema: JSON, definitions: Mapping[str, JSON]) -> object:
    if name := _reference(schema):
        schema = definitions[name]
    if not _has_secret(schema, definitions):
        return value
    if schema.get("writeOnly"):
        return MASK
    for option in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        value = _masked(value, option, definitions)
    match value:
        case Mapping() if "properties" in schema or "additionalProperties" in schema:
            return _masked_object(cast(JSON, value), schema, definitions)
        case list() if "items" in schema or "prefixItems" in schema:
            places = [*schema.get("prefixItems", ()), *[schema.get("items", {})] * len(cast("list[Any]", value))]
            return [_masked(item, place, definitions) for item, place in zip(cast("list[Any]", value), places)]  # noqa: B905
        case _:
            return value if "anyOf" in schema or "oneOf" in schema or "allOf" in schema else MASK


def _masked_object(value: JSON, schema: JSON, definitions: Mapping[str, JSON]) -> JSON:
    properties: Mapping[str, JSON] = schema.get("properties", {})
    others = schema.get("additionalProperties")
    return {
        name: _masked(each, properties[name], definitions)
        if name in properties
        else (_masked(each, cast(JSON, others), definitions) if isinstance(others, Mapping) else MASK)
        for name, each in value.items()
    }


def _has_secret(schema: JSON, definitions: Mapping[str, JSON]) -> bool:
    written = json.dumps(schema, default=str)
    return '"writeOnly": true' in written or ('"$ref"' in written and '"writeOnly": true' in json.dumps(definitions))


# ------------------------------------------------------------------------------------------------------- in few words


def signature_of(schema: JSON) -> str:
    """The parameters in a line: ``location: string, unit: "celsius" | "fahrenheit" (optional)``."""
    required = schema.get("required", ())
    properties: Mapping[str, JSON] = schema.get("properties", {})
    words = (f"{name}: {_type(each)}{'' if name in required else ' (optional)'}" for name, each in properties.items())
    return ", ".join(words) or "none"


def _type(schema: JSON) -> str:
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
        case _:
            found = str(schema.get("format") or schema.get("type") or _reference(schema) or "anything")
    return found
