import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.core.reply import Segment
from myna.text.segments import CJK_LENGTH, FIRST_BUDGET, PACE, Segmenter
from myna.text.speakable import Speakable


def cut(text: str, size: int = 1) -> list[Segment]:
    segmenter = Segmenter("平静")
    segments = [one for i in range(0, len(text), size) for one in segmenter.feed(text[i : i + size])]
    return segments + segmenter.finish()


@pytest.mark.parametrize(
    "parts",
    [
        # the first clause, then sentences
        ["你好，我是小智，", "很高兴见到你，今天想聊什么？", "都可以。"],
        ["嗯，好的，", "我来帮你查一下天气。"],
        ["好！", "走吧。"],
        ["Well, of course, ", "my friend, I will help you. ", "Just say how."],
        ["Sure! ", "Here is what I found."],
        ["我很喜欢你说的这个故事", "但是结尾有点悲伤。"],
        ["我觉得你可以先试着", "把那个大问题拆成几个小问题", "然后一个一个解决"],
        ["今天天气真的非常好", "我们一起去公园散步吧"],
        ["如果你明天有时间的话", "可以来我家吃饭。"],  # not 的|话
        ["现在最重要的事情", "是先把身体养好。"],
        ["我昨天晚上看了一部电影了。", "好看。"],  # no particle before a mark
        ["The best way to learn a new language is ", "to practice every day."],
        ["I have never been to that place ", "because it is too far away."],
        # sentence ends, and what looks like one
        ["Mr. Smith met Dr. Lee at 9 a.m. ", "on Main St. near the U.S. embassy, e.g. yesterday. ", "It cost $3.50. "],
        ["圆周率是3.14，", "现在12:30。", "版本v1.2.3发布了。", "人口10，000。"],
        ["It costs 3.14 or 1,000 at 10:30, ", "e.g. at 3 p.m. sharp. ", "See file.name.txt, v1.2.3. ", "Done."],
        ["No. 5 is alive. ", "No. ", "Ph.D. students read Figs. 3 and vol. 2 on 5th Ave. today. "],
        ["十点10:30出发，", "价格是1,000元。", "他说：“好。”", "对吗？！", "是……"],
        ["J. K. Rowling wrote it. ", "So did I. ", "Really?! ", "Yes!"],
        ["唉……", "五百年了……", "真久。"],
        ["Wait... ", "what? ", "Not wait...what."],
        ["他说：“走吧！”", "然后他就走了。", "“好。”", "（他笑了。）", "完。"],
        ['She said "Go!" ', 'Then "No." ', "(Really.) ", "End."],
        ["Write to a.b@example.com, ", "or see https://example.com/a,b?c=1;d. ", "Node.js runs it."],
        ["Really?", "真的！", "OK.", "好的。"],
        ["哇！！！", "太好了～！😊👨‍👩‍👧 ", "走。"],
        # lists and lines
        ["第一行\n", "第二行\n\n", "1. 苹果\n", "2. 香蕉\n", "- **梨**。 ", "甜。\n"],
        ["1. 苹果 2. 香蕉 3. 梨"],
        ["步骤如下：", "1. 苹果 2. 香蕉"],
        ["It was 5. ", "Then we met on Mon. at noon in the sun. ", "Bye."],
        ["**重点！** ", "看这里。"],
        ["**你好！", "我很高兴！** ", "走吧。"],
        ["好！", "**重点**在这里。"],
        # silent text goes with what follows, or with the sentence before it
        ["😀 你好。", "再见！😊"],
        ["Look here:\n", "```py\nx = 1. \n\n# y! z\n```\nDone."],
        ["当然可以！", "*微笑*我来帮你。", "好。", "*点头* 走吧。"],
        ["好！", '"走吧！"', "他说。"],
        ['"Go! ', 'Run!" ', "Then he left."],
        ["*She smiles. Then she waves.* Hello! ", "*nods* Bye."],
        ["看[这篇。", "文章](https://example.com)吧。"],
    ],
)
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_reply_is_cut_into_segments(parts: list[str], size: int) -> None:
    assert [one.display for one in cut("".join(parts), size)] == parts


def test_segments_are_numbered_and_carry_the_emotion_they_were_fed_with() -> None:
    segmenter = Segmenter("开心")
    segments = [*segmenter.feed("早"), *segmenter.turn_to("悲伤"), *segmenter.feed("唉。"), *segmenter.finish()]
    assert segments == [Segment(0, "早", "早", "开心"), Segment(1, "唉。", "唉。", "悲伤")]


def test_silent_text_before_a_change_of_emotion_goes_with_what_follows() -> None:
    segmenter = Segmenter("开心")
    segments = [*segmenter.feed("😊 "), *segmenter.turn_to("悲伤"), *segmenter.feed("唉。"), *segmenter.finish()]
    assert segments == [Segment(0, "😊 唉。", "唉。", "悲伤")]


def test_a_reply_that_cannot_be_spoken_has_no_segment() -> None:
    assert cut("😊👍\n```\ncode. more!\n```\n") == []


def test_a_segment_is_known_one_character_after_its_end() -> None:
    segmenter = Segmenter()
    assert segmenter.feed("你好！") == []
    assert [one.display for one in segmenter.feed("很")] == ["你好！"]


def test_text_without_any_marks_is_cut_all_the_same() -> None:
    chinese, english = cut("我" * 500), cut("word " * 500)
    assert [len(one.display) for one in chinese[:4]] == [24, 69, 96, 96]
    assert [len(one.display.split()) for one in english[:4]] == [16, 46, 64, 64]


def test_segments_grow_with_the_audio_that_is_ahead_of_them() -> None:
    lengths = [len(one.display) for one in cut("一二三四五六，" * 40)]
    assert lengths == [7, 14, 21, 35, 56, 56, 56, 35]


@given(st.lists(st.integers(3, 12), min_size=2, max_size=60))
def test_a_segment_is_synthesized_while_the_audio_before_it_plays(clauses: list[int]) -> None:
    """All but a clause of it, and all but the first budget where hardly anything is ahead."""
    segments = cut("".join("我" * length + "，" for length in clauses))
    lengths = [CJK_LENGTH * one.display.count("我") for one in segments]
    ahead = float(lengths[0])
    for length in lengths[1:]:
        gap = PACE * length - ahead
        assert gap <= max(PACE * FIRST_BUDGET - ahead, 0) + PACE * (CJK_LENGTH * max(clauses) + 1)
        ahead = max(-gap, 0) + length


def test_a_long_url_is_never_cut() -> None:
    url = "https://example.com/" + "a1b2/" * 500
    assert [one.speech for one in cut(f"See {url} now")] == ["See example dot com", "now"]


def test_a_long_word_is() -> None:
    assert [len(one.display) for one in cut("a" * 1500)] == [600, 600, 300]


PIECES = [
    *("你好", "的", "，", "。", "！", "*微笑*", "……", "…", "：", "（", "）", "”", "但是", "苹果香蕉葡萄西瓜"),
    *("Hello", "Mr. ", "3.14", "12:30", ". ", ", ", "? ", '"', " and ", "word word word word "),
    *("\n", " ", "\n\n", "**", "*", "`", "```\n", "- ", "1. ", "~", "[", "](u)", "# ", "| "),
    *("😊", "👨‍👩‍👧", "https://example.com/a.b,c"),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=40).map("".join)


@settings(deadline=None, max_examples=300)
@given(TEXTS, st.integers(1, 12))
def test_segments_do_not_depend_on_the_pieces(text: str, size: int) -> None:
    assert cut(text, size) == cut(text, len(text) + 1)


@settings(deadline=None, max_examples=300)
@given(TEXTS)
def test_segments_hold_the_whole_text_but_for_a_silent_end(text: str) -> None:
    segments = cut(text)
    joined = "".join(one.display for one in segments)
    assert text.startswith(joined)
    speech = Speakable()
    speech.feed(joined)
    assert speech.feed(text[len(joined) :]) == ""
    assert [one.index for one in segments] == list(range(len(segments)))
    assert all(one.speech == one.speech.strip() != "" for one in segments)
