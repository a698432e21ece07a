"""PNG files as cards: what stands in their text chunks, and the picture without everything else.

Chunks: PNG specification, third edition, section 5; texts in 11.3.3.
"""

import re
import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from myna.core.errors import BadCard
from myna.personas.cards.limits import LARGEST_MEMBER, MOST_CHUNKS

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LONGEST_KEYWORD = 79

_PICTURE = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_TEXT = (b"tEXt", b"zTXt", b"iTXt")
_AGAIN = "The file is damaged: get it again, as a file and not through a program that converts pictures."


@dataclass(frozen=True, slots=True)
class PNG:
    """What a PNG file holds.

    Attributes:
        picture: A PNG file of the first picture alone, not looked into: no animation, no metadata.
        texts: The keyword of each text that was asked for, with the text, in their order.
    """

    picture: bytes
    texts: tuple[tuple[str, bytes], ...]


def read_png(data: bytes, keywords: re.Pattern[str], what: str) -> PNG:
    """The picture, and the texts whose keyword matches ``keywords``. Other texts are not even unpacked.

    Raises:
        BadCard: A chunk is damaged or cut short, or a text is too long when it is unpacked.
    """
    kept = [SIGNATURE]
    texts: list[tuple[str, bytes]] = []
    unpacked = 0
    for kind, body, raw in _chunks(data, what):
        if kind in _PICTURE:
            kept.append(raw)
        elif kind in _TEXT:
            keyword, _, rest = body.partition(b"\0")
            name = keyword.decode("latin-1")
            if keywords.fullmatch(name):
                _check(raw, what)
                text = _text(kind, rest, what, LARGEST_MEMBER - unpacked)
                unpacked += len(text)
                texts.append((name, text))
    return PNG(b"".join(kept), tuple(texts))


def write_png(picture: bytes, texts: Iterable[tuple[str, bytes]]) -> bytes:
    """``picture``, a PNG file, with texts; each becomes a ``tEXt`` chunk, so it has to be Latin-1, as base64 is."""
    end = picture.rindex(b"IEND") - 4
    chunks = (chunk(b"tEXt", keyword.encode("latin-1") + b"\0" + text) for keyword, text in texts)
    return picture[:end] + b"".join(chunks) + picture[end:]


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk with its length and its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _chunks(data: bytes, what: str) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Kind, body and all of each chunk up to the end of the picture; what follows that is left."""
    at = len(SIGNATURE)
    for number in range(MOST_CHUNKS):
        if len(data) < at + 12:
            raise BadCard(f"{what} ends in the midst of a chunk.", hint=_AGAIN)
        (length,) = struct.unpack_from(">I", data, at)
        kind, end = data[at + 4 : at + 8], at + 12 + length
        if not kind.isalpha() or end > len(data):
            raise BadCard(f"{what} has a damaged chunk at byte {at}.", hint=_AGAIN)
        if number == 0 and kind != b"IHDR":
            raise BadCard(f"{what} does not begin as a picture does.", hint=_AGAIN)
        raw = data[at:end]
        if kind in _PICTURE:
            _check(raw, what)
        yield kind, raw[8:-4], raw
        if kind == b"IEND":
            return
        at = end
    raise BadCard(f"{what} has more than {MOST_CHUNKS} chunks.", hint="No card has: get it from somewhere else.")


def _check(raw: bytes, what: str) -> None:
    if zlib.crc32(raw[4:-4]) != struct.unpack(">I", raw[-4:])[0]:
        kind = raw[4:8].decode("latin-1")
        raise BadCard(f"{what} has a chunk {kind} with a wrong checksum.", hint=_AGAIN)


def _text(kind: bytes, rest: bytes, what: str, most: int) -> bytes:
    if kind == b"tEXt":
        return rest
    if kind == b"zTXt":
        return _unpacked(rest[1:], what, most)
    flags, text = rest[:2], rest[2:].split(b"\0", 2)
    if len(flags) < 2 or len(text) < 3:
        raise BadCard(f"{what} has a damaged text.", hint=_AGAIN)
    return _unpacked(text[2], what, most) if flags[0] else text[2]


def _unpacked(packed: bytes, what: str, most: int) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(packed, max(1, most))
    except zlib.error as error:
        raise BadCard(f"{what} has a text that cannot be unpacked.", hint=_AGAIN) from error
    if unpacking.unconsumed_tail:
        raise BadCard(
            f"{what} has a text that is far larger than a card when it is unpacked.",
            hint="It may be meant to do harm: get it from somewhere that you trust.",
        )
    if not unpacking.eof:
        raise BadCard(f"{what} has a text that is cut short.", hint=_AGAIN)
    return text
