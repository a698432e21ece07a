"""A schema whose values can only be what was said, for a model that made one up. No I/O."""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from myna.core.tools import JSON, ToolSpec, json_object

MOST_PARTS = 400
"""Each is a choice that the server tries at every letter."""
LONGEST_PART = 10
"""In words, or Chinese characters."""

_WORD = re.compile(r"[\u4e00-\u9fff]|[^\W_\u4e00-\u9fff]+(?:['’.:/@-]?[^\W_\u4e00-\u9fff]+)*")
_STOP = re.compile(r"[,;!?，。；！？、\n]|\.\s")
_FREE = frozenset({"enum", "const", "format", "pattern"})
"""Texts that have one of these are of a form of their own."""

_NUMBERS = frozenset({"integer", "number"})
LAST_HOURS = (23, 24)
"""The highest value of a parameter that is an hour of the day."""

_NAMED = frozenset({"properties", "$defs", "definitions"})
_VALUES = frozenset({"enum", "const", "default", "examples"})


def parts_of(said: str) -> list[str]:
    """Runs of words, or of characters of Chinese, within a clause; shorter ones first, each once."""
    words = [match.span() for match in _WORD.finditer(said)]
    return list(dict.fromkeys(_runs(said, words)))[:MOST_PARTS]


def _runs(said: str, words: Sequence[tuple[int, int]]) -> Iterator[str]:
    for length in range(1, LONGEST_PART + 1):
        for first, last in zip(words, words[length - 1 :], strict=False):
            part = said[first[0] : last[1]]
            if not _STOP.search(part):
                yield part


@dataclass(frozen=True, slots=True)
class SaidValues:
    """What values a call may take from a message; of a kind that has none here, any.

    Attributes:
        texts: The texts of parameters that do not say themselves which, or in what form.
        numbers: The numbers of those that do not list them, as far as each allows them.
    """

    texts: Sequence[str] = ()
    numbers: Collection[float] = ()

    def hold(self, schema: JSON) -> dict[str, Any]:
        """The schema with these as the only values."""
        if _FREE & schema.keys():
            return dict(schema)
        if schema.get("type") == "string" and self.texts:
            return {**schema, "enum": list(self.texts)}
        if schema.get("type") in _NUMBERS and (numbers := self._numbers(schema)):
            return {**schema, "enum": numbers}
        held: dict[str, Any] = {}
        for key, value in schema.items():
            if key in _NAMED and isinstance(value, Mapping):
                named = cast("Mapping[str, object]", value)
                held[key] = {name: self._within(each) for name, each in named.items()}
            else:
                held[key] = value if key in _VALUES else self._within(value)
        return held

    def _numbers(self, schema: JSON) -> list[float]:
        allowed = [number for number in sorted(self.numbers) if _allows(schema, number)]
        return [int(number) if number == int(number) else number for number in allowed]

    def _within(self, value: object) -> object:
        if isinstance(value, Mapping):
            return self.hold(cast("JSON", value))
        if isinstance(value, list):
            return [self._within(each) for each in cast("list[object]", value)]
        return value


def _allows(schema: JSON, number: float) -> bool:
    least, most = schema.get("minimum", number), schema.get("maximum", number)
    return least <= number <= most and (schema["type"] == "number" or number == int(number))


def on_a_24_hour_clock(tool: ToolSpec, arguments: str, hours: Mapping[int, int]) -> str:
    """A call's arguments with the hours as a 24-hour clock has them, in parameters that are for one: from 0 to 23."""
    given = dict(json_object(arguments))
    properties: JSON = tool.parameters.get("properties", {})
    changed = {
        name: hours[value]
        for name, value in given.items()
        if _is_hour(properties.get(name)) and type(value) is int and value in hours
    }
    return json.dumps(given | changed, ensure_ascii=False) if changed else arguments


def _is_hour(schema: object) -> bool:
    return isinstance(schema, Mapping) and cast("JSON", schema).get("maximum") in LAST_HOURS
