"""What ``docs/realtime.md`` says that a client is sent."""

import re
from collections.abc import Iterator
from pathlib import Path

_DOC = (Path(__file__).parents[3] / "docs" / "realtime.md").read_text(encoding="utf-8")
_NAME = re.compile(r"`(…?\.?[a-z_]+(?:\.[a-z_*]+)*)`")
_OURS = re.compile(r"`(myna\.[a-z_.]+)` \{")


def _rows(title: str) -> Iterator[list[str]]:
    """The tables of a section and its parts, row by row, without their heads."""
    section = _DOC.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))]


def _expanded(title: str) -> Iterator[str]:
    """The events of a section. ``.done`` and ``….done`` stand for the name before them, with another last part."""
    last = ""
    for first, *_ in _rows(title):
        for name in _NAME.findall(first):
            last = name if name[0] not in "…." else f"{last.rpartition('.')[0]}.{name.lstrip('….')}"
            yield last


SENT = frozenset(_expanded("What it is sent"))
NOT_SERVED = frozenset(_expanded("What is not served, and why"))
OURS = frozenset(name for row in _rows("Myna's own events") for name in _OURS.findall(" | ".join(row)))
