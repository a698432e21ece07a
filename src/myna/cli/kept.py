"""What ``myna history`` and ``myna memory`` share: they show what was kept of a user."""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from pydantic import BaseModel

OfUser = Annotated[
    str | None, typer.Option("--user", help="Whose: the name or id of an API key. Left out, the owner's.")
]
JsonList = Annotated[bool, typer.Option("--json", help="For programs: a list of objects.")]

_LATE_CONTROLS = re.compile(r"[\x7f-\x9f]")
"""What JSON leaves as it is, and terminals obey."""


def when(at: datetime) -> str:
    """A time, to the minute, in this machine's time zone."""
    return f"{at.astimezone():%Y-%m-%d %H:%M}"


def escaped(text: str) -> str:
    """JSON that means the same, with nothing in it that a terminal would obey."""
    return _LATE_CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def print_json(told: Sequence[BaseModel]) -> None:
    """Print a list of objects."""
    objects: list[Any] = [each.model_dump(mode="json") for each in told]
    typer.echo(escaped(json.dumps(objects, ensure_ascii=False, indent=2)))
