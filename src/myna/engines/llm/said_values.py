"""A schema whose texts can only be parts of what was said, for a model that made one up. No I/O."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from myna.core.tools import JSON

MOST_PARTS = 400
"""Each is a choice that the server tries at every letter."""
LONGEST_PART = 10
"""In words, or Chinese characters."""

_WORD = re.compile(r"[\u4e00-\u9fff]|[^\W_\u4e00-\u9fff]+(?:['’.:/@-]?[^\W_\u4e00-\u9fff]+)*")
_STOP = re.compile(r"[,;!?，。；！？、\n]|\.\s")
_FREE = frozenset({"enum", "const", "format", "pattern"})
"""Texts that have one of these are of a form of their own."""

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


def with_texts_of(schema: JSON, parts: Sequence[str]) -> dict[str, Any]:
    """The schema with ``parts`` as the only texts, but where it says itself which, or in what form."""
    if schema.get("type") == "string" and not _FREE & schema.keys():
        return {**schema, "enum": list(parts)}
    held: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _NAMED and isinstance(value, Mapping):
            named = cast("Mapping[str, object]", value)
            held[key] = {name: _within(each, parts) for name, each in named.items()}
        else:
            held[key] = value if key in _VALUES else _within(value, parts)
    return held


def _within(value: object, parts: Sequence[str]) -> object:
    if isinstance(value, Mapping):
        return with_texts_of(cast("JSON", value), parts)
    if isinstance(value, list):
        return [_within(each, parts) for each in cast("list[object]", value)]
    return value
