import pytest

from myna.text.endings import dictates, ends_sentence, is_open


@pytest.mark.parametrize("text", ["今天天气怎么样？", "Hello.", "He said: “Stop!”", "好。」"])
def test_sentence_punctuation_ends_a_sentence(text: str):
    assert ends_sentence(text)


@pytest.mark.parametrize("text", ["", "今天天气，", "Well...", "我想……", "No—", "Hello"])
def test_a_text_that_trails_off_ends_none(text: str):
    assert not ends_sentence(text)


@pytest.mark.parametrize(
    "text",
    [
        "138",
        "My number is 1 3 8.",
        "我的电话是一三八",
        "five five five,",
        "PQ7",
        "My code is pq74k2.",
        "a b c",
        "j o h n at",
    ],
)
def test_digits_and_letters_in_a_row_are_dictated(text: str):
    assert dictates(text)


@pytest.mark.parametrize("text", ["", "It costs 5.", "At nine thirty", "我有一个问题", "三个人", "Hello."])
def test_a_number_in_a_sentence_is_not(text: str):
    assert not dictates(text)


@pytest.mark.parametrize("text", ["and", "I went to.", "因为", "我想要那个。", "john@", "um"])
def test_some_words_cannot_be_the_last(text: str):
    assert is_open(text)


@pytest.mark.parametrize("text", ["", "band", "Stand.", "我知道了。", "I like it."])
def test_others_can(text: str):
    assert not is_open(text)
