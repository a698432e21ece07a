"""Numbers in what is said, in digits and in words."""

import math

import pytest

from myna.engines.llm.said_numbers import late_hours, numbers_said


@pytest.mark.parametrize(
    ("said", "numbers"),
    [
        ("a quarter past seven in the morning", {7, 15}),
        ("half past six", {0.5, 6, 30}),
        ("quarter to eight", {7, 8, 45}),
        ("two hundred and fifty grams", {250}),
        ("a hundred and twenty five dollars", {125}),
        ("twenty five eggs and ten apples", {25, 10}),
        ("five people for three days", {5, 3}),
        ("fifteen times twelve", {15, 12}),
        ("one thousand two hundred", {1200}),
        ("1,200 euros and 3.5 pounds", {1200, 3.5}),
        ("6:15 and 6:40", {6, 15, 40}),
        ("a pound and a half", {0.5, 1.5, 30, 90}),
        ("How much of the human body is water?", set[float]()),
        ("I have a dog and an idea", set[float]()),
        ("晚上九点二十", {9, 20}),
        ("五百欧元", {500}),
        ("两百五", {250}),
        ("一百零五", {105}),
        ("一千零五十", {1050}),
        ("一万两千", {12_000}),
        ("七点半", {0.5, 7, 30}),
        ("一天半", {0.5, 1, 1.5, 30, 90}),
        ("差十分八点", {7, 8, 10, 50}),
        ("十二个人，四间房", {12, 4}),
        ("查一下火车，再扫一扫地", set[float]()),
        ("一下午，一共四个人", {1, 4}),
        ("你好！", set[float]()),
        ("", set[float]()),
    ],
)
def test_numbers_are_read_in_digits_and_words(said: str, numbers: set[float]) -> None:
    assert numbers_said(said) == numbers


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("two hours", 120),
        ("one and a half hours", 1.5),
        ("一个半小时", 90),
        ("12:30 am", 0),
        ("凌晨十二点", 0),
        ("minus five", -5),
        ("零下五度", -5),
        ("set it to -5", -5),
        ("三点五", 3.5),
        ("twenty one point five", 21.5),
        ("2万", 20_000),
        ("三亿", 3e8),
        ("3k", 3000),
        ("50 percent", 0.5),
        ("in twenty twenty six", 2026),
        ("the third of May", 3),
        ("two weeks", 14),
    ],
)
def test_whatever_may_be_meant_is_among_the_numbers(said: str, meant: float) -> None:
    assert meant in numbers_said(said)


@pytest.mark.parametrize("said", ["9" * 400, "a" * 3000, "十" * 3000, "one " * 800, "半" * 3000, "quarter to " * 300])
def test_long_runs_are_read_in_no_time_and_give_numbers(said: str) -> None:
    assert all(math.isfinite(number) for number in numbers_said(said))
    late_hours(said)


@pytest.mark.parametrize(
    ("said", "hours"),
    [
        ("晚上九点", {9: 21}),
        ("下午3点", {3: 15}),
        ("Wake me at half past six pm", {6: 18}),
        ("nine thirty tomorrow evening", {9: 21}),
        ("at 8 p.m.", {8: 20}),
        ("早上九点", {}),
        ("9 in the morning", {}),
        ("晚上二十一点", {}),
        ("早上九点和晚上八点", {8: 20}),
        ("tonight at seven", {7: 19}),
        ("九点", {}),
        ("晚安，六点叫我起床", {}),
        ("明天七点叫我，我今晚睡得晚", {}),
        ("I slept badly last night, set an alarm for 7", {}),
        ("Good night! Wake me up at 6", {}),
        ("remind me at 10 tonight, in 2 hours", {10: 22}),
    ],
)
def test_hours_that_are_said_to_be_late_are_known(said: str, hours: dict[int, int]) -> None:
    assert late_hours(said) == hours
