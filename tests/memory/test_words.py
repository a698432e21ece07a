import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.memory.words import MOST_WORDS, first_words_of, same_text, shared, weights, words_of


def share(question: str, memory: str) -> float:
    return shared(weights(first_words_of(question), {}, 100), words_of(memory))


@pytest.mark.parametrize(
    ("question", "memory"),
    [
        ("我的猫叫什么", "用户的猫叫小白"),
        ("小白在哪里", "用户的猫叫小白"),
        ("Who is Tom?", "The user's brother is called Tom."),
        ("peanut", "The user is allergic to peanuts"),
        ("我喜歡喝茶嗎", "用户喜欢喝茶"),
        ("ＴＥＡ", "The user likes tea."),
    ],
)
def test_the_words_that_say_something_are_found(question: str, memory: str) -> None:
    assert share(question, memory) > 0.3


@pytest.mark.parametrize(
    ("question", "memory"),
    [
        ("What is your name?", "The user is in the garden with you."),
        ("我是谁？", "用户和我在一起"),
        ("tea", "The user's teacher is strict"),
        ("", ""),
        ("？？？", "!!!"),
    ],
)
def test_words_that_say_nothing_find_nothing(question: str, memory: str) -> None:
    assert share(question, memory) == 0


def test_rare_words_weigh_more() -> None:
    weighed = weights({"tea", "tom"}, {"tea": 90, "tom": 1}, 100)
    assert weighed["tom"] > 3 * weighed["tea"]


@pytest.mark.parametrize(
    ("one", "other"), [("Likes tea", "likes  TEA."), ("喜欢茶。", "喜歡茶"), ("Ｔom", "tom"), ("It's", "it's!")]
)
def test_texts_that_only_look_different_are_the_same(one: str, other: str) -> None:
    assert same_text(one) == same_text(other)


@pytest.mark.parametrize(("one", "other"), [("likes tea", "likes tee"), ("喜欢茶", "喜欢茶叶"), ("3.5", "35")])
def test_texts_that_say_different_things_are_not(one: str, other: str) -> None:
    assert same_text(one) != same_text(other)


def test_a_long_question_is_found_by_its_first_words() -> None:
    assert len(first_words_of(" ".join(f"word{number}" for number in range(100_000)))) <= MOST_WORDS


@given(st.text())
def test_any_text_has_words_that_a_database_takes(text: str) -> None:
    for word in words_of(text):
        word.encode()
        assert 0 < len(word) <= 32
        assert "\0" not in word


@given(st.text(), st.text())
def test_a_share_is_between_0_and_1(question: str, memory: str) -> None:
    assert 0 <= share(question, memory) <= 1.000001
