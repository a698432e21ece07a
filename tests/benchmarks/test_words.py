import pytest
from benchmarks.words import tokens


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("en", "It is 9:30 a.m.", "it is nine thirty AM"),
        ("en", "Call (212) 555-0187.", "call 212-555-0187"),
        ("en", "Dr. O’Brien's", "doctor O'Brien's"),
        ("en", "well-known", "Well known."),
        ("en", "see example.com", "See Example dot com!"),
        ("zh", "我有3个蘋果。", "我有三个苹果"),
        ("zh", "涨了50%", "涨了百分之五十"),
        ("zh", "用 Python 写", "用python写"),
    ],
)
def test_what_sounds_the_same_is_the_same(language: str, one: str, other: str) -> None:
    assert tokens(one, language) == tokens(other, language)


def test_chinese_counts_in_characters_and_english_in_words() -> None:
    assert tokens("我用 Python 写程序", "zh") == ["我", "用", "python", "写", "程", "序"]
