import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.text.thinking import BLOCKS, Thinking


def outside(text: str, *, size: int = 1, starts_inside: bool = False) -> str:
    thinking = Thinking(starts_inside=starts_inside)
    given_back = [thinking.feed(text[i : i + size]) for i in range(0, len(text), size)]
    return "".join([*given_back, thinking.finish()])


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>Let me see.</think>\n\n[开心] 你好！", "[开心] 你好！"),
        ("<think>\n\n</think>\n\nHello", "Hello"),
        ("<Thinking>The user is sad.</Thinking>Oh dear.", "Oh dear."),
        ("[THINK]hm[/THINK]Yes.", "Yes."),
        ("<|channel|>analysis<|message|>User greets.<|end|><|start|>assistant<|channel|>final<|message|>Hi!", "Hi!"),
        ("One. <think>two</think>Three.", "One. Three."),
        ("Never <think>closed, it goes on", "Never "),
        ("cut off in the mark</thin", "cut off in the mark</thin"),
        ("stray</think> mark", "stray mark"),
        ("a < b and <b>bold</b> and [THIS]", "a < b and <b>bold</b> and [THIS]"),
        ("<think>a <think> b</think>c", "c"),
        ("", ""),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_thinking_is_taken_out(text: str, answer: str, size: int) -> None:
    assert outside(text, size=size) == answer


def test_a_reply_may_begin_inside_a_block_that_the_template_has_opened() -> None:
    assert outside("I should greet.</think>\nHello", starts_inside=True) == "Hello"
    assert outside("never closed", starts_inside=True) == ""


MARKS = [mark for block in BLOCKS for mark in block]


@settings(deadline=None)
@given(st.lists(st.one_of(st.sampled_from(MARKS), st.text("<>/[]thinkTHINK|x \n", max_size=6))), st.integers(1, 9))
def test_what_is_thinking_does_not_depend_on_the_pieces(parts: list[str], size: int) -> None:
    text = "".join(parts)
    assert outside(text, size=size) == outside(text, size=len(text) + 1)


@settings(deadline=None)
@given(st.text("<>/[]thinkTHINK|channel x\n").filter(lambda text: outside(text) == text.lstrip()))
def test_no_more_than_a_mark_is_held_back(text: str) -> None:
    thinking = Thinking()
    given_back = 0
    for fed, character in enumerate(text.lstrip(), start=1):
        given_back += len(thinking.feed(character))
        assert fed - given_back < max(map(len, MARKS))
