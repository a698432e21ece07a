"""The numbers in what was said, in digits or words, Chinese and English: what a call's numbers can come from. No I/O.

A small model that hears "a quarter past seven" writes the number that it saw last. Which numbers were said can be told
without it; which of them is meant cannot, so all readings are given: half past six is 6 and 30, 一个半小时 1.5 and 90,
"two hours" 2 and 120.
"""

import math
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

LONGEST = 1_000
"""Characters that are read."""

_UNITS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_WORDS = {
    **{word: number for number, word in enumerate(_UNITS)},
    **{word: 10 * (place + 2) for place, word in enumerate(_TENS)},
    **{word: place + 1 for place, word in enumerate(_ORDINALS)},
    **dict.fromkeys(("a", "an"), 1),
    "couple": 2,
    "dozen": 12,
    "noon": 12,
    "midnight": 0,
    "twice": 2,
}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000}
_ONLY_BEFORE_SCALES = frozenset({"a", "an"})
_WORD = re.compile(r"[a-z]+")

_CHINESE_DIGITS = {**{digit: place for place, digit in enumerate("零一二三四五六七八九")}, "〇": 0, "两": 2, "兩": 2}
_CHINESE_SCALES = {"十": 10, "百": 100, "千": 1_000}
_CHINESE_NUMBER = re.compile(r"[零〇一二两兩三四五六七八九十百千万萬亿億]+")
_NO_NUMBER = re.compile(r"一(?:下(?!午)|些|起|会|直|定|样|般|共)|[万统唯]一|(.)一\1")
"""Words with 一 that count nothing: 查一下, 扫一扫."""
_CHINESE_DECIMAL = re.compile(r"([零一二两三四五六七八九十百]{1,6})点([零一二三四五六七八九]{1,4})(?![十分点])")
_DIGITS = re.compile(
    r"(\d{1,3}(?:,\d{3})+(?:\.\d{1,9})?|\d{1,15}(?:\.\d{1,9})?)(?:\s?(万|萬|亿|億|k\b|thousand\b|million\b))?"
)
_TIMES = {"万": 10_000, "萬": 10_000, "亿": 10**8, "億": 10**8, "k": 1_000, "thousand": 1_000, "million": 10**6}
_POINT = re.compile(r"\b([a-z]{1,9}(?:[ -][a-z]{1,9})?) point ([a-z]{1,5})\b")

_NUMBER = r"(?:\d{1,4}(?:\.\d{1,2})?|[零〇一二两兩三四五六七八九十]{1,4}|\b[a-z]{1,9}(?:[ -][a-z]{1,9})?)"
_QUARTERS = re.compile(r"\bquarter past\b|\band a quarter\b|[点點時时]一刻|一刻[钟鐘]")
_THREE_QUARTERS = re.compile(r"\bthree quarters\b|三刻")
_TO_THE_HOUR = re.compile(rf"({_NUMBER}) to ({_NUMBER})\b|差({_NUMBER})(?:分)?(?:钟)?到?({_NUMBER})[点點]")
_AND_A_HALF = re.compile(
    rf"({_NUMBER})(?: hours?| minutes?)? and a half|({_NUMBER})[个個]半(?:小时|小時|钟头|鐘頭)|({_NUMBER})[块塊天年]半"
)
_HALF = re.compile(r"\bhalf\b|半")
_BELOW_ZERO = re.compile(r"(?<!\d)-\s?\d|\bminus\b|\bbelow\b|零下|负|負")
_PERCENT = re.compile(r"%|\bpercent\b|百分之")
_SIXTIES = re.compile(r"\b(?:hours?|minutes?)\b|小时|小時|钟头|鐘頭|分钟|分鐘")
_WEEKS = re.compile(r"\bweeks?\b|周|星期|礼拜|禮拜")
_BEFORE_MORNING = re.compile(r"\ba\.? ?m\b|\bmidnight\b|凌晨|半夜|午夜|零点")

_HOUR = r"(?:\d{1,2}|one|two|three|four|five|six|seven|eight|nine|ten|eleven)"
_LATE = re.compile(
    rf"\b({_HOUR})(?:[:.]\d\d| o'?clock| (?:fifteen|twenty|thirty|forty|fifty)(?:[ -]five)?)?"
    r"(?: ?p\.? ?m\b| (?:in the|this|tomorrow) (?:afternoon|evening)\b| at night\b| tonight\b)"
    rf"|\b(?:tonight|(?:this|tomorrow) (?:evening|afternoon)) at (?:half past |(?:a )?quarter past )?({_HOUR})\b"
    r"|(?:下午|晚上|傍晚|[今明当當每]晚|夜里|夜裡|晚间)(?:的|大概|大约)?([一二两三四五六七八九十]{1,2}|\d{1,2})\s?(?:[点點时時]|[:：]\d)"
)
NOON = 12


def numbers_said(text: str) -> frozenset[float]:
    """All numbers that may be meant."""
    text = _NO_NUMBER.sub(" ", text[:LONGEST].casefold())
    said = {*_plain(text), *_fractions(text)}
    return frozenset(number for number in (*said, *_readings(text, said)) if math.isfinite(number))


def late_hours(text: str) -> dict[int, int]:
    """The hours that are said to be after noon, as a 24-hour clock has them: 晚上九点 is {9: 21}."""
    said = (part for match in _LATE.finditer(text[:LONGEST].casefold()) for part in match.groups() if part)
    hours = (number for part in said for number in _plain(part))
    return {int(hour): int(hour) + NOON for hour in hours if 0 < hour < NOON}


def _plain(text: str) -> Iterator[float]:
    for match in _DIGITS.finditer(text):
        number = float(match[1].replace(",", ""))
        yield from (number, number * _TIMES[match[2]]) if match[2] else (number,)
    for match in _CHINESE_NUMBER.finditer(text):
        yield _chinese(match[0])
    for match in _CHINESE_DECIMAL.finditer(text):
        yield _chinese(match[1]) + float("0." + "".join(str(_CHINESE_DIGITS[digit]) for digit in match[2]))
    words = _WORD.findall(text.replace("o'clock", ""))
    in_words = [*_english(words)]
    yield from in_words
    for one, other in pairwise(in_words):  # years: twenty twenty-six
        if one in (18, 19, 20) and 10 <= other < 100:
            yield one * 100 + other
    for match in _POINT.finditer(text):
        for whole in [*_english(_WORD.findall(match[1]))][-1:]:
            yield whole + _WORDS.get(match[2], 0) / 10


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
        whole = next((number for part in match.groups() if part for number in _plain(part)), 1)
        yield from (whole + 0.5, 60 * whole + 30)
    for match in _TO_THE_HOUR.finditer(text):
        before, hour = (part for part in match.groups() if part)
        minutes = 15 if before.endswith("quarter") else next(_plain(before), None)
        hours = next(_plain(hour), None)
        if minutes is not None and hours is not None:
            yield from (60 - minutes, hours - 1)


def _readings(text: str, said: set[float]) -> Iterator[float]:
    """What the numbers are with what stands beside them, where that may be meant."""
    if _BELOW_ZERO.search(text):
        yield from (-number for number in said)
    if _PERCENT.search(text):
        yield from (number / 100 for number in said)
    if _SIXTIES.search(text):
        yield from (number * 60 for number in said)
    if _WEEKS.search(text):
        yield from (number * 7 for number in said)
    if NOON in said and _BEFORE_MORNING.search(text):
        yield 0


def _chinese(text: str) -> float:
    if not any(char not in _CHINESE_DIGITS for char in text):
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
            scale = _TIMES[char]
            total, section, digit = (total + section + digit or 1) * scale, 0, 0
    short = scale // 10 if digit and scale > 10 and "零" not in text and "〇" not in text else 1  # 两百五 is 250
    return float(total + section + digit * short)


def _english(words: Sequence[str]) -> Iterator[float]:
    """Numbers in words; those of several words are one: a hundred and twenty five."""
    total = part = 0
    begun = False
    for word, following in zip(words, (*words[1:], ""), strict=False):
        number = _WORDS.get(word)
        if number is not None and word in _ONLY_BEFORE_SCALES and following not in (*_SCALES, "couple", "dozen"):
            number = None
        if word in _SCALES and begun:
            part = max(part, 1) * _SCALES[word]
            if word != "hundred":
                total, part = total + part, 0
        elif number is not None:
            if begun and not _joins(total, part, number):
                yield total + part
                total = part = 0
            part, begun = part + number, True
        elif word != "and" or not begun or not (total or part >= 100):
            if begun:
                yield total + part
            total, part, begun = 0, 0, False
    if begun:
        yield total + part


def _joins(total: int, part: int, number: int) -> bool:
    """Whether a number goes on with the one before it: twenty-five, a hundred and five, a thousand two hundred."""
    if part == 0:
        return total > 0
    return part % 100 == 0 or (part % 100 >= 20 and part % 10 == 0 and 0 < number < 10)
