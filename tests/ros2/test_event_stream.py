import pytest
from hypothesis import given
from hypothesis import strategies as st

from rdk_chat.event_stream import LONGEST_LINE, EventStream
from rdk_chat.problem import Problem

TEXTS = st.lists(st.text(st.characters(blacklist_characters="\r\n", blacklist_categories=("Cs",)), min_size=1))


@given(TEXTS, st.sampled_from(["\n", "\r\n"]), st.data())
def test_events_are_the_same_however_the_bytes_are_cut(texts: list[str], end: str, data: st.DataObject) -> None:
    sent = "".join(f": still at it{end}{end}data: {text}{end}{end}" for text in texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)))))
    stream, came = EventStream(), list[str]()
    for begin, stop in zip([0, *cuts], [*cuts, len(sent)], strict=True):
        came += stream.feed(sent[begin:stop])
    assert came == texts


def test_a_line_without_an_end_is_an_error() -> None:
    with pytest.raises(Problem, match="no end"):
        EventStream().feed(b"data: " + b"x" * LONGEST_LINE)


def test_an_event_without_an_end_is_an_error() -> None:
    with pytest.raises(Problem, match="no end"):
        EventStream().feed(2 * (b"data: " + b"x" * (LONGEST_LINE - 10) + b"\n"))


def test_an_event_of_empty_lines_without_an_end_is_an_error() -> None:
    with pytest.raises(Problem, match="no end"):
        EventStream().feed(b"data:\n" * (LONGEST_LINE + 1))


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert EventStream().feed(b"data: \xff\xfe!\n\n") == ["��!"]
