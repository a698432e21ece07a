"""Numbers in English words, as Americans say them."""

_BELOW_TWENTY = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
)  # fmt: skip
_TENS = ("", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SCALES = ("", "thousand", "million", "billion", "trillion")

LONGEST_NUMBER = 3 * len(_SCALES)
"""Numbers of more digits are said digit by digit."""

_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


def digits(number: str) -> str:
    """``"0142"`` as zero one four two; what is no digit is left out."""
    return " ".join(_BELOW_TWENTY[int(digit)] for digit in number if "0" <= digit <= "9")


def cardinal(number: str) -> str:
    """Digits as a number; one by one where that is how they are said: after a zero, and when there are many."""
    if len(number) > LONGEST_NUMBER or (len(number) > 1 and number[0] == "0"):
        return digits(number)
    value, groups = int(number), list[str]()
    if not value:
        return _BELOW_TWENTY[0]
    for scale in _SCALES:
        value, group = divmod(value, 1000)
        if group:
            groups.insert(0, f"{_below_thousand(group)} {scale}".strip())
    return " ".join(groups)


def _below_thousand(value: int) -> str:
    hundreds, rest = divmod(value, 100)
    words = [f"{_BELOW_TWENTY[hundreds]} hundred"] if hundreds else []
    if rest >= 20:
        words.append(_TENS[rest // 10])
        rest %= 10
    if rest:
        words.append(_BELOW_TWENTY[rest])
    return " ".join(words)


def decimal(number: str) -> str:
    """A number that may have a point: what follows it is said digit by digit."""
    whole, point, fraction = number.partition(".")
    words = cardinal(whole or "0")
    return f"{words} point {digits(fraction)}" if point else words


def ordinal(number: str) -> str:
    """The third, the twenty first."""
    head, _, last = cardinal(str(int(number))).rpartition(" ")
    last = _ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return f"{head} {last}".strip()


def year(number: str) -> str:
    """Four digits as a year: nineteen ninety nine, two thousand nine, twenty twenty six."""
    century, rest = int(number[:2]), int(number[2:])
    if century % 10 == 0 and rest < 10:
        return cardinal(number)
    return f"{_below_thousand(century)} {_two_digits(rest) if rest else 'hundred'}"


def _two_digits(value: int) -> str:
    return _below_thousand(value) if value >= 10 else f"oh {_BELOW_TWENTY[value]}"


def in_pairs(number: str) -> str:
    """Three or four digits as a room is numbered: twelve oh three, three fifteen, twelve hundred."""
    head, rest = int(number[:-2]), int(number[-2:])
    if not rest and head % 10 == 0:
        return cardinal(number)
    return f"{_below_thousand(head)} {_two_digits(rest) if rest else 'hundred'}"


def clock(hour: int, minute: int) -> str:
    """Nine thirty, twelve oh five, nine o'clock, fourteen hundred."""
    if minute:
        return f"{cardinal(str(hour))} {_two_digits(minute)}"
    return cardinal(str(hour)) + (" hundred" if hour > 12 else " o'clock")


def plural(words: str) -> str:
    """Eighties, tens."""
    return words[:-1] + "ies" if words.endswith("y") else words + "s"
