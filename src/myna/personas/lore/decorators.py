"""Decorators: lines of ``@@name value`` at the beginning of an entry's content (Character Card V3).

A line of ``@@@`` is the fallback of the one above: it counts where that one is not known. Unknown ones are left out of
the content and change nothing, as the specification asks.
"""

import re
from dataclasses import dataclass
from typing import Any

_LINE = re.compile(r"(@{2,})([a-z_]+)[ \t]*(.*)")
MOST = 100


@dataclass(frozen=True, slots=True)
class Decorated:
    """Content without its decorators, what they set in the entry, and the names of those that were not known."""

    content: str
    changes: dict[str, Any]
    unknown: tuple[str, ...]


def take_decorators(content: str) -> Decorated:
    """Read the decorators at the beginning of ``content``."""
    lines = content.lstrip().split("\n")
    changes: dict[str, Any] = {}
    unknown: list[str] = []
    known, taken = False, 0
    for line in lines[:MOST]:
        found = _LINE.fullmatch(line.strip())
        if found is None:
            break
        taken += 1
        if len(found[1]) > 2 and known:
            continue
        change = _change(found[2], found[3].strip())
        known = change is not None
        if change is None:
            unknown.append(found[2])
        else:
            changes = {**change, **changes}  # of several that set the same the first counts
    return Decorated("\n".join(lines[taken:]) if taken else content, changes, tuple(unknown))


def _change(name: str, value: str) -> dict[str, Any] | None:
    """What a decorator sets; None for one that is not known."""
    number = int(value) if value.isascii() and value.isdecimal() and len(value) < 7 else None
    change: dict[str, Any] | None = None
    match name, number:
        case "activate", _:
            change = {"constant": True}
        case "dont_activate", _:
            change = {"enabled": False}
        case "depth", int():
            change = {"position": "depth", "depth": number}
        case "activate_only_after", int():
            change = {"after_replies": number}
        case "activate_only_every", int():
            change = {"every_replies": max(1, number)}
        case "scan_depth", int():
            change = {"scan_depth": number}
        case (("additional_keys" | "exclude_keys"), _) if value:
            change = {name: _keys(value)}
        case "position", _ if value in ("before_desc", "after_desc", "personality", "scenario"):
            change = {"position": "before" if value == "before_desc" else "after"}
        case _:
            pass
    return change


def _keys(value: str) -> list[str]:
    return [key for each in value.split(",") if (key := each.strip())]
