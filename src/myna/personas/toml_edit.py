"""Changing fields of a persona's TOML file and nothing else in it: comments, order and spacing stay the user's."""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array, InlineTable, Item

from myna.core.errors import BadInput

LONGEST_LINE = 100


def edited(text: str, wanted: Mapping[str, Any]) -> str:
    """``text`` so that it holds the tables ``wanted``; what it holds already stays as it is written.

    Raises:
        BadInput: It is written in a way that leaves no plain place for them.
    """
    for made in _ways(text, wanted):
        with suppress(tomllib.TOMLDecodeError):
            if tomllib.loads(made) == wanted:
                return made
    raise BadInput(
        "The persona's TOML file is written in a way that cannot be changed field by field.",
        hint="Change it there by hand, or delete it and save again.",
    )


def _ways(text: str, wanted: Mapping[str, Any]) -> Iterator[str]:
    """Ways to write it. Which of them is right shows when it is read: each is right for some files."""
    for in_place, several_lines in ((True, True), (False, True), (False, False)):
        with suppress(TOMLKitError, ValueError, TypeError, LookupError):
            document = tomlkit.parse(text)
            _Way(in_place, several_lines).apply(cast("dict[str, Any]", document), wanted)
            yield tomlkit.dumps(document)  # pyright: ignore[reportUnknownMemberType]


@dataclass(frozen=True, slots=True)
class _Way:
    """How values are written: ``in_place`` of the old one or at the end, texts on ``several_lines`` or on one."""

    in_place: bool
    several_lines: bool

    def apply(self, table: dict[str, Any], wanted: Mapping[str, Any], *, within: bool = False) -> None:
        """Make ``table`` hold what is ``wanted``; ``within`` says that it stands in another table."""
        for name in [name for name in table if name not in wanted]:
            del table[name]
        for name, value in wanted.items():
            held: object = cast("dict[str, object]", table).get(name)
            if held is not None and _plain(held) == value:
                continue
            if isinstance(held, dict) and isinstance(value, dict):
                self.apply(cast("dict[str, Any]", held), cast("Mapping[str, Any]", value), within=True)
                continue
            item = self._item(value, inline=isinstance(table, InlineTable) or (within and _is_flat(value)))
            if held is not None and not self.in_place:
                del table[name]
            table[name] = item

    def _item(self, value: object, *, inline: bool) -> Item:
        if isinstance(value, str) and "\n" in value and self.several_lines:
            return tomlkit.string(value, multiline=True)
        if inline and isinstance(value, dict):
            made = tomlkit.inline_table()
            for name, each in cast("Mapping[str, Any]", value).items():
                made.append(name, self._item(each, inline=True))
            return made
        item = tomlkit.item(value)
        if isinstance(item, Array) and len(item.as_string()) > LONGEST_LINE:
            item.multiline(multiline=True)
        return item


def _is_flat(value: object) -> bool:
    inside = cast("Mapping[str, object]", value).values() if isinstance(value, dict) else ()
    return not any(isinstance(each, (dict, list)) for each in inside)


def _plain(held: object) -> object:
    return held.unwrap() if isinstance(held, Item) else held
