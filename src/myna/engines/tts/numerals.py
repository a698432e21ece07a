"""Numbers, dates, times and units become words, by WeTextProcessing's grammars (wetext)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NAME_AND_NUMBER = re.compile(r"(?<=[A-Za-z])-(?=\d)")  # GPT-4 is not minus four
_CHINESE_UNSAFE = re.compile(r'["\\]')  # wetext gives them back escaped

_ENGLISH_NUMBER = re.compile(
    r"(?:(?<!\w)-)?(?:[$€£¥]\s?)?\d+(?:[.,:/-]\d+)*"
    r"(?:\s?(?:%|°[CF]|(?:[ap]m|km|cm|mm|kg|mg|ml|ft|lbs?)\b)|(?:st|nd|rd|th)\b)?",
    re.IGNORECASE,
)
_DECADE = re.compile(r"(\d\d+)s\b")
_HALF_OF_THE_DAY = re.compile(r"\b([AP])\.?M\b\.?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Numerals:
    """Made by `open_numerals`; may be called from several threads at once."""

    chinese: Callable[[str], str]
    english: Callable[[str], str]

    def spell_out(self, text: str, language: str) -> str:
        """``text`` with words for its numbers: Chinese ones if ``language`` is ``zh``, else English ones."""
        if not any(char.isdigit() for char in text):
            return text
        text = _NAME_AND_NUMBER.sub(" ", _THOUSANDS.sub("", text))
        if language == "zh":
            return self.chinese(_CHINESE_UNSAFE.sub(" ", text))
        text = _DECADE.sub(lambda decade: f" {self.english(decade[1])}s ", text)
        return _ENGLISH_NUMBER.sub(lambda number: f" {self._english_number(number[0])} ", text)

    def _english_number(self, number: str) -> str:
        # Only the number is given to wetext: in whole sentences it takes Sun for Sunday, and other characters fail it
        try:
            words = self.english(number)
        except AssertionError:  # how it says that the grammar does not match
            words = " ".join(self.english(digit) for digit in re.findall(r"[0-9]", number))
        return _HALF_OF_THE_DAY.sub(r"\1 M", words)


def open_numerals() -> Numerals:
    """Load the grammars. Blocks."""
    from wetext import Normalizer  # noqa: PLC0415 - a second of imports

    def normalizer(language: str) -> Callable[[str], str]:
        return cast(Callable[[str], str], Normalizer(lang=language, operator="tn").normalize)  # pyright: ignore[reportUnknownMemberType] - untyped in part

    return Numerals(normalizer("zh"), normalizer("en"))
