"""Requests as LLaMA-Factory takes them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.core.tools import ToolCall
from myna.engines.base import LLMMessage, Sampling
from myna.engines.llm.llamafactory.conversation import Conversation, Limits, conversation


def test_the_last_thing_the_user_says_is_the_message():
    messages = [LLMMessage("system", "Be kind."), LLMMessage("user", "hi"), LLMMessage("assistant", "hello")]
    told = conversation([*messages, LLMMessage("user", "bye")])
    assert told == Conversation("Be kind.", (("user", "hi"), ("assistant", "hello")), "bye")
    assert told.as_messages() == (*messages, LLMMessage("user", "bye"))


def test_turns_alternate_whatever_comes_in():
    call = ToolCall("1", "weather", '{"city": "Rome"}')
    messages = [
        LLMMessage("assistant", "Hello, I am here."),
        LLMMessage("user", "one"),
        LLMMessage("user", "two"),
        LLMMessage("assistant", "", tool_calls=(call,)),
        LLMMessage("tool", "sunny", tool_call_id="1"),
    ]
    told = conversation(messages)
    assert [role for role, _ in told.history] == ["user", "assistant", "user", "assistant"]
    assert told.history[2][1] == "one\n\ntwo"
    assert told.history[3][1] == '{"name": "weather", "arguments": {"city": "Rome"}}'
    assert told.message == "sunny"


def limited(pieces: list[str], sampling: Sampling) -> tuple[str, str | None]:
    limits = Limits(sampling)
    text = ""
    for piece in pieces:
        text += limits.feed(piece)
        if limits.reached:
            break
    return text + limits.rest(), limits.reached


@pytest.mark.parametrize("stop", ["three", "\nObservation:", "thr"])
@given(st.lists(st.integers(1, 40), max_size=6))
def test_a_stop_sequence_ends_the_text_wherever_it_is_cut(stop: str, cuts: list[int]):
    whole = f"one two{stop} four"
    edges = [0, *sorted({cut % len(whole) for cut in cuts}), len(whole)]
    pieces = [whole[a:b] for a, b in pairwise(edges)]
    assert limited(pieces, Sampling(stop=(stop,))) == ("one two", "stop")


def test_what_only_begins_like_a_stop_sequence_is_passed_on():
    assert limited(["one th", "ree th"], Sampling(stop=("threat",))) == ("one three th", None)


def test_a_text_ends_after_so_many_tokens():
    text, reached = limited(["word "] * 100, Sampling(max_tokens=10))
    assert reached == "length"
    assert 20 < len(text) < 80
