"""Numbers in what is said, in digits and in words."""

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
        ("twenty five minutes and ten seconds", {25, 10}),
        ("five people for three hours", {5, 3}),
        ("fifteen times twelve", {15, 12}),
        ("one thousand two hundred", {1200}),
        ("1,200 euros and 3.5 pounds", {1200, 3.5}),
        ("6:15 and 6:40", {6, 15, 40}),
        ("an hour and a half", {0.5, 1.5, 30, 90}),
        ("How much of the human body is water?", set[float]()),
        ("I have a dog and an idea", set[float]()),
        ("晚上九点二十", {9, 20}),
        ("五百欧元", {500}),
        ("两百五", {250}),
        ("一百零五", {105}),
        ("一千零五十", {1050}),
        ("一万两千", {12_000}),
        ("七点半", {0.5, 7, 30}),
        ("一个半小时", {0.5, 1, 1.5, 30, 90}),
        ("差十分八点", {7, 8, 10, 50}),
        ("十二个人，四个小时", {12, 4}),
        ("你好！", set[float]()),
        ("", set[float]()),
    ],
)
def test_numbers_are_read_in_digits_and_words(said: str, numbers: set[float]) -> None:
    assert numbers_said(said) == numbers


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
        ("早上九点和晚上九点", {}),
        ("九点", {}),
    ],
)
def test_hours_that_are_said_to_be_late_are_known(said: str, hours: dict[int, int]) -> None:
    assert late_hours(said) == hours
