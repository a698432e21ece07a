"""Examples for small models, made of what tools say of themselves: what a user might say, and what is called for it."""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from myna.core.tools import JSON, ToolSpec
from myna.engines.llm.sound_schema import sound_schema

WORDS: Mapping[str, tuple[str, str]] = {
    "location": ("Paris", "上海"),
    "city": ("Paris", "上海"),
    "place": ("Paris", "上海"),
    "origin": ("Paris", "上海"),
    "destination": ("Rome", "北京"),
    "name": ("Anna", "李明"),
    "contact": ("Anna", "李明"),
    "recipient": ("Anna", "李明"),
    "to": ("Anna", "李明"),
    "text": ("See you soon", "我晚点到"),
    "message": ("See you soon", "我晚点到"),
    "body": ("See you soon", "我晚点到"),
    "room": ("kitchen", "客厅"),
    "date": ("Monday", "明天"),
    "day": ("Monday", "明天"),
}
"""Values for parameters by the last word of their names."""
ANY_WORDS = ("coffee", "苹果")
NUMBERS = (4, 15)
LONGEST_READ = 2_000
"""Characters of a description that are searched."""
DEEPEST = 4
"""A schema may hold itself."""
MOST_WITHIN = 8
"""Parameters within a parameter that are all given values; of more, those that have to be there."""

_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_ASKS = re.compile(
    r"(?:get|fetch|retrieve|return|look up|find|check|query|show|tell)s?\s+(.+)", re.IGNORECASE | re.DOTALL
)
_ASKS_ZH = re.compile(r"(?:查询|获取|查找|得到|返回|查看|查)(.+)", re.DOTALL)
_FOR_EXAMPLE = re.compile(r"(?:\be\.g\.|\bfor example|\bsuch as|例如|比如)[,:，：\s]*([^;；。\n)）]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ToolExample:
    """Something to say, and the arguments of the call that it asks for."""

    tool: str
    ask: str
    arguments: JSON


def is_asked(tool: ToolSpec) -> bool:
    """Whether the tool is one to ask, by what its description begins with."""
    does = tool.summary
    return bool(_ASKS.match(does) or _ASKS_ZH.match(does))


def talk_about(tool: ToolSpec) -> tuple[str, str]:
    """Two questions about what a tool does that ask nobody to do it: none that is for the tool."""
    does = tool.summary
    if _CHINESE.search(does):
        return f"人们为什么要{does}？", f"以前的人怎么{does}？"
    does = f"{does[:1].lower()}{does[1:]}"
    return f"Why do people {does}?", f"How did people {does} in the old days?"


def both_of(tool: ToolSpec) -> tuple[str, tuple[ToolExample, ToolExample]]:
    """What asks for two calls of one tool, and these."""
    one, other = examples_of(tool)
    values = {
        name: value if value == other.arguments.get(name) else f"{value} and {other.arguments.get(name)}"
        for name, value in one.arguments.items()
    }
    return _question(tool.summary, values), (one, other)


def examples_of(tool: ToolSpec) -> tuple[ToolExample, ToolExample]:
    """A question and an order, each with values for all parameters.

    What a description begins with tells whether the tool is one to ask: "Get the weather" becomes "What is the
    weather". Small models take questions for talk unless they have seen some that call a tool.
    """
    does = tool.summary
    first, second = arguments_of(tool, 0), arguments_of(tool, 1)
    return ToolExample(tool.name, _question(does, first), first), ToolExample(tool.name, _order(does, second), second)


def arguments_of(tool: ToolSpec, turn: int) -> dict[str, Any]:
    """Arguments that the schema allows, as far as that can be told; others in another ``turn``."""
    return dict(_values(sound_schema(tool.parameters), tool.parameters, turn, 0))


def said(arguments: Mapping[str, Any]) -> str:
    """The values as one might say them."""
    return ", ".join(str(value) for value in arguments.values() if isinstance(value, str | int | float))


def _question(does: str, arguments: Mapping[str, Any]) -> str:
    values = said(arguments)
    if found := _ASKS_ZH.match(does):
        return f"{found[1]}，{values}？" if values else f"{found[1]}？"
    if found := _ASKS.match(does):
        return f"What is {found[1]}: {values}?" if values else f"What is {found[1]}?"
    return _order(does, arguments)


def _order(does: str, arguments: Mapping[str, Any]) -> str:
    values = said(arguments)
    return f"{does}: {values}" if values else does


def _values(schema: JSON, root: JSON, turn: int, depth: int) -> Iterator[tuple[str, Any]]:
    properties: Mapping[str, JSON] = schema.get("properties", {})
    required: list[str] = schema.get("required", [])
    for name, each in properties.items():
        if depth == 0 or name in required or len(properties) <= MOST_WITHIN:
            yield name, _value(each, root, turn, depth + 1, name)


def _value(schema: JSON, root: JSON, turn: int, depth: int, name: str) -> object:
    schema = resolved(schema, root)
    if choices := schema.get("enum") or ([schema["const"]] if "const" in schema else []):
        return choices[turn % len(choices)]
    value: object = None
    match kind_of(schema):
        case "integer":
            value = math.ceil(_number(schema, turn))
        case "number":
            value = _number(schema, turn)
        case "boolean":
            value = turn % 2 == 0
        case "array":
            value = _list(schema, root, turn, depth, name)
        case "object":
            value = dict(_values(schema, root, turn, depth)) if depth < DEEPEST else {}
        case "string":
            value = _text(schema, turn, name)
        case _:
            pass
    return value


def _list(schema: JSON, root: JSON, turn: int, depth: int, name: str) -> list[object]:
    if depth >= DEEPEST:
        return []
    places: list[JSON] = schema.get("prefixItems") or [schema.get("items", {})]
    return [_value(each, root, turn, depth + 1, name) for each in places[:MOST_WITHIN]]


def _number(schema: JSON, turn: int) -> float:
    number: float = NUMBERS[turn % len(NUMBERS)]
    number = max(number, schema.get("minimum", number))
    return min(number, schema.get("maximum", number))


def _text(schema: JSON, turn: int, name: str) -> str:
    examples: list[object] = schema.get("examples", [])
    if examples:
        return str(examples[turn % len(examples)])
    words = WORDS.get(name.rpartition("_")[2].lower())
    described: str = schema.get("description", "")[:LONGEST_READ]
    if not (words and turn % 2) and (found := _FOR_EXAMPLE.search(described)):
        return found[1].strip(" .\"'“”`")
    return (words or ANY_WORDS)[turn % 2]


def kind_of(schema: JSON) -> str:
    """The type that a value of a sound schema has, or the first that it may have; a text where it does not say."""
    kind: str | list[str] = schema.get("type") or ("object" if "properties" in schema else "string")
    kinds = kind if isinstance(kind, list) else [kind]
    return next((each for each in kinds if each != "null"), "null")


def resolved(schema: object, root: JSON) -> JSON:
    """The schema that a reference, or the first choice that is not null, stands for; with its description.

    Whatever ``schema`` is, it is sound then (see `sound_schema`). It may be a reference still, where one leads to
    another for too long.
    """
    sound: JSON = sound_schema(schema)
    for _ in range(DEEPEST):
        if reference := sound.get("$ref"):
            sound = {**_found(reference, root), **_without(sound, "$ref")}
        elif choices := cast("list[JSON]", sound.get("anyOf") or sound.get("oneOf") or []):
            first = next((each for each in choices if each.get("type") != "null"), choices[0])
            sound = {**first, **_without(sound, "anyOf", "oneOf")}
        elif parts := cast("list[JSON]", sound.get("allOf") or []):
            sound = {**{key: value for part in parts for key, value in part.items()}, **_without(sound, "allOf")}
        else:
            break
    return sound


def _without(schema: JSON, *keys: str) -> JSON:
    return {key: value for key, value in schema.items() if key not in keys}


def _found(reference: str, root: JSON) -> JSON:
    """The schema that a reference within ``root`` means; that of any value for another."""
    found: object = root
    for part in reference.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            found = {str(place): each for place, each in enumerate(cast("list[object]", found))}
        found = cast("JSON", found).get(name) if isinstance(found, Mapping) else None
    return sound_schema(found) if reference.startswith("#") else {}
