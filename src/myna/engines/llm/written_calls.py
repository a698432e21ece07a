"""The calls in what a model wrote under a schema, as far as it came. No I/O."""

import json
import re
from dataclasses import dataclass
from typing import cast

from myna.core.tools import JSON

_BEGUN = re.compile(r'\{\s*"name"\s*:\s*"([^"]+)"\s*(?:,\s*"arguments"\s*:\s*(.*))?', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Written:
    """Calls as the model wrote them: whole ones, and one that was cut off."""

    whole: tuple[tuple[str, str], ...] = ()
    cut_off: tuple[str, str] | None = None

    @property
    def all(self) -> tuple[tuple[str, str], ...]:
        """The whole ones, and the one that was cut off."""
        return (*self.whole, self.cut_off) if self.cut_off else self.whole


def read_calls(text: str) -> Written:
    """The calls in a JSON list, which may be cut off, each once: names, and arguments as JSON texts."""
    items, rest = _items(text)
    whole = [(str(item.get("name")), _json(item.get("arguments") or {})) for item in items]
    begun = _BEGUN.match(rest)
    return Written(tuple(dict.fromkeys(whole)), (begun[1], begun[2] or "{") if begun else None)


def _items(text: str) -> tuple[list[JSON], str]:
    """The objects of a JSON list, and what is left of one that was cut off."""
    decoder = json.JSONDecoder()
    rest = text.lstrip().removeprefix("[").lstrip()
    items: list[JSON] = []
    while rest and not rest.startswith("]"):
        try:
            item, end = decoder.raw_decode(rest)
        except (ValueError, RecursionError):
            return items, rest
        if isinstance(item, dict):
            items.append(cast("JSON", item))
        rest = rest[end:].lstrip().removeprefix(",").lstrip()
    return items, ""


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
