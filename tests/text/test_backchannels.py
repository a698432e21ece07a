import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.text.backchannels import (
    is_backchannel,
    is_clause,
    is_consent,
    is_objection,
    is_stop,
    may_be_backchannel,
)

NODS = [
    "嗯",
    "嗯嗯。",
    "对对对",
    "對啊",
    "好的！",
    "是吗？",
    "原来如此",
    "Uh-huh.",
    "Mm-hmm",
    "I see.",
    "Yeah, yeah.",
    "OK",
    "Ha-ha-ha!",
    "Hahahah",
    "lol",
    "哈哈哈哈哈",
    "嘿嘿，嘿嘿嘿",
]
STOPS = [
    "停",
    "停！",
    "停一下",
    "等等",
    "等一下。",
    "別說了",
    "Stop.",
    "stop stop",
    "Oh, wait!",
    "Wait a second.",
    "OK stop, please",
]
SPEECH = [
    "今天天气怎么样",
    "苹果、香蕉等等",
    "对不起，我想问",
    "Yesterday",
    "I see a problem",
    "stop the music at nine",
    "waiting",
]


@pytest.mark.parametrize("text", NODS)
def test_nods_are_backchannels_and_no_call_to_stop(text: str):
    assert is_backchannel(text)
    assert not is_stop(text)
    assert not is_objection(text)


@pytest.mark.parametrize("text", ["Ha, " * 40, "哈" * 100])
def test_a_laugh_is_a_backchannel_however_often_an_asr_writes_it(text: str):
    assert is_backchannel(text)
    assert may_be_backchannel(text)


@pytest.mark.parametrize("text", STOPS)
def test_calls_to_stop_are_no_backchannels(text: str):
    assert is_stop(text)
    assert not is_backchannel(text)


@pytest.mark.parametrize("text", SPEECH)
def test_speech_is_neither(text: str):
    assert not is_backchannel(text)
    assert not is_stop(text)


@pytest.mark.parametrize("text", ["", "  ", "。", "♪"])
def test_nothing_is_neither(text: str):
    assert not is_backchannel(text)
    assert not is_stop(text)
    assert not is_objection(text)


@pytest.mark.parametrize("text", ["不对", "No!", "No, no.", "嗯，不是", "为什么呢？", "Oh sorry"])
def test_objections_want_the_floor(text: str):
    assert is_objection(text)
    assert not is_backchannel(text)


@pytest.mark.parametrize(
    ("text", "is_one"), [("你好吗", False), ("今天天气", True), ("Excuse me", False), ("I don't know", True)]
)
def test_a_clause_has_three_words_or_four_characters(text: str, is_one: bool):
    assert is_clause(text) == is_one


@pytest.mark.parametrize("text", ["ye", "Uh-h", "yeah, ri", "原来", "I"])
def test_the_beginning_of_a_backchannel_may_become_one(text: str):
    assert may_be_backchannel(text)


@pytest.mark.parametrize("text", ["the", "我想", "yeah but"])
def test_what_no_backchannel_begins_with_cannot(text: str):
    assert not may_be_backchannel(text)


@given(text=st.lists(st.sampled_from(NODS), min_size=1, max_size=4).map(" ".join))
def test_backchannels_said_again_are_backchannels_and_so_may_all_their_beginnings_be(text: str):
    assert is_backchannel(text)
    assert all(may_be_backchannel(text[:end]) for end in range(len(text)))


@given(text=st.text(max_size=300))
def test_any_text_can_be_asked_about(text: str):
    assert not (is_backchannel(text) and is_stop(text))
    assert may_be_backchannel(text) or not is_backchannel(text)


@given(nod=st.sampled_from("嗯对好"), times=st.integers(60, 5000))
def test_the_longest_row_of_them_is_told_in_no_time(nod: str, times: int):
    assert not is_backchannel(nod * times + "不")
    assert not is_stop(nod * times)


@pytest.mark.parametrize("again", ["对啊", "mm", "ha", "h", "Mm-hmm.", "停一下", "等等", "不是的", "no", "是吗"])
@pytest.mark.parametrize("then", ["我觉得", "so", "不对", "停", ""])
def test_what_can_be_read_in_many_ways_is_told_for_any_number_of_repetitions(again: str, then: str):
    for times in (1, 7, 13, 28, 60):
        text = again * times + then
        told = (is_backchannel(text), is_stop(text), is_objection(text))
        assert sum(told) <= 1
        if len(text) > 200:
            assert not any(told)
    assert is_backchannel("对啊" * 28)
    assert is_objection("对啊" * 28 + "不对")
    assert is_stop("mm" * 28 + "停")
    assert not may_be_backchannel("对啊" * 28 + "我觉得")


@pytest.mark.parametrize("text", ["好的。", "可以，去吧！", "嗯嗯", "沒問題", "Yes, please.", "OK, go ahead", "sure"])
def test_a_plain_yes_is_consent(text: str):
    assert is_consent(text)


@pytest.mark.parametrize(
    "text", ["", "不好", "好吃吗？", "谢谢", "请", "yes but not now", "好的，但是发给李四", "no", "是谁？"]
)
def test_all_else_is_none(text: str):
    assert not is_consent(text)
