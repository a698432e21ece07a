"""The words that messages are found by: the same for every database, which is given them apart and in order.

Scripts without spaces are cut into overlapping pairs of characters, and the last character of a run stands alone as
well: 我的小白 gives 我的, 的小, 小白, 白. So a word of two characters is one of the index's, a longer one a row of
them, and a single one begins some. Other scripts are cut into words. Case, width, accents and traditional characters
make no difference.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

import opencc

LONGEST_INDEXED = 16_000
"""So many words of a message can be found: PostgreSQL knows no places behind the 16,383rd."""

LONGEST_QUERY = 64
"""So many words of a query are looked for."""

SHORTEST_PREFIX = 3
"""From this length on, the last letters of a word may be left out: *peanut* finds *peanuts*, but *a* only *a*."""

SNIPPET = 80
"""How long a snippet is, in characters; a quarter stands before what was found."""

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Myanmar, Khmer
    "\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U000323af"  # CJK
)
_RUNS = re.compile(rf"([{_UNSPACED}]+)|((?:(?![{_UNSPACED}])[^\W_])+)")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that stand beside one another; if ``begins``, the last may be the beginning of a longer one."""

    words: Sequence[str]
    begins: bool


def words_of(text: str) -> list[str]:
    """The words that a text is found by, in order, the first `LONGEST_INDEXED` of them."""
    words: list[str] = []
    for run, unspaced in _runs(fold(text)):
        words += _pairs(run) if unspaced else [run]
        if len(words) >= LONGEST_INDEXED:
            return words[:LONGEST_INDEXED]
    return words


def phrases_of(query: str) -> list[Phrase]:
    """What to look for: a phrase for each part between spaces. Empty if there is nothing to look for."""
    phrases: list[Phrase] = []
    left = LONGEST_QUERY
    for part in fold(query[: LONGEST_QUERY * 20]).split():
        words: list[str] = []
        begins = run_goes_on = False
        for run, unspaced in _runs(part):
            words += _pairs(run) if unspaced else [run]
            run_goes_on = unspaced and len(run) > 1
            begins = len(run) == 1 if unspaced else len(run) >= SHORTEST_PREFIX
        if not words:
            continue
        if run_goes_on:
            words.pop()
        phrases.append(Phrase(words[:left], begins and len(words) <= left))
        left -= len(words)
        if left <= 0:
            break
    return phrases


def snippet(text: str, query: str) -> str:
    """What stands around the first words of ``query`` in ``text``, in one line."""
    text = " ".join(unicodedata.normalize("NFC", text).split())
    folded = fold(text)
    parts = set(fold(query[: LONGEST_QUERY * 20]).split()[:LONGEST_QUERY])
    found = min((found for part in parts if (found := folded.find(part)) >= 0), default=0)
    place = _unfolded(text, found)
    begin = max(0, min(place - SNIPPET // 4, len(text) - SNIPPET))
    end = begin + SNIPPET
    return ("…" if begin else "") + text[begin:end].strip() + ("…" if end < len(text) else "")


def fold(text: str) -> str:
    """A text without the differences that no search is to see."""
    return unicodedata.normalize("NFC", text).translate(_folded())


class _Folded(dict[int, str]):
    """What becomes of each character, alone: so a message and a query become the same, whatever is around them."""

    def __init__(self) -> None:
        super().__init__()
        convert = opencc.OpenCC("t2s").convert  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        self._simplify = cast("Callable[[str], str]", convert)

    def __missing__(self, code: int) -> str:
        decomposed = unicodedata.normalize("NFKD", chr(code)).casefold()
        plain = unicodedata.normalize("NFC", re.sub("[\u0300-\u036f]", "", decomposed))
        if any(0xD800 <= ord(character) <= 0xDFFF for character in plain):
            plain = " "
        elif re.search(f"[{_UNSPACED}]", plain):
            plain = self._simplify(plain)
        self[code] = plain
        return plain


@cache
def _folded() -> _Folded:
    return _Folded()


def _runs(folded: str) -> Iterator[tuple[str, bool]]:
    for match in _RUNS.finditer(folded):
        yield match[0], match[1] is not None


def _pairs(run: str) -> list[str]:
    return [run[place : place + 2] for place in range(len(run))]


def _unfolded(text: str, found: int) -> int:
    """The place in ``text`` of what stands at ``found`` when it is folded."""
    table = _folded()
    ends = 0
    for place, character in enumerate(text):
        ends += len(table[ord(character)])
        if ends > found:
            return place
    return 0
