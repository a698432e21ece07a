"""Short forms of written English as they are read aloud: abbreviations, Roman numerals, e-mail addresses."""

import re
from collections.abc import Callable, Mapping

from myna.engines.tts.english_numbers import cardinal, ordinal

_TITLES: Mapping[str, str] = {  # with or without a full stop
    "Mr": "Mister", "Mrs": "Missis", "Ms": "Miz", "Dr": "Doctor", "Prof": "Professor", "Mt": "Mount",
}  # fmt: skip
_RANKS: Mapping[str, str] = {  # with one: Gen Z is no general
    "Gov.": "Governor", "Sen.": "Senator", "Gen.": "General", "Capt.": "Captain", "Lt.": "Lieutenant",
    "Col.": "Colonel", "Sgt.": "Sergeant", "Rev.": "Reverend", "Ft.": "Fort",
}  # fmt: skip

_BEFORE_NUMBERS: Mapping[str, str] = {
    "No.": "number", "no.": "number", "Nos.": "numbers", "#": "number", "p.": "page", "pp.": "pages", "Fig.": "figure",
    "fig.": "figure", "Vol.": "volume", "vol.": "volume", "Ch.": "chapter", "Sec.": "section", "v": "version",
    "ver.": "version",
}  # fmt: skip

_ANYWHERE: Mapping[str, str] = {
    "e.g.": "for example", "i.e.": "that is", "etc.": "et cetera", "vs.": "versus", "vs": "versus",
    "approx.": "approximately",
    "Inc.": "Incorporated", "Ltd.": "Limited", "Corp.": "Corporation", "Ave.": "Avenue", "Blvd.": "Boulevard",
    "Rd.": "Road", "Jr.": "Junior", "Sr.": "Senior", "dept.": "department", "Dept.": "Department", "a.k.a.": "A K A",
    "Bros.": "Brothers", "w/o": "without", "w/": "with", "Wi-Fi": "WiFi",
}  # fmt: skip

_CAPITAL = "[A-ZÀ-Þ]"
_ROMAN = (
    "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV", "XVI", "XVII",
    "XVIII", "XIX", "XX",
)  # fmt: skip
_COUNTED = "Chapter|Part|Act|Scene|Section|Volume|Book|War|Phase|Stage|Level|Appendix|Article|Type"
_CROWNED = (
    "Henry|Louis|Charles|George|Elizabeth|Edward|James|William|Richard|Philip|Napoleon|John Paul|Benedict|Pius"
    "|Nicholas|Alexander|Catherine|Frederick|Wilhelm|Ramses"
)
_NAME_BEFORE = re.compile(r"\b(?!(?:In|At|To|On|From|Near|And|The|By) )[A-Z0-9][a-z]+ \Z")
_IN_ADDRESSES = {".": " dot ", "@": " at ", "-": " dash ", "_": " underscore ", "+": " plus "}


def expand(text: str) -> str:
    """Short forms become words; numbers in digits stay."""
    for pattern, spoken in _RULES:
        text = pattern.sub(spoken, text)
    return text


def _stop(found: re.Match[str]) -> str:
    """The full stop of a short form at the end of the text ends the sentence too."""
    return "." if found[0].endswith(".") and found.end() == len(found.string) else ""


def _gap(found: re.Match[str]) -> str:
    return "" if found.string.startswith(" ", found.end()) else " "


def _address(found: re.Match[str]) -> str:
    return "".join(_IN_ADDRESSES.get(char, char) for char in found[0])


def _street_or_saint(found: re.Match[str]) -> str:
    """Main St. is a street, St. James a saint; so St. James St. is a saint's street."""
    after_name = _NAME_BEFORE.search(found.string[max(0, found.start() - 24) : found.start()])
    before_name = found.string[found.end() : found.end() + 2].lstrip()[:1].isupper()
    return "Saint" if before_name and not after_name else "Street" + _stop(found)


def _roman(found: re.Match[str]) -> str:
    """World War two, but Henry the eighth."""
    number = str(_ROMAN.index(found["roman"]) + 1)
    return f"{found['name']} {'the ' + ordinal(number) if found['crowned'] else cardinal(number)}"


def _alternatives(words: Mapping[str, str]) -> str:
    return "|".join(map(re.escape, words))


_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), _address),
    (re.compile(r"\b([A-G])#(?!\w)"), lambda found: found[1] + " sharp"),
    (re.compile(r"\b([A-Z]{1,3})&([A-Z]{1,3})\b"), lambda found: f"{' '.join(found[1])} and {' '.join(found[2])}"),
    (re.compile(r"\bDr\.(?=[,;]| [a-z]|$)"), lambda found: "Drive" + _stop(found)),
    (re.compile(r"\bSt\.(?!\w)"), _street_or_saint),
    (re.compile(rf"\b({_alternatives(_TITLES)})\b\.?(?= ?{_CAPITAL})"), lambda found: _TITLES[found[1]] + _gap(found)),
    (re.compile(rf"\b({_alternatives(_RANKS)})(?= ?{_CAPITAL})"), lambda found: _RANKS[found[1]] + _gap(found)),
    (re.compile(rf"(?<![\w.])(?:{_alternatives(_ANYWHERE)})(?!\w)"), lambda found: _ANYWHERE[found[0]] + _stop(found)),
    (
        re.compile(rf"(?<![\w.])({_alternatives(_BEFORE_NUMBERS)}) ?(?=\d)"),
        lambda found: _BEFORE_NUMBERS[found[1]] + " ",
    ),
    (
        re.compile(
            rf"\b(?P<name>{_COUNTED}|(?P<crowned>{_CROWNED})) (?P<roman>{'|'.join(_ROMAN[:0:-1])}|I(?! ?[a-z'’]))\b"
        ),
        _roman,
    ),
)
