"""The numbers in what was said, in digits or words, Chinese and English: what a call's numbers can come from. No I/O.

A small model that hears "a quarter past seven" writes the number that it saw last. Which numbers were said can be told
without it; which of them is meant cannot, so all readings are given: half past six is 6 and 30, 一个半小时 1.5 and 90.
"""

import re
from collections.abc import Iterator

_UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_WORDS = {
    **{word: number for number, word in enumerate(_UNITS)},
    **{word: 10 * (place + 2) for place, word in enumerate(_TENS)},
    **dict.fromkeys(("a", "an"), 1),
    "couple": 2,
    "dozen": 12,
    "noon": 12,
    "midnight": 0,
    "once": 1,
    "twice": 2,
}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_WORD = re.compile(r"[a-z]+")
_DIGITS = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?")

_CHINESE_DIGITS = {**{digit: place for place, digit in enumerate("零一二三四五六七八九")}, "〇": 0, "两": 2, "兩": 2}
_CHINESE_SCALES = {"十": 10, "百": 100, "千": 1_000}
_CHINESE_NUMBER = re.compile(r"[零〇一二两兩三四五六七八九十百千万萬]+")

_NUMBER = r"(?:\d+(?:\.\d+)?|[零〇一二两兩三四五六七八九十]+|[a-z]+(?:[ -][a-z]+)?)"
_QUARTERS = re.compile(r"\bquarter past\b|[点點時时]一刻|一刻[钟鐘]")
_THREE_QUARTERS = re.compile(r"\bthree quarters\b|三刻")
_TO_THE_HOUR = re.compile(rf"\b(quarter|{_NUMBER}) to ({_NUMBER})\b|差({_NUMBER})(?:分)?(?:钟)?到?({_NUMBER})[点點]")
_AND_A_HALF = re.compile(
    rf"({_NUMBER})(?: hours?| minutes?)? and a half|({_NUMBER})[个個]半(?:小时|小時|钟头|鐘頭)|({_NUMBER})[块塊天年]半"
)
_HALF = re.compile(r"\bhalf\b|半")

_LATE = re.compile(r"\bp\.? ?m\b|\b(?:afternoon|evening|tonight|night)\b|下午|晚|夜")
_EARLY = re.compile(r"\ba\.? ?m\b|\b(?:morning|midnight)\b|早|上午|凌晨|清晨|中午|半夜")
NOON = 12


def numbers_said(text: str) -> frozenset[float]:
    """All numbers that may be meant."""
    return frozenset(_numbers(text.casefold()))


def late_hours(text: str) -> dict[int, int]:
    """The hours that are said to be after noon, as a 24-hour clock has them: 晚上九点 is {9: 21}.

    Nothing where hours before noon are spoken of as well.
    """
    text = text.casefold()
    if not _LATE.search(text) or _EARLY.search(text):
        return {}
    return {int(hour): int(hour) + NOON for hour in _numbers(text) if hour in range(1, NOON)}


def _numbers(text: str) -> Iterator[float]:
    for match in _DIGITS.finditer(text):
        yield float(match[0].replace(",", ""))
    for match in _CHINESE_NUMBER.finditer(text):
        yield _chinese(match[0])
    yield from _english(_WORD.findall(text.replace("o'clock", "")))
    yield from _fractions(text)


def _fractions(text: str) -> Iterator[float]:
    if _HALF.search(text):
        yield from (0.5, 30)
        if "dozen" in text:
            yield 6
    if _QUARTERS.search(text):
        yield 15
    if _THREE_QUARTERS.search(text):
        yield 45
    for match in _AND_A_HALF.finditer(text):
        whole = next((number for part in match.groups() if part for number in _numbers(part)), 1)
        yield from (whole + 0.5, 60 * whole + 30)
    for match in _TO_THE_HOUR.finditer(text):
        before, hour = (part for part in match.groups() if part)
        minutes = 15 if before == "quarter" else next(_numbers(before), None)
        hours = next(_numbers(hour), None)
        if minutes is not None and hours is not None:
            yield from (60 - minutes, hours - 1)


def _chinese(text: str) -> float:
    if not any(char in _CHINESE_SCALES or char in "万萬" for char in text):
        return float("".join(str(_CHINESE_DIGITS[char]) for char in text))
    total = section = digit = 0
    scale = 1
    for char in text:
        if char in _CHINESE_DIGITS:
            digit = _CHINESE_DIGITS[char]
        elif char in _CHINESE_SCALES:
            scale = _CHINESE_SCALES[char]
            section += (digit or 1) * scale
            digit = 0
        else:
            total, section, digit, scale = total + ((section + digit) or 1) * 10_000, 0, 0, 10_000
    short = scale // 10 if digit and scale > 10 and "零" not in text and "〇" not in text else 1  # 两百五 is 250
    return total + section + digit * short


def _english(words: list[str]) -> Iterator[float]:
    total = part = 0
    begun = False
    for word, following in zip(words, (*words[1:], ""), strict=False):
        if word in _SCALES and begun:
            part = max(part, 1) * _SCALES[word]
            if word != "hundred":
                total, part = total + part, 0
        elif word in _WORDS and not (word in ("a", "an") and following not in (*_SCALES, "couple", "dozen")):
            number = _WORDS[word]
            joins = begun and ((part % 100 >= 20 and part % 10 == 0 and number < 10) or (part % 100 == 0 and part))
            if begun and not joins and not (total and not part):
                yield total + part
                total = part = 0
            part, begun = part + number, True
        elif not (word == "and" and begun and (total or part >= 100)):
            if begun:
                yield total + part
            total, part, begun = 0, 0, False
    if begun:
        yield total + part
