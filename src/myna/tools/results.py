"""What a tool gives back, as the text that a model is given: short enough, and nothing but text."""

import itertools
from collections.abc import AsyncIterable, Iterator, Mapping
from typing import Any, cast

from pydantic_core import PydanticSerializationError, to_json

from myna.core.errors import MynaError

RESULT_LIMIT = 8000
"""Characters of a result that a model is given, unless configured: some 2,000 to 5,000 tokens."""

MOST_ITEMS = 1000
"""Of a generator. It may have no end."""

NOTHING = "Done. The tool gave no result."

_ERROR_LIMIT = 1000


def to_text(value: object) -> str:
    """``value`` as text: a ``str`` as it is, all else as JSON, bytes by what they are.

    An object that no JSON is known for is told by its ``str``.
    """
    match value:
        case str():
            return str.__str__(value) or NOTHING  # also of an enum whose members are texts
        case None:
            return NOTHING
        case bytes() | bytearray() | memoryview():
            return _of_bytes(bytes(cast(bytes, value)))
        case _:
            return _of_data(value)


def error_text(error: BaseException) -> str:
    """What a model is told of ``error``: what kind it is, and what it says."""
    try:
        said = shorten(str(error).strip(), _ERROR_LIMIT)
    except Exception:  # noqa: BLE001 - it is the tool's own error, which may do anything
        said = ""
    if isinstance(error, MynaError):
        return said
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def shorten(text: str, limit: int = RESULT_LIMIT) -> str:
    """``text``, with a note in place of its middle if it has more than ``limit`` characters.

    The result has ``limit`` characters at most, but for the note if ``limit`` is shorter than that.
    """
    if len(text) <= limit:
        return text
    note = "\n[… {:,} of {:,} characters left out …]\n"
    kept = max(limit - len(note.format(len(text), len(text))), 0)
    head = (kept * 2 + 2) // 3  # what a text is about stands at its beginning more often than at its end
    tail = kept - head
    return text[:head] + note.format(len(text) - kept, len(text)) + text[len(text) - tail :]


def first_items(items: Iterator[Any]) -> list[Any]:
    """What an iterator gives, `MOST_ITEMS` at most."""
    return list(itertools.islice(items, MOST_ITEMS))


async def first_items_of(items: AsyncIterable[Any]) -> list[Any]:
    """What an asynchronous iterator gives, `MOST_ITEMS` at most."""
    found: list[Any] = []
    async for item in items:
        found.append(item)
        if len(found) == MOST_ITEMS:
            break
    return found


def _of_bytes(data: bytes) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\x00"
    if "\x00" not in text:
        return text or NOTHING
    return f"[{len(data):,} bytes of {_kind(data)}, which cannot be shown as text]"


def _kind(data: bytes) -> str:
    kinds: Mapping[bytes, str] = {
        b"\x89PNG": "a PNG image",
        b"\xff\xd8\xff": "a JPEG image",
        b"GIF8": "a GIF image",
        b"%PDF": "a PDF document",
        b"PK\x03\x04": "a ZIP archive",
        b"OggS": "Ogg audio",
        b"ID3": "MP3 audio",
        b"fLaC": "FLAC audio",
        b"RIFF": "WAV audio or another RIFF file",
    }
    return next((kind for begin, kind in kinds.items() if data.startswith(begin)), "binary data")


def _of_data(value: object) -> str:
    try:
        return to_json(value, fallback=str, inf_nan_mode="strings", bytes_mode="base64").decode()
    except (PydanticSerializationError, ValueError, RecursionError):  # circular, too deep, half a character
        return str(value)
