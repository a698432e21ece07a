"""An id for a persona, made of its name."""

import re
import unicodedata
import zlib

_HAN = re.compile(r"[\u4e00-\u9fff]")
_LONGEST = 40


def slug_of(name: str) -> str:
    """A slug that reads like ``name``: letters without their accents, Chinese in Pinyin, else a number of its own."""
    if _HAN.search(name):
        from pypinyin import lazy_pinyin  # noqa: PLC0415 - its dictionaries take a quarter of a second

        name = " ".join(lazy_pinyin(name))
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = "-".join(re.findall(r"[a-z0-9]+", plain))[:_LONGEST].strip("-")
    return slug or f"persona-{zlib.crc32(name.encode(errors='replace')):08x}"
