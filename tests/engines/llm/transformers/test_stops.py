from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.engines.llm.transformers.stops import Stops


def said(pieces: Sequence[str], stops: Sequence[str]) -> tuple[str, bool]:
    finder = Stops(stops)
    text = "".join(finder.feed(piece) for piece in pieces)
    return text + finder.finish(), finder.met


@settings(deadline=None)
@given(st.text("ab,"), st.lists(st.text("ab,", min_size=1, max_size=4), max_size=3), st.data())
def test_a_text_ends_where_the_first_stop_begins_however_it_is_cut(text: str, stops: list[str], data: st.DataObject):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    expected = text, False
    for end in range(len(text) + 1):
        if met := [stop for stop in stops if text[:end].endswith(stop)]:
            expected = text[: end - max(map(len, met))], True
            break
    assert said(pieces, stops) == expected


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_stop_that_comes_in_two_pieces_is_found(cut: int):
    assert said(["so USER: no"[:cut], "so USER: no"[cut:]], ["USER:"]) == ("so ", True)


def test_what_only_looked_like_a_stop_is_given_back():
    assert said(["a", "b", "a"], ["abc"]) == ("aba", False)


def test_what_cannot_be_a_stop_is_not_held_back():
    finder = Stops(["\n\n"])
    assert finder.feed("Hello") == "Hello"
    assert finder.feed("\n") == ""
    assert finder.feed("you") == "\nyou"


def test_nothing_comes_after_a_stop():
    finder = Stops(["."])
    assert finder.feed("One. Two.") == "One"
    assert finder.feed("Three") == ""
    assert finder.finish() == ""


def test_an_empty_stop_stops_nothing():
    assert said(["Hello"], [""]) == ("Hello", False)
