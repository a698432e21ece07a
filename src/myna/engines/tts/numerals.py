"""Numbers, dates, times and units in Chinese text become words, by WeTextProcessing's grammar (wetext)."""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from myna.engines.tts.chinese_figures import rewrite

_CLAUSE = re.compile(r"(?:[^,.!?;…\n]|(?<=\d)\.(?=\d)){1,256}")
_UNSAFE = re.compile(r'["\\\x00\ud800-\udfff]')  # wetext gives them back escaped, or fails
_DIGITS = str.maketrans("0123456789", "零一二三四五六七八九")


@dataclass(frozen=True, slots=True)
class Numerals:
    """Made by `open_numerals`; may be called from several threads at once.

    Attributes:
        grammar: A clause to the same with its numbers in words.
    """

    grammar: Callable[[str], str]

    def spell_out(self, text: str) -> str:
        """Chinese ``text`` (NFKC, with ASCII marks) with no digit left in it."""
        if not text.isascii():
            text = "".join(str(unicodedata.decimal(char, char)) for char in text)  # ٣ is 3
        return _CLAUSE.sub(lambda clause: self._clause(clause[0]), rewrite(text))

    def _clause(self, clause: str) -> str:
        # The grammar takes a millisecond for each character, so what has no digit is spared it
        if not any(map(str.isdigit, clause)):
            return clause
        return self.grammar(_UNSAFE.sub(" ", clause)).translate(_DIGITS)


def open_numerals() -> Numerals:
    """Load the grammar. Blocks."""
    from wetext import Normalizer  # noqa: PLC0415 - a second of imports

    return Numerals(cast(Callable[[str], str], Normalizer(lang="zh", operator="tn").normalize))  # pyright: ignore[reportUnknownMemberType] - untyped in part
