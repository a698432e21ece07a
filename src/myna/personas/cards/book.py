"""The lorebook of a card, as a `Lorebook`, and back.

In the wild fields are missing, null or of another type; what cannot be read counts as not said. SillyTavern keeps what
the specification has no field for in an entry's ``extensions``.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from myna.core.errors import BadCard
from myna.personas.cards.json_text import as_list, as_object, plain_text
from myna.personas.cards.limits import LONGEST_TEXT, MOST_KEYS
from myna.personas.lore.choose import pattern_of
from myna.personas.lore.decorators import Decorated, take_decorators
from myna.personas.lore.model import MOST_ENTRIES, MOST_TOKENS, Lorebook, LoreEntry
from myna.personas.lore.pattern import is_pattern

_LONGEST_KEY = 1000
_LOGIC = {0: "any", 1: "not_all", 2: "not_any", 3: "all"}
"""SillyTavern's ``selectiveLogic``."""
_POSITIONS = {0: "before", 1: "after", 4: "depth"}
"""SillyTavern's ``position``; the others are around texts that Myna has not."""


def lorebook_of(raw: object, fill: Callable[[str], str]) -> Lorebook | None:
    """The lorebook in ``raw``, a card's ``character_book``; None if there is none. ``fill`` fills macros.

    Raises:
        BadCard: It has too many entries or keys.
    """
    book = as_object(raw)
    if not book:
        return None
    entries = _entries(book)
    if len(entries) > MOST_ENTRIES:
        raise _too_many(f"{len(entries)} entries", MOST_ENTRIES)
    read = [_entry(entry, fill) for entry in entries]
    if (
        keys := sum(len(entry.keys) + len(entry.secondary_keys) + len(entry.exclude_keys) for entry in read)
    ) > MOST_KEYS:
        raise _too_many(f"{keys} keys", MOST_KEYS)
    known: dict[str, Any] = {}
    if (scan_depth := _number(book.get("scan_depth"))) is not None:
        known["scan_depth"] = scan_depth
    if (token_budget := _number(book.get("token_budget"))) is not None:
        known["token_budget"] = min(token_budget, MOST_TOKENS)
    return Lorebook(
        name=_text(book.get("name"))[:200],
        recursive=book.get("recursive_scanning") is True,
        entries=tuple(read),
        **known,
    )


def book_notes(raw: object) -> list[str]:
    """What in a card's lorebook is there and not used, a sentence each."""
    book = lorebook_of(raw, str)
    if book is None:
        return []
    bad = [
        key
        for entry in book.entries
        for key in (*entry.keys, *entry.secondary_keys, *entry.exclude_keys)
        if (entry.regex or is_pattern(key)) and pattern_of(key, True) is None
    ]
    contents = [_text(entry.get("content")) for entry in _entries(as_object(raw))]
    unknown = dict.fromkeys(name for content in contents for name in take_decorators(content).unknown)
    return [
        *(
            f"The key {key[:60]!r} of its lorebook is no pattern that Myna understands, and finds nothing."
            for key in bad
        ),
        *(f"The decorator @@{name} in its lorebook is not known, and left out." for name in unknown),
    ]


def raw_of(book: Lorebook) -> dict[str, Any]:
    """``book`` as a card's ``character_book`` (V3)."""
    return {
        "name": book.name,
        "scan_depth": book.scan_depth,
        "token_budget": book.token_budget,
        "recursive_scanning": book.recursive,
        "extensions": {},
        "entries": [_raw_entry(entry, place) for place, entry in enumerate(book.entries)],
    }


def _raw_entry(entry: LoreEntry, place: int) -> dict[str, Any]:
    decorators = [
        *([f"@@depth {entry.depth}"] if entry.position == "depth" else []),
        *([f"@@scan_depth {entry.scan_depth}"] if entry.scan_depth is not None else []),
        *([f"@@activate_only_after {entry.after_replies}"] if entry.after_replies else []),
        *([f"@@activate_only_every {entry.every_replies}"] if entry.every_replies > 1 else []),
        *([f"@@exclude_keys {','.join(entry.exclude_keys)}"] if entry.exclude_keys else []),
    ]
    logic = next(number for number, name in _LOGIC.items() if name == entry.logic)
    return {
        "id": place,
        "name": entry.name,
        "keys": list(entry.keys),
        "secondary_keys": list(entry.secondary_keys),
        "selective": bool(entry.secondary_keys),
        "content": "\n".join([*decorators, entry.content]),
        "enabled": entry.enabled,
        "constant": entry.constant,
        "use_regex": entry.regex,
        "case_sensitive": entry.case_sensitive,
        "insertion_order": entry.order,
        "priority": entry.priority,
        "position": "before_char" if entry.position == "before" else "after_char",
        "extensions": {
            "selectiveLogic": logic,
            "match_whole_words": entry.whole_words,
            "exclude_recursion": not entry.woken_by_others,
            "prevent_recursion": not entry.wakes_others,
        },
    }


def _entries(book: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries; some programs number them in an object."""
    given: Any = book.get("entries")
    listed = list(as_object(given).values()) or as_list(given)
    return [entry for each in listed if (entry := as_object(each))]


def _entry(raw: Mapping[str, Any], fill: Callable[[str], str]) -> LoreEntry:
    extensions = as_object(raw.get("extensions"))
    decorated = take_decorators(_text(raw.get("content")))
    secondary = _keys(raw.get("secondary_keys"), fill) if raw.get("selective") is True else []
    fields: dict[str, Any] = {
        "name": (_text(raw.get("name")) or _text(raw.get("comment")))[:200],
        "content": fill(decorated.content),
        "keys": _keys(raw.get("keys"), fill),
        "secondary_keys": secondary,
        "logic": _LOGIC.get(_number(extensions.get("selectiveLogic")) or 0, "any"),
        "regex": raw.get("use_regex") is True,
        "case_sensitive": raw.get("case_sensitive") is True or extensions.get("case_sensitive") is True,
        "whole_words": extensions.get("match_whole_words") is True,
        "constant": raw.get("constant") is True,
        "enabled": raw.get("enabled") is not False,
        "order": _real(raw.get("insertion_order"), 100),
        "priority": _real(raw.get("priority"), 0),
        "position": _position(raw, extensions),
        "depth": _number(extensions.get("depth")) or 4,
        "scan_depth": _number(extensions.get("scan_depth")),
        "wakes_others": extensions.get("prevent_recursion") is not True,
        "woken_by_others": extensions.get("exclude_recursion") is not True,
    }
    return LoreEntry(**_decorated(fields, decorated, fill))


def _decorated(fields: dict[str, Any], decorated: Decorated, fill: Callable[[str], str]) -> dict[str, Any]:
    changes = dict(decorated.changes)
    fields["keys"] = [*fields["keys"], *_keys(changes.pop("additional_keys", []), fill)]
    if "exclude_keys" in changes:
        changes["exclude_keys"] = _keys(changes["exclude_keys"], fill)
    return fields | changes


def _position(raw: Mapping[str, Any], extensions: Mapping[str, Any]) -> str:
    if (place := _number(extensions.get("position"))) is not None:
        return _POSITIONS.get(place, "after")
    return "after" if raw.get("position") == "after_char" else "before"


def _keys(raw: object, fill: Callable[[str], str]) -> list[str]:
    filled = (fill(_text(key))[:_LONGEST_KEY].strip() for key in as_list(raw))
    return [key for key in filled if key]


def _text(raw: object) -> str:
    return plain_text(raw)[:LONGEST_TEXT]


def _number(raw: object) -> int | None:
    if isinstance(raw, bool) or not isinstance(raw, (int, float)) or not 0 <= raw < 1_000_000:
        return None
    return int(raw)


def _real(raw: object, otherwise: float) -> float:
    if isinstance(raw, bool) or not isinstance(raw, (int, float)) or abs(raw) > 1e12 or not math.isfinite(raw):
        return otherwise
    return raw


def _too_many(what: str, most: int) -> BadCard:
    return BadCard(f"The card's lorebook has {what}, and at most {most} are used.", hint="Take some out of it.")
