from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.memory.wording import language_of, simplified, third_person, with_dates, without_ending


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("我住在北京", "用户住在北京"),
        ("我們養了一隻貓", "用戶養了一隻貓"),
        ("其实，我会弹钢琴。", "用户会弹钢琴"),
        ("I live in Berlin", "The user lives in Berlin"),
        ("I'm allergic to nuts", "The user is allergic to nuts"),
        ("I’ve been ill", "The user has been ill"),
        ("my job is hard", "The user's job is hard"),
        ("I really love my dog and myself", "The user really loves their dog and themselves"),
        ("I study and I carry on", "The user studies and they carry on"),
        ("I don't smoke", "The user doesn't smoke"),
        ("I can't swim", "The user can't swim"),
        ("I moved last year", "The user moved last year"),
        ("the door code is 5", "The door code is 5"),
        ("", ""),
    ],
)
def test_sentences_are_told_in_the_third_person(said: str, told: str) -> None:
    assert third_person(said) == told


@pytest.mark.parametrize(("text", "language"), [("我很著名", "zh"), ("我養貓", "zh-hant"), ("I", "en"), ("", "en")])
def test_languages_are_told_apart(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    ("text", "dated"),
    [
        ("用户明天要考试", "用户明天（2026-03-03）要考试"),
        ("用户下周日去爬山", "用户下周日（2026-03-15）去爬山"),
        ("The user flies next Monday", "The user flies next Monday (2026-03-09)"),
        ("The user flies in June", "The user flies in June"),
    ],
)
def test_days_that_pass_get_a_date(text: str, dated: str) -> None:
    assert with_dates(text, date(2026, 3, 2)) == dated


@given(st.text())
def test_simplifying_keeps_every_place(text: str) -> None:
    assert len(simplified(text)) == len(text)
    without_ending(text)
    third_person(text)
