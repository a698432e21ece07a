import pytest

from myna_ros.stop_words import StopWords

WORDS = StopWords(["刹车", "Abort"])


@pytest.mark.parametrize(
    "text",
    ["停", "停！", "停下来。", "停停停", "请停下", "快停下来！", "站住", "別動！", "听", "等一下", "刹车！", "停止前进",
     "Stop.", "stop!", "STOP MOVING", "Robot, stop now", "please stop", "halt", "Don’t move!",
     "abort", "Oh, wait a second."],
)  # fmt: skip
def test_a_call_to_stop_is_one_and_asks_for_nothing_else(text: str) -> None:
    assert WORDS.found_in(text)
    assert WORDS.are_all_of(text)


@pytest.mark.parametrize(
    "text", ["停，然后左转", "Stop and turn left.", "不要停，一直往前走", "wait, go to the kitchen"]
)
def test_what_asks_for_more_stops_and_is_answered(text: str) -> None:
    assert WORDS.found_in(text)
    assert not WORDS.are_all_of(text)


@pytest.mark.parametrize(
    "text",
    ["", "左转", "你好", "听得见吗？", "我在客厅", "Turn left.", "top of the morning", "nonstop flight", "亭子在哪里"],
)
def test_other_words_do_not_stop_it(text: str) -> None:
    assert not WORDS.found_in(text)
    assert not WORDS.are_all_of(text)
