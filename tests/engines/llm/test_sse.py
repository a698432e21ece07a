from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.engines.llm.sse import MAX_EVENT_BYTES, EventDecoder, NotAnAnswer

# What a JSON string may hold as it is; line breaks are escaped in JSON.
payloads = st.lists(
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), min_size=1).map(str.encode), max_size=5
)


def decode(stream: bytes, cuts: list[int]) -> list[bytes]:
    decoder = EventDecoder()
    bounds = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    events = [event for a, b in pairwise(bounds) for event in decoder.feed(stream[a:b])]
    return events + decoder.finish()


@given(payloads, st.lists(st.integers(min_value=0), max_size=8), st.sampled_from([b"\n", b"\r\n"]))
def test_events_come_out_as_they_went_in_wherever_the_stream_is_cut(events: list[bytes], cuts: list[int], end: bytes):
    stream = b"".join(b"event: message" + end + b"data: " + event + end + b": ping" + end + end for event in events)
    assert decode(stream, cuts) == events


def test_an_event_of_several_lines_is_joined():
    assert decode(b"data: a\ndata:b\n\n", []) == [b"a\nb"]


def test_the_last_event_needs_no_empty_line():
    assert decode(b"data: a\n\ndata: b", []) == [b"a", b"b"]


def test_comments_and_empty_lines_are_no_events():
    assert decode(b": ping\n\n\n\nretry: 5\n\n", []) == []


def test_a_line_that_never_ends_is_refused():
    decoder = EventDecoder()
    assert decoder.feed(b"data: ") == []
    with pytest.raises(NotAnAnswer):
        decoder.feed(b"x" * MAX_EVENT_BYTES)
