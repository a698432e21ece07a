"""Mandarin to Kokoro's phonemes: words by jieba, readings by pypinyin, tones as they are spoken.

Kokoro learned Mandarin from the transcription of hexgrad/misaki (``misaki/transcription.py``, after
stefantaubert/pinyin-to-ipa), so the tables give the same symbols: a tone is an arrow behind the vowel, and words have
a space between them.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import cast

from myna.engines.tts.mandarin_readings import FIRST_READINGS, READINGS, reading_of_de

HANZI = "\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
"""What counts as a Chinese character, as the inside of a regular expression's class."""


def _table(pairs: str) -> dict[str, str]:
    return dict(cast(tuple[str, str], tuple(pair.split(":"))) for pair in pairs.split(" "))


_INITIALS = _table("b:p p:pʰ m:m f:f d:t t:tʰ n:n l:l g:k k:kʰ h:x j:ʨ q:ʨʰ x:ɕ zh:ꭧ ch:ꭧʰ sh:ʂ r:ɻ z:ʦ c:ʦʰ s:s :")
_FINALS = _table(  # 0 is where the tone goes
    "a:a0 ai:ai0 an:a0n ang:a0ŋ ao:au0 e:ɤ0 ei:ei0 en:ə0n eng:ə0ŋ er:ɚ0 i:i0 ia:ja0 ian:jɛ0n iang:ja0ŋ iao:jau0 "
    "ie:je0 in:i0n ing:i0ŋ iong:jʊ0ŋ iou:jou0 o:wo0 ong:ʊ0ŋ ou:ou0 u:u0 ua:wa0 uai:wai0 uan:wa0n uang:wa0ŋ uei:wei0 "
    "uen:wə0n ueng:wə0ŋ uo:wo0 ü:y0 üan:ɥɛ0n üe:ɥe0 ün:y0n"
)
_INTERJECTIONS = _table("o:ɔ0 yo:jɔ0 ê:ɛ0 m:m0 n:n0 ng:ŋ0 hm:hm0 hng:hŋ0")
_BUZZED = frozenset(("zh", "ch", "sh", "r", "z", "c", "s"))
_TONES = _table("1:→ 2:↗ 3:↓ 4:↘ 5:")

_FIRST_TONE_BEFORE = frozenset("〇零一二三四五六七八九十月日号楼")
_FIRST_TONE_AFTER = frozenset("第〇零一二三四五六七八九十之")


@dataclass(slots=True)
class _Syllable:
    """A character as it is read, in pinyin without its tone, and its word and its place there."""

    char: str
    pinyin: str
    tone: str
    word: str
    place: int

    @property
    def last(self) -> bool:
        return self.place == len(self.word) - 1


@dataclass(frozen=True, slots=True)
class Mandarin:
    """Reads Mandarin. Made by `open_mandarin`; may be called from several threads at once.

    Attributes:
        cut: Characters to words.
        is_word: Whether the dictionary has it.
        read: A word to the pinyin of its characters (``ni3``).
        sound: Pinyin without its tone to phonemes, with 0 where the tone goes.
    """

    cut: Callable[[str], Sequence[str]]
    is_word: Callable[[str], bool]
    read: Callable[[str], Sequence[str]]
    sound: Callable[[str], str]

    def phonemes(self, hanzi: str) -> str:
        """The phonemes of Chinese characters with nothing between them; a character without a reading has none."""
        text = ""
        for syllable in self._spoken(hanzi):
            text += " " * (syllable.place == 0) + self.sound(syllable.pinyin).replace("0", _TONES[syllable.tone])
        return text.strip()

    def pinyin(self, hanzi: str) -> str:
        """How the characters are read, with the tones that are spoken: ``ni2 hao3``."""
        return " ".join(syllable.pinyin + syllable.tone for syllable in self._spoken(hanzi))

    def _spoken(self, hanzi: str) -> list[_Syllable]:
        syllables = self._syllables(hanzi)
        _unstress(syllables)
        _retone_yi_and_bu(syllables)
        self._retone_third_tones(syllables)
        return syllables

    def _syllables(self, hanzi: str) -> list[_Syllable]:
        """How each character is read, before the tones change each other."""
        words = self.cut(hanzi)
        chars = [(word, place, pinyin) for word in words for place, pinyin in enumerate(self.read(word))]
        pinyins = [pinyin for _, _, pinyin in chars]
        for i, (word, place, _) in enumerate(chars):
            if hanzi[i] == "得" and (place or word == "得" or not self.is_word(word)):
                pinyins[i] = reading_of_de(hanzi[max(i - 2, 0) : i], hanzi[i + 1 : i + 2])
        for pattern, reading in READINGS:
            for found in pattern.finditer(hanzi):
                pinyins[found.start()] = reading
        return [
            _Syllable(word[place], pinyin[:-1], pinyin[-1], word, place)
            for (word, place, _), pinyin in zip(chars, pinyins, strict=True)
            if pinyin[-1] in _TONES and self.sound(pinyin[:-1])
        ]

    def _retone_third_tones(self, syllables: Sequence[_Syllable]) -> None:
        """A third tone before a third is spoken as a second: in a word, and where a short word leans on another.

        From the right, so that of three each other one changes (小老虎), but all before the last if the first two are a
        word of their own (展览馆).
        """
        written = [syllable.tone for syllable in syllables]
        for i in range(len(syllables) - 2, -1, -1):
            here, following = syllables[i], syllables[i + 1]
            joined = not here.last or len(here.word) == 1 or len(following.word) == 1
            chained = len(here.word) == 3 and here.place == 0 and not self.is_word(here.word[1:])
            if here.tone == "3" and joined and "3" in (following.tone, written[i + 1] if chained else ""):
                here.tone = "2"


def _unstress(syllables: Sequence[_Syllable]) -> None:
    """快乐地: the particle, which the dictionary reads dì when it stands alone."""
    for before, here in itertools.pairwise(syllables):
        if here.word == "地" and before.place > 0:
            here.pinyin, here.tone = "de", "5"


def _retone_yi_and_bu(syllables: Sequence[_Syllable]) -> None:
    """一 and 不 are in the second tone before a fourth; else 一 is in the fourth, but as a digit in the first."""
    for i, here in enumerate(syllables[:-1]):
        before, following = syllables[i - 1].char if i else "", syllables[i + 1]
        if here.char not in ("一", "不"):
            continue
        counted = before in _FIRST_TONE_AFTER or following.char in _FIRST_TONE_BEFORE
        counted |= before == "点" and i > 1 and syllables[i - 2].char in _FIRST_TONE_AFTER  # 二点一倍
        if before == following.char:  # 看一看, 是不是
            here.tone = "5"
        elif here.char == "一" and (counted or (here.last and here.place > 0)):  # 第一, 十一月, 星期一
            here.tone = "1"
        else:
            here.tone = "2" if following.tone == "4" else "4"


def open_mandarin() -> Mandarin:
    """Load the dictionaries, some 90 MB in memory, and put `FIRST_READINGS` in pypinyin's for this process. Blocks."""
    import rjieba  # noqa: PLC0415 - the dictionary is loaded with it
    from pypinyin import Style, lazy_pinyin, load_single_dict  # noqa: PLC0415 - so are 50,000 phrases
    from pypinyin.contrib.tone_convert import to_finals, to_initials  # noqa: PLC0415

    load_single_dict({ord(char): readings for char, readings in FIRST_READINGS.items()})

    @cache
    def sound(pinyin: str) -> str:
        if pinyin in _INTERJECTIONS:
            return _INTERJECTIONS[pinyin]
        initial, final = to_initials(pinyin), to_finals(pinyin, v_to_u=True)
        vowel = "ɨ0" if final == "i" and initial in _BUZZED else _FINALS.get(final)
        return _INITIALS[initial] + vowel if vowel else ""  # the dictionary has readings that are no syllables

    def read(word: str) -> list[str]:
        return lazy_pinyin(
            word,
            style=Style.TONE3,
            neutral_tone_with_five=True,
            errors=list,  # pyright: ignore[reportArgumentType] - its type leaves out that a list may come back
        )

    return Mandarin(rjieba.cut, rjieba.has_word, read, sound)
