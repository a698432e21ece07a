"""CHARX files: zip archives of a ``card.json`` and the files that it speaks of. Nothing is ever unpacked to a disk."""

import io
import stat
import struct
import zipfile
import zlib
from collections.abc import Mapping

from myna.core.errors import BadCard
from myna.personas.cards.limits import (
    HIGHEST_RATIO,
    LARGEST_MEMBER,
    LONGEST_JSON,
    MB,
    MOST_MEMBERS,
    MOST_UNPACKED,
    SMALL,
)

CARD = "card.json"

_ENTRY = b"PK\x01\x02"
"""How each entry of an archive's directory begins."""

_AGAIN = "The file is damaged: get it again."
_HARM = "It may be meant to do harm: get it from somewhere that you trust."
_DATE = (1980, 1, 1, 0, 0, 0)
_PACKED_ALREADY = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".avif", ".mp3", ".ogg", ".mp4", ".webm", ".zip")


def read_charx(data: bytes, what: str, *, whole: bool = True) -> tuple[bytes, dict[str, bytes]]:
    """The text of ``card.json``, and all other files by their path; as empty ones if not ``whole``.

    Raises:
        BadCard: It is no archive, has no card, leads out of itself, or unpacks to more than a card has.
    """
    if (entries := data.count(_ENTRY)) > MOST_MEMBERS:  # counted before zipfile makes an object of each
        raise BadCard(f"{what} holds {entries} files, and at most {MOST_MEMBERS} are read.", hint=_HARM)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = _members(archive, what)
            if CARD not in members:
                raise BadCard(
                    f"{what} is an archive without a {CARD}.", hint="A CHARX file has it outside of all folders."
                )
            card = _content(archive, members.pop(CARD), LONGEST_JSON, what)
            left, files = MOST_UNPACKED, dict[str, bytes]()
            for name, member in members.items():
                files[name] = _content(archive, member, min(left, LARGEST_MEMBER), what) if whole else b""
                left -= len(files[name])
            return card, files
    except NotImplementedError as error:
        raise BadCard(f"{what} is packed in a way that Myna cannot unpack.", hint="Pack it as a plain zip.") from error
    except RuntimeError as error:  # what zipfile raises for a password
        raise BadCard(f"{what} is encrypted.", hint="Pack it without a password.") from error
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, struct.error, IndexError) as error:
        raise BadCard(f"{what} is a damaged archive: {str(error)[:120]}.", hint=_AGAIN) from error


def write_charx(card: bytes, files: Mapping[str, bytes]) -> bytes:
    """An archive of both; the same ones give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in ((CARD, card), *files.items()):
            info = zipfile.ZipInfo(name, _DATE)
            packed = name.lower().endswith(_PACKED_ALREADY)
            archive.writestr(info, content, zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _members(archive: zipfile.ZipFile, what: str) -> dict[str, zipfile.ZipInfo]:
    found: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        if member.is_dir():
            continue
        name = member.filename
        _check_path(name, member, what)
        if name in found:
            raise BadCard(f"{what} holds {name} twice.", hint="Pack it again, with one of them.")
        found[name] = member
    if (unpacked := sum(member.file_size for member in found.values())) > MOST_UNPACKED:
        raise BadCard(
            f"{what} unpacks to {unpacked / MB:.0f} MB, and at most {MOST_UNPACKED // MB} MB are read.", hint=_HARM
        )
    return found


def _check_path(name: str, member: zipfile.ZipInfo, what: str) -> None:
    parts = name.split("/")
    if "\\" in name or ":" in parts[0] or not name.isprintable() or any(part in ("", ".", "..") for part in parts):
        raise BadCard(f"{what} holds a file with a path that leads elsewhere, {name[:80]!r}.", hint=_HARM)
    if stat.S_ISLNK(member.external_attr >> 16):
        raise BadCard(f"{what} holds a link, {name[:80]!r}.", hint="Pack it again, with the file instead.")


def _content(archive: zipfile.ZipFile, member: zipfile.ZipInfo, most: int, what: str) -> bytes:
    too_large = BadCard(f"{what} holds a file that is too large: {member.filename[:80]}.", hint=_HARM)
    if member.file_size > most or (
        member.file_size > SMALL and member.file_size > HIGHEST_RATIO * max(1, member.compress_size)
    ):
        raise too_large
    with archive.open(member) as file:  # what the archive says of sizes may be a lie
        content = file.read(most + 1)
    if len(content) > most:
        raise too_large
    return content
