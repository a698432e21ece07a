"""JSON from strangers: read within limits, and written so that nothing of it is lost."""

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, cast

from myna.core.errors import BadCard
from myna.personas.cards.limits import DEEPEST_JSON, LONGEST_JSON, MB

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A JSON value, and the names that stood twice in one object; the last of each counts, as everywhere."""

    value: Any
    twice: tuple[str, ...] = ()


def parse_json(data: bytes, what: str) -> Parsed:
    """The value in ``data``, which ``what`` names to the user.

    Raises:
        BadCard: It is too long, nested too deep, or no JSON.
    """
    if len(data) > LONGEST_JSON:
        raise BadCard(
            f"{what} is {len(data) / MB:.1f} MB of text, and at most {LONGEST_JSON // MB} MB are read.",
            hint="Take entries out of its lorebook, or pictures that are written into the text.",
        )
    twice: dict[str, None] = {}

    def together(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        together = dict(pairs)
        if len(together) < len(pairs):
            times = Counter(name for name, _ in pairs)
            twice.update((name, None) for name in together if times[name] > 1)
        return together

    try:
        text = data.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=together, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise _too_deep(what) from None
    except UnicodeDecodeError as error:
        raise BadCard(f"{what} is not text in UTF-8.", hint="Save it as UTF-8.") from error
    except ValueError as error:
        raise BadCard(
            f"{what} is no JSON: {str(error)[:200]}.", hint="The file is damaged, or no card: get it again."
        ) from error
    if _is_deeper(value, DEEPEST_JSON):
        raise _too_deep(what)
    return Parsed(value, tuple(twice)[:20])


def write_json(value: object, *, readable: bool = False) -> bytes:
    """``value`` as JSON in UTF-8, with a line for each value if ``readable`` and not too long.

    A half of a pair of surrogates, which UTF-8 cannot hold, is written as an escape.
    """
    if readable:
        text = json.dumps(value, ensure_ascii=False, indent=2).encode(errors="backslashreplace")
        if len(text) < LONGEST_JSON:
            return text
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(errors="backslashreplace")


def plain_text(value: object) -> str:
    """``value`` if it is a text, without what no text needs: control characters, halves of pairs of surrogates."""
    if not isinstance(value, str):
        return ""
    return _CONTROL.sub("", value).encode(errors="replace").decode()


def as_object(value: object) -> dict[str, Any]:
    """``value`` if it is a JSON object, else an empty one: of a card anything may be of another type."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """``value`` if it is a list, else an empty one."""
    return cast("list[Any]", value) if isinstance(value, list) else []


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number in JSON")


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise ValueError(f"{digits[:20]} is too large a number")
    return number


def _too_deep(what: str) -> BadCard:
    return BadCard(
        f"{what} is nested more than {DEEPEST_JSON} deep.", hint="No card is: get it from somewhere that you trust."
    )


def _is_deeper(value: object, deepest: int) -> bool:
    level: list[Any] = [value]
    for _ in range(deepest):
        level = [
            child
            for each in level
            if isinstance(each, (dict, list))
            for child in (each.values() if isinstance(each, dict) else each)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True
