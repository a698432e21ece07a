import re
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import FrameType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.core.emotion import Emotions
from myna.core.reply import Segment
from myna.text.emotion_tags import LONGEST_CONTROL
from myna.text.reply import Display, EmotionChange, ReplyItem, ReplyParser
from myna.text.speakable import STAGE_DIRECTION, Speakable

EMOTIONS = Emotions(aliases={"joy": "开心"})


@dataclass(frozen=True)
class Outcome:
    display: str
    emotions: tuple[tuple[int, str], ...]  # with their places in the display text
    segments: tuple[Segment, ...]
    raw: str


def parse(pieces: Sequence[str]) -> Outcome:
    parser = ReplyParser(EMOTIONS)
    display, segmented = "", ""
    emotions: list[tuple[int, str]] = []
    segments: list[Segment] = []
    fed: list[list[ReplyItem]] = [parser.feed(piece) for piece in pieces]
    for item in (item for items in (*fed, parser.finish()) for item in items):
        match item:
            case EmotionChange(emotion):
                emotions.append((len(display), emotion))
            case Display(text):
                assert text
                assert emotions, "an emotion comes before the first text"
                display += text
            case Segment():
                segments.append(item)
                segmented += item.display
                assert display.startswith(segmented), "a segment comes after its text"
                assert item.emotion in {emotions[-1][1], *(name for _, name in emotions[-2:])}
    assert display == parser.display
    return Outcome(display, tuple(emotions), tuple(segments), parser.raw)


def cut(text: str, sizes: Sequence[int]) -> list[str]:
    pieces: list[str] = []
    for size in sizes:
        pieces.append(text[:size])
        text = text[size:]
    return [*pieces, text]


# ----------------------------------------------------------------------------------------------- replies from the wild


@pytest.mark.parametrize(
    ("raw", "display", "emotions", "speeches"),
    [
        (
            "[惊讶] 电脑？莫不是千里眼变的宝镜！俺老孙可看不懂，小友给俺说说？",
            "电脑？莫不是千里眼变的宝镜！俺老孙可看不懂，小友给俺说说？",
            [(0, "惊讶")],
            ["电脑？", "莫不是千里眼变的宝镜！", "俺老孙可看不懂，小友给俺说说？"],
        ),
        (
            "[悲伤] 唉，五行山下那五百年，俺老孙最懂孤单。[开心] 小友莫怕，有俺陪你！😊",
            "唉，五行山下那五百年，俺老孙最懂孤单。小友莫怕，有俺陪你！😊",
            [(0, "悲伤"), (19, "开心")],
            ["唉，五行山下那五百年，", "俺老孙最懂孤单。", "小友莫怕，有俺陪你！"],
        ),
        (
            "<think>\nThe user greets me.\n</think>\n\n[Happy] Hello there! How can I help?",
            "Hello there! How can I help?",
            [(0, "Happy")],
            ["Hello there!", "How can I help?"],
        ),
        (
            "[joy] That's great. [joy] Tell me **everything**! [Sad] But *first*, my news.",
            "That's great. Tell me **everything**! But *first*, my news.",
            [(0, "开心"), (38, "Sad")],
            ["That's great.", "Tell me everything!", "But first, my news."],
        ),
        (
            '<|ACT {"emotion":{"name":"surprised","intensity":1},"motion":"jump"}|>Oh! <|DELAY 1|>Hi.',
            "Oh! Hi.",
            [(0, "Surprised")],
            ["Oh!", "Hi."],
        ),
        ("😭 我的猫走了。", "😭 我的猫走了。", [(0, "悲伤")], ["我的猫走了。"]),
        ("*waves shyly* Hi...", "*waves shyly* Hi...", [(0, "平静")], ["Hi…"]),
        (
            "Sure! Here it is:\n\n```python\nprint([1, 2])\n```\n\nIt prints a list. Docs: https://docs.python.org/3/",
            "Sure! Here it is:\n\n```python\nprint([1, 2])\n```\n\nIt prints a list. Docs: https://docs.python.org/3/",
            [(0, "平静")],
            ["Sure!", "Here it is:", "It prints a list.", "Docs: docs dot python dot org"],
        ),
        ("[神秘] 抱歉。", "[神秘] 抱歉。", [(0, "平静")], ["抱歉。"]),
        ("你好！[悲伤]", "你好！", [(0, "平静"), (3, "悲伤")], ["你好！"]),
        ("[开心]", "", [(0, "开心")], []),
        ("", "", [], []),
        ("<think>never closed", "", [], []),
    ],
)
def test_a_reply_is_taken_apart(raw: str, display: str, emotions: list[tuple[int, str]], speeches: list[str]) -> None:
    outcome = parse(list(raw))
    assert (outcome.display, list(outcome.emotions)) == (display, emotions)
    assert [segment.speech for segment in outcome.segments] == speeches


def test_the_first_text_comes_with_the_piece_that_holds_it() -> None:
    parser = ReplyParser(EMOTIONS)
    assert parser.feed("Hel") == [EmotionChange("平静"), Display("Hel")]
    assert parser.feed("lo") == [Display("lo")]


def test_a_change_of_emotion_ends_a_segment_and_comes_after_it() -> None:
    parser = ReplyParser(EMOTIONS)
    assert parser.feed("[开心]早[Sad]唉") == [
        EmotionChange("开心"),
        Display("早"),
        Segment(0, "早", "早", "开心"),
        EmotionChange("Sad"),
        Display("唉"),
    ]


def test_raw_text_of_what_was_heard_is_the_beginning_of_what_the_model_wrote() -> None:
    parser = ReplyParser(EMOTIONS)
    parser.feed("<think>hm</think>[开心] 你好。【悲伤】唉。[joy]")
    parser.finish()
    assert parser.raw == "[开心] 你好。【悲伤】唉。[joy]"
    assert parser.raw_of("") == ""
    assert parser.raw_of("你") == "[开心] 你"
    assert parser.raw_of("你好。") == "[开心] 你好。"
    assert parser.raw_of("你好。唉") == "[开心] 你好。【悲伤】唉"


# ------------------------------------------------------------------------------------------------------ for all replies

FRAGMENTS = [
    # tags, and what looks like some
    *("[开心]", "【Happy】 ", "［ 悲 伤 ］", "[face:joy] ", "[emotion: sad]", "<|DELAY 1|> "),
    *('<|ACT {"emotion":"angry"}|>', '<|ACT {"emotion":{"name":"smug","intensity":1},"motion":"x"}|>'),
    *("[", "[开", "【", "]", "[紧张] ", "[1]", "<|", "<|ACT "),
    # thinking
    *("<think>SECRET. SECRET</think>\n\n", "<thinking>SECRET，[开心]</thinking>", "[THINK]SECRET[/THINK]"),
    *("</think>", "<thi"),
    # markup
    *("**粗体**", "*em*", "\n*smiles* ", "`pip`", "# ", "\n- ", "\n1. ", "\n> ", "~~x~~", "__y__"),
    *("\n| a | b |\n|---|---|\n", "\n```py\nCODE = [1]. \n```\n", "<b>", "</b>", "<br/>", "&amp;"),
    *("[text](https://example.com/a_b?c=d.)", "![alt](x.png)", "https://example.com/x.y,z ", "www.example.com。"),
    # emoji
    *("😊", "👨‍👩‍👧‍👦", "🇨🇳", "1️⃣", "❤️‍🔥", "☺️", "→", "(≧▽≦)", "（笑）"),
    # words
    *("你好，", "我是小智。", "真的吗？！", "唉……", "但是", "“好。”", "；", "——"),
    *("Hello, ", "my friend. ", "Mr. Lee", " 3.14 ", "12:30", "and ", ". ", "!", "? ", "~"),
    *(" ", "\n", "\n\n", "\t", "　"),
]
LOOSE = st.text("[]【】开心 ACT<|>*h😊.", max_size=4)
TEXTS = st.lists(st.one_of(st.sampled_from(FRAGMENTS), LOOSE), max_size=30).map("".join)
SIZES = st.lists(st.integers(0, 9), max_size=60)


@settings(deadline=None, max_examples=250)
@given(TEXTS, SIZES)
def test_what_comes_out_does_not_depend_on_the_pieces(text: str, sizes: list[int]) -> None:
    whole = parse([text])
    assert parse(cut(text, sizes)) == whole
    assert parse(list(text)) == whole


NAMES = [*EMOTIONS.allowed, *EMOTIONS.aliases]
BLANK = r"[^\S\n]*"
NAME = "|".join(BLANK.join(name) for name in NAMES)
TAG = re.compile(
    rf"[\[【［]{BLANK}(?:(?:face|emotion|情绪)[:：]{BLANK})?(?:{NAME}){BLANK}[\]】］]|<\|(?:ACT|DELAY)(?!\w)(?s:.)*?\|>",
    re.IGNORECASE,
)
THINKING = re.compile(r"(?is)<(think|thinking|thought)>.*?(?:</\1>|\Z)|\[THINK\].*?(?:\[/THINK\]|\Z)|</?think(?:ing)?>")


def shown(text: str) -> str:
    """The display text, defined over the whole reply at once."""
    display = ""
    for part in TAG.split(THINKING.sub("", text)):
        if display == "" or display.endswith("\n"):
            display += part.lstrip()
        elif re.search(r"[\s\u3001-\u303f\u4e00-\u9fff\uff01-\uff65]\Z", display):
            display += re.sub(rf"\A{BLANK}", "", part)
        else:
            display += part
    return display


@settings(deadline=None, max_examples=250)
@given(TEXTS)
def test_nothing_but_tags_and_thinking_is_lost(text: str) -> None:
    assert parse(list(text)).display == shown(text)


@settings(deadline=None, max_examples=250)
@given(TEXTS)
def test_the_segments_are_the_display_text_but_for_a_silent_end(text: str) -> None:
    outcome = parse([text])
    joined = "".join(segment.display for segment in outcome.segments)
    assert outcome.display.startswith(joined)
    speech = Speakable()
    speech.feed(joined)
    places = [len(joined), *(place for place, _ in outcome.emotions if place > len(joined)), len(outcome.display)]
    for begin, end in pairwise(places):
        assert speech.feed(re.sub(STAGE_DIRECTION, " ", outcome.display[begin:end])) == ""


@settings(deadline=None, max_examples=250)
@given(TEXTS)
def test_nothing_inward_reaches_the_ear(text: str) -> None:
    for segment in parse([text]).segments:
        speech = segment.speech
        assert speech.strip() == speech != ""
        assert not re.search(
            r"[\[\]【】［］*`_~|\n]|(?<!\b[A-J])#|<\||\|>|https?:|www\.\w|</?[a-z]|SECRET|CODE", speech
        ), speech
        assert not any(unicodedata.category(character) in {"So", "Cf", "Mn", "Me"} for character in speech), speech


@settings(deadline=None, max_examples=200)
@given(TEXTS)
def test_an_emotion_change_is_a_change_to_an_allowed_emotion(text: str) -> None:
    emotions = parse([text]).emotions
    assert all(one[1] != other[1] and one[0] < other[0] for one, other in pairwise(emotions))
    assert {name for _, name in emotions} <= set(EMOTIONS.allowed)
    assert not emotions or emotions[0][0] == 0


@settings(deadline=None, max_examples=200)
@given(TEXTS, st.floats(0, 1))
def test_raw_text_shows_again_what_was_heard(text: str, share: float) -> None:
    parser = ReplyParser(EMOTIONS)
    parser.feed(text)
    parser.finish()
    heard = parser.display[: round(share * len(parser.display))]
    raw = parser.raw_of(heard)
    assert parser.raw.startswith(raw)
    assert shown(raw) == heard


@settings(deadline=None, max_examples=200)
@given(TEXTS.filter(lambda text: not THINKING.search(text)))
def test_what_is_held_back_is_bounded(text: str) -> None:
    parser = ReplyParser(EMOTIONS)
    for fed, character in enumerate(text, start=1):
        parser.feed(character)
        assert fed - len(parser.raw) <= (LONGEST_CONTROL if "<|" in text else 48)


def work(text: str) -> int:
    """How many functions are called when ``text`` comes character by character."""
    calls = 0

    def count(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    parser = ReplyParser(EMOTIONS)
    sys.setprofile(count)
    try:
        for character in text:
            parser.feed(character)
        parser.finish()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize(
    "unit", ["[开心] 你好，世界。", "Hello, [ friend! ", "*a", "[", "<think>", " ", "a", "```\nx. y\n"]
)
def test_work_grows_with_the_length_of_the_reply_and_not_faster(unit: str) -> None:
    text = unit * (5000 // len(unit))
    assert work(text * 2) < 2.2 * work(text)


def test_what_is_said_after_a_pause_is_a_new_sentence():
    parser = ReplyParser(Emotions())
    items = [*parser.feed("[Happy] Let me see"), *parser.pause(), *parser.feed("[Sad] It rains."), *parser.finish()]
    assert parser.display == "Let me see It rains."
    assert parser.raw == "[Happy] Let me see[Sad] It rains."
    assert [(item.speech, item.emotion) for item in items if isinstance(item, Segment)] == [
        ("Let me see", "Happy"),
        ("It rains.", "Sad"),
    ]


@pytest.mark.parametrize(("before", "after", "display"), [("我看看。", "好。", "我看看。好。"), ("", "Yes.", "Yes.")])
def test_nothing_comes_between_what_needs_no_space(before: str, after: str, display: str):
    parser = ReplyParser(Emotions())
    parser.feed(before)
    parser.pause()
    parser.feed(after)
    parser.finish()
    assert parser.display == display


def test_a_thinking_block_that_a_pause_cuts_off_does_not_swallow_what_follows():
    parser = ReplyParser(Emotions())
    parser.feed("<think>hm")
    parser.pause()
    parser.feed("Yes.")
    parser.finish()
    assert parser.display == "Yes."


@pytest.mark.parametrize("pieces", [["see</think>[Happy] Done."], list("see</think>[Happy] Done.")])
def test_thinking_that_goes_on_after_a_pause_is_not_shown(pieces: Sequence[str]):
    parser = ReplyParser(Emotions())
    parser.feed("<think>let me ")
    parser.pause()
    parser.interpose("One moment.")
    for piece in pieces:
        parser.feed(piece)
    parser.finish()
    assert parser.display == "One moment. Done."


def test_a_block_that_is_opened_anew_after_a_pause_is_thinking():
    parser = ReplyParser(Emotions())
    for piece in ["<think>let", "<think>me</think>", "Yes. ", "<think>see"]:
        parser.feed(piece)
        parser.pause()
    parser.finish()
    assert parser.display == "Yes. "
