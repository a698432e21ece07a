"""Texts as they are compared when errors are counted."""

import re
from collections.abc import Callable
from functools import cache
from typing import cast

import opencc
from wetext import Normalizer

_PHONE = re.compile(r"(?<![\d-])(?:\(?\d{3}\)?[- ])?\d{3}-?\d{4}(?!\d)")  # the library takes it for a subtraction
_DOT = re.compile(r"(?<=[A-Za-z])\.(?=[A-Za-z]{2})")  # it knows this one in whole addresses only
_TOKEN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]|[^\W_\u3400-\u4dbf\u4e00-\u9fff]+")


def tokens(text: str, language: str) -> list[str]:
    """The words and Chinese characters of ``text``, numerals written out, in small letters and simplified Chinese."""
    text = _DOT.sub(" dot ", _PHONE.sub(lambda phone: " ".join(filter(str.isdigit, phone[0])), text))
    text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    if language == "zh":
        text = _simplifier()(text)
    try:
        text = cast(str, _normalizer(language).normalize(text))  # pyright: ignore[reportUnknownMemberType] - in part
    except AssertionError:  # its grammar has no such character; the digits stand then for themselves
        text = re.sub(r"(?<=\d)(?=\d)", " ", text)
    text = re.sub(r"[’'\\]", "", text.casefold()).replace("幺", "一")  # yāo is how a 1 is said in a phone number
    return cast(list[str], _TOKEN.findall(text))


@cache
def _normalizer(language: str) -> Normalizer:
    return Normalizer(lang=language, operator="tn")


@cache
def _simplifier() -> Callable[[str], str]:
    return cast(Callable[[str], str], opencc.OpenCC("tw2s").convert)  # pyright: ignore[reportUnknownMemberType] - untyped
