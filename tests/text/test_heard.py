import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.core.reply import Segment
from myna.engines.base import SpeechMark
from myna.text.heard import Spoken, heard_prefix
from myna.text.segments import Segmenter
from myna.text.speakable import speakable


def spoken(display: str, duration_ms: float = 1000, marks: tuple[SpeechMark, ...] = (), index: int = 0) -> Spoken:
    return Spoken(Segment(index, display, speakable(display), "平静"), duration_ms, marks)


@pytest.mark.parametrize(
    ("display", "played_ms", "heard"),
    [
        ("你好，世界真大。", 0, ""),
        ("你好，世界真大。", 100, ""),
        ("你好，世界真大。", 400, "你好，"),
        ("你好，世界真大。", 700, "你好，世界"),
        ("你好，世界真大。", 990, "你好，世界真大。"),
        ("你好，世界真大。", 5000, "你好，世界真大。"),
        ("Hello there, my friend!", 500, "Hello"),
        ("Hello there, my friend!", 700, "Hello there, my"),
        ("**Hello** [there](https://example.com/very/long/path), friend!", 650, "**Hello** [there](https://example.com/very/long/path),"),
        ("```\nsome code that is long\n```\n你好吗朋友", 500, "```\nsome code that is long\n```\n你好"),
        ("他说“好的”，走了。", 500, "他说“好"),
    ],
)  # fmt: skip
def test_the_words_are_heard_in_proportion_to_the_time(display: str, played_ms: float, heard: str) -> None:
    assert heard_prefix([spoken(display)], played_ms) == heard


def test_segments_before_the_one_that_plays_were_heard_whole() -> None:
    reply = [spoken("你好！", 500), spoken("很高兴见到你！😊", 1000), spoken("再见。", 500)]
    assert heard_prefix(reply, 500) == "你好！"
    assert heard_prefix(reply, 1000) == "你好！很高兴"
    assert heard_prefix(reply, 1499.6) == "你好！很高兴见到你！😊"
    assert heard_prefix(reply, 2000) == "你好！很高兴见到你！😊再见。"
    assert heard_prefix([], 2000) == ""


def test_marks_say_it_better_than_proportion() -> None:
    marks = (SpeechMark(5, 800.0), SpeechMark(11, 900.0))
    one = spoken("Hello there friend", 1000, marks)
    assert heard_prefix([one], 500) == ""
    assert heard_prefix([one], 800) == "Hello"
    assert heard_prefix([one], 899) == "Hello"
    assert heard_prefix([one], 950) == "Hello there"


def test_nothing_was_heard_at_zero_even_of_a_segment_without_audio() -> None:
    assert heard_prefix([spoken("Hm.", 0), spoken("Hello.", 1000)], 0) == ""


PIECES = [
    "你好", "世界，", "。", "Hello ", "there, ", "friend. ", "**bold** ", "[link](https://example.com/a) ", "😊", "\n",
    "*nods* ", "https://example.com/a ", "`code` ", "```\nx = 1\n```\n", "（笑）", "“好”", "- ", "don't ",
]  # fmt: skip


@settings(deadline=None)
@given(
    st.lists(st.sampled_from(PIECES), max_size=25).map("".join),
    st.lists(st.floats(0, 3000), min_size=40, max_size=40),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_heard_is_a_prefix_of_the_display_text_and_grows_with_time(
    text: str, durations: list[float], one: float, other: float
) -> None:
    segmenter = Segmenter()
    segments = [*segmenter.feed(text), *segmenter.finish()]
    reply = [Spoken(segment, durations[segment.index % 40]) for segment in segments]
    total = sum(part.duration_ms for part in reply)
    shorter, longer = (heard_prefix(reply, total * share) for share in sorted((one, other)))
    assert longer.startswith(shorter)
    assert "".join(segment.display for segment in segments).startswith(longer)
