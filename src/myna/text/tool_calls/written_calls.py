"""What JSON, or what models write in its place, says of calls."""

import ast
import json
import re
from collections.abc import Iterator
from typing import cast

from myna.text.tool_calls.calls import BrokenCall, FoundCall

NAME_KEYS = ("name", "function", "tool_name", "tool", "function_name", "action")
"""Under which models name the tool."""

ARGUMENT_KEYS = ("arguments", "parameters", "args", "params", "input", "action_input", "tool_input", "kwargs")
"""Under which they write its arguments."""

WRAPPER_KEYS = ("function", "function_call", "tool_call")
"""Under which they put all of a call, as in OpenAI's messages."""

LIST_KEYS = ("tool_calls", "calls", "function_calls")
"""Under which they put several calls."""


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


_STRICT = json.JSONDecoder(parse_constant=_refuse)
_LENIENT = json.JSONDecoder(parse_constant=_refuse, strict=False)  # models break lines inside strings
_LONGEST_PYTHON = 20_000
_MOST_WRAPPED = 4
_BACKSLASH = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = frozenset("\n\\'\"abfnrtvx01234567NuU")
_SPACE = re.compile(r"\s*")
_NAMED = re.compile(rf"""["'](?:{"|".join(NAME_KEYS)})["']\s*:\s*["']([^"'\\]{{1,256}})["']""")
_ARGUMENTS = re.compile(rf"""["'](?:{"|".join(ARGUMENT_KEYS)})["']\s*:\s*""")


def calls_in(written: str) -> list[FoundCall | BrokenCall]:
    """The calls of a JSON object, or of a list of such, and a `BrokenCall` for what cannot be read as one.

    Brackets that are missing at the end are no matter if name and arguments are complete. Their ``raw`` is left empty.
    """
    calls = [*_read(written, 0)]
    if all(isinstance(call, str) for call in calls) and (parsed := _python(written)) is not None:
        calls = [*_from_python(parsed)]
    return [broken(call) if isinstance(call, str) else FoundCall(*call, "") for call in calls] or [broken(written)]


def broken(written: str, raw: str = "") -> BrokenCall:
    """The call that ``written`` would have become."""
    name = _NAMED.search(written)
    arguments = _ARGUMENTS.search(written, name.end() if name else 0)
    return BrokenCall(name[1] if name else None, written[arguments.end() :] if arguments else "", raw)


def arguments_of(written: str) -> str | None:
    """``written`` as JSON text of arguments: as it is, if it is JSON. None if it can be read in no way."""
    written = written.strip()
    if not written:
        return "{}"
    if _value_end(_STRICT, written, 0) == len(written):
        return _unwrapped(written)
    if _value_end(_LENIENT, written, 0) == len(written):
        return json.dumps(_LENIENT.decode(written), ensure_ascii=False)
    parsed = _python(written)
    return json.dumps(parsed, ensure_ascii=False) if parsed is not None else None


def _unwrapped(written: str) -> str:
    """Arguments that are JSON within a JSON string, and ``null``, as they were meant."""
    if written == "null":
        return "{}"
    if written.startswith('"'):
        inner = _LENIENT.decode(written).strip()
        if not inner:
            return "{}"
        if inner.startswith("{") and _value_end(_STRICT, inner, 0) == len(inner):
            return inner
    return written


def _read(text: str, wrapped: int) -> Iterator[tuple[str, str] | str]:
    """Each call's name and arguments; the text of what is no call."""
    text = text.strip()
    if text.startswith("[") and wrapped <= _MOST_WRAPPED:
        for start, end in _elements(text):
            yield from _read(text[start:end], wrapped + 1)
    elif text.startswith("{") and wrapped <= _MOST_WRAPPED:
        yield from _call_of(text, wrapped)
    else:
        yield text


def _call_of(text: str, wrapped: int) -> Iterator[tuple[str, str] | str]:
    members, whole = _members(text)
    for key in (*WRAPPER_KEYS, *LIST_KEYS):
        if members.get(key, "").startswith(("{", "[")):
            yield from _read(members[key], wrapped + 1)
            return
    name = next((members[key] for key in NAME_KEYS if members.get(key, "").startswith('"')), None)
    written = next((members[key] for key in ARGUMENT_KEYS if key in members), None)
    arguments = arguments_of(written or "") if whole or written is not None else None
    yield text if name is None or arguments is None else (_LENIENT.decode(name), arguments)


def _members(text: str) -> tuple[dict[str, str], bool]:
    """The members of an object as they are written, as far as they are whole, and whether all of it is."""
    members: dict[str, str] = {}
    place = _skip(text, 1)
    while text.startswith('"', place):
        key_end = _value_end(_LENIENT, text, place)
        colon = _skip(text, key_end)
        start = _skip(text, colon + 1)
        if not key_end or not text.startswith(":", colon) or not (end := _value_end(_LENIENT, text, start)):
            return members, False
        members[_LENIENT.decode(text[place:key_end])] = text[start:end]
        place = _skip(text, end)
        if not text.startswith(",", place):
            break
        place = _skip(text, place + 1)
    return members, text[place:].strip() == "}"


def _elements(text: str) -> Iterator[tuple[int, int]]:
    """Where each element of a list begins and ends; the last may be cut off."""
    place = _skip(text, 1)
    while place < len(text) and text[place] != "]":
        end = _value_end(_LENIENT, text, place) or len(text)
        yield place, end
        place = _skip(text, end)
        if text.startswith(",", place):
            place = _skip(text, place + 1)


def _value_end(decoder: json.JSONDecoder, text: str, place: int) -> int:
    """Where the JSON value ends that begins at ``place``; 0 if none does."""
    try:
        return decoder.raw_decode(text, place)[1]
    except (ValueError, RecursionError):
        return 0


def _python(text: str) -> object:
    """The value of a Python literal; None if it is none."""
    if len(text) > _LONGEST_PYTHON:
        return None
    try:
        parsed = ast.literal_eval(as_python(text).strip())
        json.dumps(parsed, allow_nan=False)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    return parsed


def as_python(code: str) -> str:
    """``code`` with every backslash doubled that begins no escape of Python's, which would warn of it."""
    return _BACKSLASH.sub(_doubled, code)


def _doubled(found: re.Match[str]) -> str:
    return found[0] if found[1] in _ESCAPES else "\\" + found[0]


def _from_python(parsed: object) -> Iterator[tuple[str, str] | str]:
    for call in cast("list[object]", parsed) if isinstance(parsed, list) else [parsed]:
        yield from _read(json.dumps(call, ensure_ascii=False), 1)


def _skip(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place
