"""Digits in written English as they are read aloud: dates, times, prices, units, phone numbers, plain numbers.

``on 3/14 at 9:05 p.m.`` is "on March fourteenth at nine oh five P M"; without a word like "on", 3/14 is a fraction.
Dates in digits alone are read in the American order, unless only the other one is possible.
"""

import re
from collections.abc import Callable, Mapping

from myna.engines.tts.english_numbers import cardinal, clock, decimal, digits, in_pairs, ordinal, plural, year

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
_MONTH_OF = {month[:3]: month for month in _MONTHS} | {"Sept": "September"} | {month: month for month in _MONTHS}
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAY_OF = (
    {day[:3]: day for day in _WEEKDAYS} | {"Tues": "Tuesday", "Thurs": "Thursday"} | {day: day for day in _WEEKDAYS}
)

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?"
_MONTH = r"(?P<month>{})\b\.?".format("|".join(sorted(_MONTH_OF, key=len, reverse=True)))
_DAY = r"(?<!\d)(?P<day>[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>1\d{3}|20\d\d)(?![\d,]\d)"
_NAME_OF = _DAY_OF | _MONTH_OF
_NAMED = "|".join(sorted(_NAME_OF, key=len, reverse=True))
_PHONE = (
    r"\+\d{1,3}(?:[ .-]?\(?\d{1,4}\)?){2,5}"  # international
    r"|(?:1[ -])?(?:\(\d{3}\) ?|\d{3}[.-])?\d{3}[.-]\d{4}"  # American
    r"|0\d{6,13}|\d{10,15}"
)

_CURRENCIES: Mapping[str, tuple[str, str, str, str]] = {  # one, many, and of hundredths
    "$": ("dollar", "dollars", "cent", "cents"),
    "€": ("euro", "euros", "cent", "cents"),
    "£": ("pound", "pounds", "penny", "pence"),
    "¥": ("yuan", "yuan", "", ""),
    "₹": ("rupee", "rupees", "", ""),
    "₩": ("won", "won", "", ""),
}
_SCALES = {"k": "thousand", "K": "thousand", "M": "million", "m": "million", "B": "billion", "bn": "billion"}

_CURRENCY = "|".join(map(re.escape, _CURRENCIES))
_SCALED = r"(?: ?(?P<scale>[KkMmB]|bn)\b| (?P<word>hundred|thousand|million|billion|trillion)\b)?"

_UNITS: Mapping[str, str] = {  # an asterisk is an s after any number but one
    "km": "kilometer*", "m": "meter*", "cm": "centimeter*", "mm": "millimeter*", "nm": "nanometer*",
    "kg": "kilogram*", "g": "gram*", "mg": "milligram*", "lb": "pound*", "lbs": "pound*", "oz": "ounce*",
    "ft": "foot*", "yd": "yard*", "ml": "milliliter*", "mL": "milliliter*", "L": "liter*", "l": "liter*",
    "kB": "kilobyte*", "KB": "kilobyte*", "MB": "megabyte*", "GB": "gigabyte*", "TB": "terabyte*", "Hz": "hertz",
    "kHz": "kilohertz", "MHz": "megahertz", "GHz": "gigahertz", "W": "watt*", "kW": "kilowatt*", "MW": "megawatt*",
    "kWh": "kilowatt hour*", "mAh": "milliamp hour*", "V": "volt*", "ms": "millisecond*", "min": "minute*",
    "mins": "minute*", "h": "hour*", "hr": "hour*", "hrs": "hour*", "sec": "second*", "secs": "second*",
    "mi": "mile*", "tsp": "teaspoon*", "tbsp": "tablespoon*", "gal": "gallon*",
    "dB": "decibel*", "px": "pixel*", "m2": "square meter*", "km2": "square kilometer*", "m3": "cubic meter*",
    "mph": "mile* per hour", "kph": "kilometer* per hour", "km/h": "kilometer* per hour", "m/s": "meter* per second",
    "Mbps": "megabit* per second", "Gbps": "gigabit* per second", "fps": "frame* per second",
    "°C": "degree* Celsius", "°F": "degree* Fahrenheit", "°": "degree*", "%": "percent",
}  # fmt: skip
_UNIT = "|".join(sorted(map(re.escape, _UNITS), key=len, reverse=True))

_PER: Mapping[str, str] = {
    "s": "second", "sec": "second", "min": "minute", "h": "hour", "hr": "hour", "wk": "week", "mo": "month",
    "yr": "year", "g": "gram", "kg": "kilogram", "lb": "pound", "oz": "ounce", "mi": "mile", "m": "meter",
    "km": "kilometer", "l": "liter", "L": "liter", "gal": "gallon", "kWh": "kilowatt hour",
}  # fmt: skip
_EACH = "|".join(
    ("second|minute|hour|day|night|week|month|quarter|year|person|head|user|seat|item|piece|mile|gallon", *_PER)
)

_EQUATED = re.compile(r"[\d.,]{1,20} ?=")
_TERMS = r"\d[\d.,]{0,20}(?: ?[x×/+-] ?\d[\d.,]{0,20}){0,8} ?="  # what is left of an equation
_BEFORE_DATES = "[Oo]n|[Dd]ue|[Uu]ntil|[Bb]efore|[Aa]fter|[Ss]ince|[Bb]y(?= \\d\\d?/(?:1[1-9]|[23]\\d))"  # but: by 3/4
_MONTH_AND_DAY = r"(?!9/11\b)(?P<month>1[0-2]|0?[1-9])/(?P<day>[12]\d|3[01]|0?[1-9])"
_HALVED = "of|an?|hours?|days?|miles?|inch|cups?"  # after 1/2 hour
_LAST_DAY = r"(?P<last>[12]\d|3[01]|0?[1-9])(?!\d)(?:st|nd|rd|th)?"
_CODES = "[Cc]ode|PIN|[Pp]asscode|[Pp]assword|OTP|ZIP|[Zz]ip|[Ee]xtension|[Oo]rder number|[Aa]ccount|[Ss]erial number"
_NUMBERED = "[Rr]oom|[Ss]uite|[Aa]partment|Apt|[Ff]light|[Rr]oute|[Hh]ighway"
_VERSIONED = "version|Version|Python|Ubuntu|iOS|macOS|Android|Node|Java|CUDA|PyTorch|Whisper|Llama|Qwen"


def spell_out(text: str) -> str:
    """``text`` with words for all that is written in digits."""
    for pattern, spoken in _RULES:
        text = pattern.sub(spoken, text)
    return text


def _plain(number: str) -> str:
    return number.replace(",", "")


def _counted(number: str) -> str:
    """Before what is counted: fifteen hundred meters, two thousand, three point five."""
    number = _plain(number)
    return year(number) if re.fullmatch(r"1[1-9]00", number) else decimal(number)


def _phone(found: re.Match[str]) -> str:
    return "plus " * found[0].startswith("+") + ", ".join(map(digits, re.findall(r"\d+", found[0])))


def _date_in_digits(found: re.Match[str]) -> str:
    month, day, number = int(found["month"]), int(found["day"]), found["year"]
    if month > 12:
        month, day = day, month
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        return found[0]
    number = number if len(number) == 4 else ("19" if number > "50" else "20") + number
    return f"{_MONTHS[month - 1]} {ordinal(str(day))}, {year(number)}"


def _date(found: re.Match[str]) -> str:
    return f"{_MONTH_OF[found['month']]} {ordinal(found['day'])}" + (
        f", {year(found['year'])}" if found["year"] else ""
    )


def _british_date(found: re.Match[str]) -> str:
    spoken = f"{found['the'] or 'the '}{ordinal(found['day'])} of {_MONTH_OF[found['month']]}"
    return spoken + (f", {year(found['year'])}" if found["year"] else "")


def _date_range(found: re.Match[str]) -> str:
    spoken = f"{_MONTH_OF[found['month']]} {ordinal(found['day'])} to {ordinal(found['last'])}"
    return spoken + (f", {year(found['year'])}" if found["year"] else "")


def _date_without_year(found: re.Match[str]) -> str:
    return f"{found['before']}{_MONTHS[int(found['month']) - 1]} {ordinal(found['day'])}"


def _half_of_the_day(found: re.Match[str]) -> str:
    """``a.m.`` after a time, and the full stop after it where the text ends with it."""
    return f" {found['half'].upper()} M" + "." * (found[0].endswith(".") and found.end() == len(found.string))


def _time(found: re.Match[str]) -> str:
    hour, minute, second = int(found["hour"]), int(found["minute"]), found["second"]
    if hour > 24 or minute > 59 or len(found["minute"]) != 2:
        return f"{cardinal(str(hour))} to {cardinal(str(minute))}"  # a ratio
    return clock(hour, minute) + (f" and {cardinal(str(int(second)))} seconds" if second else "")


def _time_of_half(found: re.Match[str]) -> str:
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    return (clock(hour, minute) if minute else cardinal(str(hour))) + _half_of_the_day(found)


def _money(found: re.Match[str]) -> str:
    one, many, hundredth, hundredths = _CURRENCIES[found["currency"]]
    minus, number = "minus " if found["minus"] else "", _plain(found["number"])
    if scale := found["scale"] or found["word"]:
        return f"{minus}{decimal(number)} {_SCALES.get(scale, scale)} {many}"
    whole, _, part = number.partition(".")
    if len(part) != 2 or not hundredth:
        return f"{minus}{_counted(number)} {one if number == '1' else many}"
    small = f"{cardinal(str(int(part)))} {hundredth if part == '01' else hundredths}" if int(part) else ""
    large = f"{_counted(whole)} {one if whole == '1' else many}" if int(whole) or not small else ""
    return minus + " and ".join(filter(None, (large, small)))


def _measure(found: re.Match[str]) -> str:
    unit = _UNITS[found["unit"]].replace("*", "" if found["number"] == "1" else "s").replace("foots", "feet")
    return f"{_counted(found['number'])} {unit}"


def _measure_after_space(found: re.Match[str]) -> str:
    one, unit = found["number"] == "1", found["unit"]
    words = {"s": "second" if one else "seconds", "in.": "inch" if one else "inches"}[unit]
    return f"{_counted(found['number'])} {words}" + "." * (unit == "in." and found.end() == len(found.string))


def _per(found: re.Match[str]) -> str:
    return f"{found['amount']} per {_PER.get(found['each'], found['each'])}"


def _fraction(found: re.Match[str]) -> str:
    over, under, whole = int(found["over"]), int(found["under"]), found["whole"]
    if not 1 < under <= 100 or over >= under or (over, under) == (9, 11):  # 24/7, 9/11
        return f"{whole or ''}{cardinal(found['over'])} {cardinal(found['under'])}"
    part = {2: "half", 4: "quarter"}.get(under) or ordinal(str(under))
    words = f"{cardinal(str(over))} {part}" if over == 1 else f"{cardinal(str(over))} {part}s"
    return f"{cardinal(whole.strip())} and {words.replace('one half', 'a half')}" if whole else words


def _code(found: re.Match[str]) -> str:
    return found["name"] + digits(found["code"])


def _room(found: re.Match[str]) -> str:
    return found["name"] + in_pairs(found["number"])


def _version(found: re.Match[str]) -> str:
    return (found["name"] or "") + " point ".join(map(cardinal, found["parts"].split(".")))


def _decade(found: re.Match[str]) -> str:
    return plural(year(found["century"] + found["tens"]) if found["century"] else cardinal(found["tens"]))


def _dash(found: re.Match[str]) -> str:
    """Pages 10-15, but 5-3=2."""
    return " minus " if _EQUATED.match(found.string, found.end()) else " to "


def _number(found: re.Match[str]) -> str:
    number = _plain(found[0])
    spoken = year(number) if re.fullmatch(r"1[5-9]\d\d|20[1-9]\d", found[0]) else decimal(number)
    return f" {spoken} "


def _named_range(found: re.Match[str]) -> str:
    return f"{_NAME_OF[found[1]]} to {_NAME_OF[found[2]]}"


def _money_range(found: re.Match[str]) -> str:
    """Ten to $15: the currency is said once."""
    return f"{found[2]} to {found[1]}"


def _ordinal(found: re.Match[str]) -> str:
    return ordinal(_plain(found[1]))


_PATTERNS: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (rf"\b({_NAMED}) ?[-–—] ?({_NAMED})\b", _named_range),
    (rf"(?<![\w.,/-])(?:{_PHONE})(?![\w/-]|[.,]\d)", _phone),
    (r"(?<=\b[Cc]all )\d{3}\b|(?<=\b[Dd]ial )\d{3}\b", _phone),
    (rf"(?P<name>\b(?:{_CODES})(?: number)?(?: is| was)?:? )(?P<code>\d{{3,12}})(?![\w/%:-]|[.,]\d)", _code),
    (rf"(?P<name>\b(?:{_NUMBERED}) )(?P<number>[1-9]\d{{2,3}})(?![\w/%:-]|[.,]\d)", _room),
    (rf"(?P<amount>\d(?: ?[A-Za-z]{{1,12}})?) ?/ ?(?P<each>{_EACH})\b", _per),
    (rf"(?<=\d) ?[x×] ?(?={_TERMS})", lambda _: " times "),
    (rf"(?<=\d) ?/ ?(?={_TERMS})|(?<=\d) ?÷ ?(?=\d)", lambda _: " divided by "),
    (r"(?<=\d)/(?=100\b)|(?<=\d\.\d)/(?=\d)|(?:(?<=\ba \d)|(?<=\b(?:an|it|is) \d))/(?=10\b)", lambda _: " out of "),
    (r"(?<![\w/.-])(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)(?![\w/-])", _date_in_digits),
    (r"(?<![\w/.-])(?P<month>\d\d?)/(?P<day>\d\d?)/(?P<year>\d{4}|\d\d)(?![\w/-])", _date_in_digits),
    (
        rf"(?P<before>\b(?:{_BEFORE_DATES}) ){_MONTH_AND_DAY}(?![\w/%-]|\.\d| (?:{_HALVED})\b)",
        _date_without_year,
    ),
    (
        rf"\b{_MONTH} {_DAY} ?[-–—] ?{_LAST_DAY}(?![\w:/]|[.,]\d| ?[ap]\.?m\b)(?:,? {_YEAR})?",
        _date_range,
    ),
    (rf"({_CURRENCY})({_NUMBER})[-–—]\1?(?={_NUMBER})", _money_range),
    (rf"(?:(?<=[\d%])|(?<=[ap]m)|(?<=[ap]\.m\.))(?: [-–—] |[-–—])(?=(?:{_CURRENCY})?\d)", _dash),
    (rf"\b{_MONTH} {_DAY}(?![\w:/]|[.,]\d| ?[ap]\.?m\b)(?:,? {_YEAR})?", _date),
    (rf"(?P<the>\b[Tt]he )?{_DAY}(?: of)? {_MONTH}(?:,? {_YEAR})?", _british_date),
    (r"(?<![\w:.])(?P<hour>\d\d?)(?:[:.](?P<minute>[0-5]\d))? ?(?P<half>[AaPp])\.?[Mm]\b\.?", _time_of_half),
    (r"(?<![\w:.])(?P<hour>\d{1,3}):(?P<minute>\d{1,3})(?::(?P<second>[0-5]\d))?(?![\w:]|\.\d)", _time),
    (rf"(?P<minus>[-−])?(?P<currency>{_CURRENCY}) ?(?P<number>{_NUMBER}){_SCALED}", _money),
    (r"(?<![\w)])[-−](?=\d)", lambda _: "minus "),
    (rf"(?<![\w.])(?P<number>{_NUMBER}) ?(?P<unit>{_UNIT})(?!\w)", _measure),
    (rf"(?<![\w.])(?P<number>{_NUMBER}) (?P<unit>s(?!\w)|in\.(?=[,;)]| [a-z]|$))", _measure_after_space),
    (r"(?<![\w./])(?P<whole>\d+ )?(?P<over>\d{1,2})/(?P<under>\d{1,3})(?![\w/]|\.\d)", _fraction),
    (rf"(?P<name>\b(?:{_VERSIONED}) )(?P<parts>\d+\.\d+)(?!\w|\.\d)", _version),
    (r"(?P<name>(?<![\w.]))(?P<parts>\d+(?:\.\d+){2,})", _version),
    (r"['’]?(?<!\d)(?P<century>1\d|20)?(?P<tens>\d0)['’]?s\b", _decade),
    (r"(?<![\d.])(\d{1,3}(?:,\d{3})+|\d+)(?:st|nd|rd|th)\b", _ordinal),
    (r"(?<=\d)[x×](?=\d)|(?<=\d) [x×] (?=\d)", lambda _: " by "),
    (_NUMBER, _number),
)
_RULES = tuple((re.compile(pattern), spoken) for pattern, spoken in _PATTERNS)
