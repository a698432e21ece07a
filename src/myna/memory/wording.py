"""Sentences about the user, out of sentences of the user's: in the third person, in their own language. Pure.

Chinese is matched in simplified characters, one for one, so that places in the text stay what they are.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import cache
from typing import Literal, Protocol, TypeAlias, cast

import opencc

from myna.text.characters import CJK

Language: TypeAlias = Literal["zh", "zh-hant", "en"]

_NOT_TRADITIONAL = frozenset("著乾瞭藉夥徵於妳")
"""Characters that are simplified elsewhere, and are found in simplified text too."""
_CJK = re.compile(f"[{CJK}]")


def simplified(text: str) -> str:
    """The text in simplified characters, one for one: as long as it was."""
    return text.translate(_simplified())


def language_of(text: str) -> Language:
    """What it is written in; where both are, Chinese is what the sentence is made of."""
    if not _CJK.search(text):
        return "en"
    traditional = any(a != b and a not in _NOT_TRADITIONAL for a, b in zip(text, simplified(text), strict=True))
    return "zh-hant" if traditional else "zh"


class _Converter(Protocol):
    def convert(self, text: str) -> str: ...


class _Simplified(dict[int, str]):
    """What becomes of each Chinese character, alone."""

    def __init__(self) -> None:
        super().__init__({ord("妳"): "你"})
        opened = cast("_Converter", opencc.OpenCC("t2s"))  # it has no types
        self._convert = opened.convert

    def __missing__(self, code: int) -> str:
        character = chr(code)
        found = self._convert(character) if _CJK.match(character) else character
        self[code] = found if len(found) == 1 else character
        return self[code]


@cache
def _simplified() -> _Simplified:
    return _Simplified()


# ------------------------------------------------------------------------------------------------------ third person

_FILLERS_ZH = re.compile(
    r"^(?:其实|对了|那个|嗯+|呃+|啊+|哦+|然后|而且|还有|因为|所以|不过|但是?|顺便说一下|告诉你|跟你说){1,6}[，、 ]*"
)
_FILLERS_EN = re.compile(
    r"^(?:well|so|oh|um+|uh+|hey|hi|hello|by the way|btw|actually|also|and|but|because|since|you know|i mean|fyi"
    r"|just so you know|honestly|that)[,: ]+",
    re.IGNORECASE,
)
_ENDS_ZH = re.compile(r"[了啦呀啊哦呢吧嘛哈的~～ ]+$")


def third_person(clause: str) -> str:
    """A sentence of the user's about himself as one about him: 我住在北京 is 用户住在北京."""
    return _chinese(clause) if _CJK.search(clause) else _english(clause)


def user_of(language: Language) -> str:
    """What the user is called in a sentence about him."""
    return {"zh": "用户", "zh-hant": "用戶", "en": "The user"}[language]


def _chinese(clause: str) -> str:
    user = user_of(language_of(clause))
    bare = clause.strip(" ，,。！!；;：:、")
    while filler := _FILLERS_ZH.match(simplified(bare)):
        bare = bare[filler.end() :]
    bare = re.sub(r"我们家|我們家|我家|俺家", f"{user}家", bare)
    return re.sub(r"我们|我們|咱们|咱們|咱|俺|我", user, bare)


_MODALS = frozenset(
    [
        "can",
        "could",
        "will",
        "would",
        "shall",
        "should",
        "may",
        "might",
        "must",
        "can't",
        "cannot",
        "won't",
        "wouldn't",
        "couldn't",
        "shouldn't",
        "mustn't",
    ]
)
_PAST = frozenset(
    [
        "was",
        "wasn't",
        "did",
        "didn't",
        "had",
        "hadn't",
        "went",
        "got",
        "grew",
        "came",
        "moved",
        "saw",
        "met",
        "took",
        "made",
        "bought",
        "had",
        "found",
        "began",
        "became",
        "lost",
        "left",
        "broke",
        "taught",
        "ate",
        "drank",
        "drove",
        "wrote",
        "won",
        "ran",
        "quit",
        "knew",
        "thought",
        "felt",
        "kept",
        "heard",
        "put",
        "read",
        "set",
    ]
)
_IRREGULAR = {"am": "is", "'m": "is", "have": "has", "do": "does", "don't": "doesn't", "haven't": "hasn't"}
_ADVERBS = frozenset(
    [
        "really",
        "also",
        "just",
        "always",
        "still",
        "never",
        "often",
        "usually",
        "only",
        "now",
        "currently",
        "actually",
        "absolutely",
        "truly",
        "sometimes",
        "mostly",
        "mainly",
        "recently",
        "already",
        "generally",
        "especially",
        "particularly",
        "rarely",
        "definitely",
        "totally",
        "both",
    ]
)
_PRONOUNS = {
    "my": "their",
    "mine": "theirs",
    "me": "them",
    "myself": "themselves",
    "our": "their",
    "ours": "theirs",
    "us": "them",
    "we": "they",
    "i": "they",
}


def _english(clause: str) -> str:
    bare = clause.replace("’", "'").strip(" ,.;:!\n")
    while filler := _FILLERS_EN.match(bare):
        bare = bare[filler.end() :]
    words = re.sub(r"\b(I|i|we|We)'(m|ve|ll|d|re)\b", _opened, bare).split()
    if not words:
        return ""
    if words[0].lower() == "my":
        return " ".join(["The user's", *_pronouns(words[1:])])
    if words[0].lower() not in ("i", "we"):
        told = " ".join(_pronouns(words))
        return told[:1].upper() + told[1:]
    at = 1
    while at < len(words) and words[at].lower() in _ADVERBS:
        at += 1
    verb = [_with_s(words[at])] if at < len(words) else []
    return " ".join(["The user", *words[1:at], *verb, *_pronouns(words[at + 1 :])])


def _opened(match: re.Match[str]) -> str:
    verb = {"m": "am", "ve": "have", "ll": "will", "d": "would", "re": "are"}[match[2]]
    return f"I {verb}"


def _pronouns(words: Sequence[str]) -> list[str]:
    told: list[str] = []
    for word in words:
        bare = word.rstrip(",.;:!")
        new = _PRONOUNS.get(bare.lower(), bare)
        told.append("are" if told[-1:] == ["they"] and bare == "am" else new + word[len(bare) :])
    return told


def _with_s(verb: str) -> str:
    bare = verb.lower()
    if bare in _MODALS or bare in _PAST or (bare.endswith("ed") and bare not in ("need", "feed", "speed")):
        return bare
    if bare in ("am", "are"):
        return "is"
    if bare in _IRREGULAR:
        return _IRREGULAR[bare]
    if bare.endswith(("s", "sh", "ch", "x", "z", "o")):
        return f"{bare}es"
    return f"{bare[:-1]}ies" if bare.endswith("y") and bare[-2:-1] not in "aeiou" else f"{bare}s"


# -------------------------------------------------------------------------------------------------------------- days

_DAYS_ZH = "一二三四五六日天"
_DAYS_EN = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_NEAR = re.compile(r"大后天|后天|明天|明早|明晚|the day after tomorrow|\btomorrow\b", re.IGNORECASE)
_NEAR_DAYS = {"大后天": 3, "后天": 2, "the day after tomorrow": 2}
_NEXT_ZH = re.compile(rf"下(?:个)?(?:周|星期|礼拜)([{_DAYS_ZH}])")
_NEXT_EN = re.compile(rf"\bnext ({'|'.join(_DAYS_EN)})\b", re.IGNORECASE)


def with_dates(text: str, today: date) -> str:
    """The text with the date behind each day that would mean another one later: 明天（2026-03-02）."""
    plain = simplified(text)
    marks: list[tuple[int, date]] = []
    marks += [(m.end(), today + timedelta(_NEAR_DAYS.get(m[0].lower(), 1))) for m in _NEAR.finditer(plain)]
    monday = today + timedelta(7 - today.weekday())
    marks += [(m.end(), monday + timedelta(min(_DAYS_ZH.index(m[1]), 6))) for m in _NEXT_ZH.finditer(plain)]
    marks += [(m.end(), monday + timedelta(_DAYS_EN.index(m[1].lower()))) for m in _NEXT_EN.finditer(plain)]
    shown: Callable[[date], str] = (
        (lambda day: f" ({day})") if language_of(text) == "en" else (lambda day: f"（{day}）")
    )
    for end, day in sorted(marks, reverse=True):
        text = text[:end] + shown(day) + text[end:]
    return text


def without_ending(text: str) -> str:
    """The text without the particles and marks that it ends in."""
    bare = text.strip(" ，,。.！!；;：:、\n\"'“”「」")
    return bare[: len(_ENDS_ZH.sub("", simplified(bare)))] if _CJK.search(bare[-1:]) else bare
