"""Where a list goes on: behind the place of the last thing that was told, which may be deleted meanwhile.

A cursor is base64url of JSON. Clients give back what they were given, and need not know what it says.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime
from typing import Any

from myna.core.errors import BadInput
from myna.store.codec import is_storable

LONGEST = 8_000
"""Of a cursor, in characters."""

_BEYOND = 1 << 63


def cursor(*place: str | int) -> str:
    """What stands for a place: for what the list sorts by."""
    text = json.dumps(place, separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_in_time(given: str) -> tuple[datetime, str]:
    """The time and the id that a cursor stands for.

    Raises:
        BadInput: It stands for no such place.
    """
    match _read(given):
        case [str(at), str(name)] if is_storable(name):
            try:
                time = datetime.fromisoformat(at)
                return time.astimezone(UTC), name
            except (ValueError, OverflowError):
                raise _unusable() from None
        case _:
            raise _unusable()


def place_in_order(given: str) -> tuple[int, str]:
    """The number and the id that a cursor stands for.

    Raises:
        BadInput: It stands for no such place.
    """
    match _read(given):
        case [int(number), str(name)] if is_storable(name) and -_BEYOND <= number < _BEYOND:
            return number, name
        case _:
            raise _unusable()


def _read(given: str) -> Any:  # noqa: ANN401 - whatever somebody wrote
    if len(given) > LONGEST:
        raise _unusable()
    try:
        return json.loads(urlsafe_b64decode(given.encode("ascii") + b"=" * (-len(given) % 4)))
    except (ValueError, RecursionError):
        raise _unusable() from None


def _unusable() -> BadInput:
    return BadInput(
        "The list cannot go on there.", hint="Give what the part before named for it, or nothing to begin anew."
    )
