"""What the values are called that a tool lists for a parameter, so that a small model need not translate them.

No I/O but for the table, which is read once. A model of half a billion weights that hears 书房 and may write kitchen,
study or garage guesses. Which of them is meant can be looked up: `value_names.toml` has how tools write the rooms,
colours, directions, modes and so on that most of them list, and what these are called in Chinese and in English.
A dictionary does worse: 不错 is "right" there.
"""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import cast

from myna.core.tools import ToolSpec, json_object
from myna.engines.llm.grounding import touched
from myna.engines.llm.tool_examples import resolved

LONGEST = 1_000
"""Characters of a message that are searched."""
MOST_LISTED = 200
"""Of more values that a parameter lists none is looked for."""

_PHRASES, _SAME = "phrases", "same"
_LONGEST_CODE = 3
"""Letters of what is a code if they are capitals: US is no "us"."""
_BETWEEN = re.compile(r"[-_\s]+")
_NOT = re.compile(
    r"(?:不要|不是|不用|而非|除了|别|\b(?:not|except|without|instead of|rather than)(?: for| in| to| the)*\s)$",
    re.IGNORECASE,
)
"""What stands before a name of a value that is not meant."""
_LONGEST_NOT = 30
"""In characters."""


@dataclass(frozen=True, slots=True)
class NamedValue:
    """A value of the table: how tools write it, of what kind it is, and how people say it."""

    kind: str
    written: str
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class ValueTable:
    """The table: its values by every way to write them, the names of each kind, and the phrases that name nothing."""

    values: dict[str, tuple[NamedValue, ...]]
    names: dict[str, frozenset[str]]
    phrases: frozenset[str]


@cache
def load_values() -> ValueTable:
    """The table that Myna ships."""
    kinds = tomllib.loads(files("myna.engines.llm").joinpath("value_names.toml").read_text(encoding="utf-8"))
    phrases = frozenset(_spelt(phrase) for each in kinds.pop(_PHRASES).values() for phrase in each)
    values: dict[str, list[NamedValue]] = {}
    for kind, table in kinds.items():
        for written, names in table.items():
            if written != _SAME:
                value = NamedValue(kind, _spelt(written), frozenset(_names(written, names)))
                for each in {value.written.casefold(), *(name.casefold() for name in value.names)}:
                    values.setdefault(each, []).append(value)
    by_kind = {kind: set[str]() for kind in kinds}
    for value in (value for each in values.values() for value in each):
        by_kind[value.kind] |= value.names
    names_of = {kind: frozenset(names) for kind, names in by_kind.items()}
    return ValueTable({key: tuple(each) for key, each in values.items()}, names_of, phrases)


def values_named(listed: Sequence[str], said: str) -> frozenset[str]:
    """Which of the listed values are named in what was said, by themselves or by a name in the table.

    A name that is part of a longer one says nothing: 房 in 儿童房, "blue" in "light blue". Nor does one behind "not".
    """
    said = _BETWEEN.sub(" ", said[:LONGEST])
    names, others = _names_of(listed)
    folded = said.casefold()
    found = [(span, name) for name in {*names, *others} if name.casefold() in folded for span in _spans(name, said)]
    shortest = min((end - start for (start, end), _ in found), default=0)
    longer = {(start, end) for (start, end), _ in found if end - start > shortest}
    named: set[str] = set()
    for (start, end), name in found:
        within = any(other[0] <= start and end <= other[1] for other in longer if other[1] - other[0] > end - start)
        if not within and not _NOT.search(said[max(start - _LONGEST_NOT, 0) : start]):
            named |= names.get(name, set())
    return frozenset(named)


def as_named(tool: ToolSpec, arguments: str, said: str, clauses: Sequence[str] = ()) -> str:
    """A call's arguments with each listed value that was not named as the one that was, if it is one; no other changes.

    Only those of the ``clauses`` count that the call has taken something else from, if there are such. Where several
    are named, it is the one of the first clause that names any. A value that may be for another parameter as well stays
    as it is.
    """
    given = dict(json_object(arguments))
    listed = dict(_listed(tool))
    free = {name: value for name, value in given.items() if name not in listed}
    clauses = touched(clauses, json.dumps(free, ensure_ascii=False)) or clauses or [said]
    changed: dict[str, object] = {}
    for name, value in given.items():
        values = listed.get(name, ())
        if value not in values or value in values_named(values, said):
            continue
        named = next(filter(None, (values_named(values, clause) for clause in clauses)), frozenset[str]())
        if len(named) == 1 and not any(named & {*others} for other, others in listed.items() if other != name):
            changed[name] = next(iter(named))
    return json.dumps(given | changed, ensure_ascii=False) if changed else arguments


def _listed(tool: ToolSpec) -> Iterator[tuple[str, list[str]]]:
    """The parameters that list texts, and these."""
    properties = cast("dict[str, object]", tool.parameters.get("properties") or {})
    for name, schema in properties.items():
        values = [value for value in resolved(schema, tool.parameters).get("enum") or () if isinstance(value, str)]
        if 1 < len(values) <= MOST_LISTED:
            yield name, values


def _names_of(listed: Sequence[str]) -> tuple[dict[str, set[str]], frozenset[str]]:
    """The values by their names, and the names that hide these: of other values of their kinds, and phrases."""
    table = load_values()
    entries = {value: _entries(value) for value in listed}
    counted = Counter(kind for each in entries.values() for kind in {entry.kind for entry in each})
    kinds = {kind for kind, count in counted.items() if count == max(counted.values())}
    own = {_spelt(value).casefold() for value in listed}
    names: dict[str, set[str]] = {}
    for value, each in entries.items():
        spelt = _spelt(value)
        if not _is_short(spelt):
            names.setdefault(spelt, set()).add(value)
        for entry in [entry for entry in each if entry.kind in kinds] or each:
            for name in entry.names:
                if name.casefold() not in own or name.casefold() == spelt.casefold():
                    names.setdefault(name, set()).add(value)
    return names, table.phrases.union(*(table.names[kind] for kind in kinds))


def _entries(value: str) -> list[NamedValue]:
    """What the table has for a value: of each kind those that are written so, or else those that are called so."""
    spelt, values = _spelt(value).casefold(), load_values().values
    found = values.get(spelt) or values.get(spelt.removesuffix("s")) or ()
    written = {entry.kind for entry in found if entry.written.casefold() == spelt}
    return [entry for entry in found if entry.kind not in written or entry.written.casefold() == spelt]


def _names(written: str, names: Sequence[str]) -> Iterator[str]:
    yield from map(_spelt, names)
    if not _is_short(written):
        yield _spelt(written)


def _spelt(text: str) -> str:
    return _BETWEEN.sub(" ", text).strip()


def _is_short(text: str) -> bool:
    """Whether it is a code, or too short a word to say anything by itself: on, up, fr."""
    return text.isascii() and len(text) < _LONGEST_CODE


def _spans(name: str, said: str) -> Iterator[tuple[int, int]]:
    """Where a name is said: a Chinese one anywhere, an English one as words, or more than one of them."""
    for match in _pattern(name).finditer(said):
        yield match.span()


@lru_cache(4096)
def _pattern(name: str) -> re.Pattern[str]:
    escaped = re.escape(name)
    if not name.isascii() or not name[-1].isalnum():
        return re.compile(escaped, re.IGNORECASE)
    is_code = name.isupper() and len(name) <= _LONGEST_CODE
    return re.compile(rf"(?<![A-Za-z])(?:{escaped})(?:e?s)?(?![A-Za-z0-9])", 0 if is_code else re.IGNORECASE)
