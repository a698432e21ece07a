import pytest

from myna.core.emotion import DEFAULT_EMOTIONS, Emotions
from myna.text.emotion_tags import LONGEST_CONTROL, EmotionTags, Tag

JOYFUL = Emotions(aliases={"joy": "开心", "高兴": "开心"})


def read(text: str, *, emotions: Emotions = JOYFUL, size: int = 1) -> tuple[str, list[tuple[int, str]]]:
    """What is shown, and the emotions with their places in it."""
    tags = EmotionTags(emotions)
    items = [item for i in range(0, len(text), size) for item in tags.feed(text[i : i + size])] + tags.finish()
    shown = ""
    found: list[tuple[int, str]] = []
    for item in items:
        if isinstance(item, str):
            shown += item
        elif item.emotion:
            found.append((len(shown), item.emotion))
    assert text == "".join(item.raw if isinstance(item, Tag) else item for item in items), "every character comes back"
    return shown, found


@pytest.mark.parametrize(
    ("text", "shown", "emotions"),
    [
        ("[开心] 你好！", "你好！", [(0, "开心")]),
        ("【开心】你好！", "你好！", [(0, "开心")]),
        ("［ 开 心 ］ 你好！", "你好！", [(0, "开心")]),
        ("[开心】你好！", "你好！", [(0, "开心")]),
        ("\n [Happy]\n\nHello!", "Hello!", [(0, "Happy")]),
        ("[ happy ] Hello!", "Hello!", [(0, "Happy")]),
        ("[joy] Hello!", "Hello!", [(0, "开心")]),
        ("[高兴] 如果能！", "如果能！", [(0, "开心")]),
        ("[face:joy]Hello!", "Hello!", [(0, "开心")]),
        ("[face：joy]你好", "你好", [(0, "开心")]),
        ("[emotion: sad] Oh.", "Oh.", [(0, "Sad")]),
        ("【情绪：悲伤】唉。", "唉。", [(0, "悲伤")]),
        ("[悲伤][开心] 好", "好", [(0, "悲伤"), (0, "开心")]),
        # changes later on
        ("[开心] 早。[悲伤] 唉。", "早。唉。", [(0, "开心"), (2, "悲伤")]),
        ("[Calm] Well. [Sad] Oh no.", "Well. Oh no.", [(0, "Calm"), (6, "Sad")]),
        ("Well.[Sad] Oh no.", "Well. Oh no.", [(5, "Sad")]),
        ("Well. [Sad]Oh no.", "Well. Oh no.", [(6, "Sad")]),
        ("One.\n\n[Sad]\nTwo.", "One.\n\nTwo.", [(6, "Sad")]),
        ("One. [Sad]\n\nTwo.", "One. \n\nTwo.", [(5, "Sad")]),
        ("你好[开心]\n再见", "你好\n再见", [(2, "开心")]),
        (
            "一二三四五六七八九十一二三四五六七八九十一[开心]好",
            "一二三四五六七八九十一二三四五六七八九十一好",
            [(21, "开心")],
        ),
        # as airi's cards have it
        ('<|ACT {"emotion":{"name":"happy","intensity":1},"motion":"wave"}|> Hi', "Hi", [(0, "Happy")]),
        ('<|ACT {"emotion":"happy"}|>Hi', "Hi", [(0, "Happy")]),
        ('<|ACT:{"emotion": {"intensity": 1, "name": "joy"}}|>Hi', "Hi", [(0, "开心")]),
        ("Hi <|DELAY 1|> there", "Hi there", []),
        ('<|ACT {"emotion":"smug"}|>Hi', "Hi", []),
        # an emoji that begins the reply
        ("😊 你好", "😊 你好", [(0, "开心")]),
        ("😭😭 oh", "😭😭 oh", [(0, "悲伤")]),
        ("☹️ oh", "☹️ oh", [(0, "悲伤")]),
        ("你好 😭", "你好 😭", []),
        ("[开心] 😭 你好", "😭 你好", [(0, "开心")]),
        ("🚀 go", "🚀 go", []),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_tags_become_emotions_and_leave_no_gap(
    text: str, shown: str, emotions: list[tuple[int, str]], size: int
) -> None:
    assert read(text, size=size) == (shown, emotions)


@pytest.mark.parametrize(
    "text",
    [
        "[紧张] 你好",
        "[1] 见注释",
        "[] 【】",
        "[开 心情]",
        "[开心",
        "【开\n心】",
        "[[[",
        "[开" + " " * 30 + "心]",
        "[开心的一天从早晨开始，我们一起去公园散步好不好呀",
        '<|ACT {"emotion":"happy"}',
        "<|ACTION|> <|im_end|> < | <|",
        "[click](https://example.com) a[0] = [1, 2]",
        "<|ACT " + "x" * LONGEST_CONTROL + "|>",
    ],
)
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_what_only_looks_like_a_tag_is_ordinary_text(text: str, size: int) -> None:
    assert read(text, size=size) == (text, [])


def test_a_bracket_inside_what_looked_like_a_tag_may_be_one() -> None:
    assert read("[[开心]]") == ("[]", [(1, "开心")])
    assert read("[开[开心] 好") == ("[开好", [(2, "开心")])


def test_an_emotion_that_the_user_added_is_one_at_once() -> None:
    assert read("[紧张] 你好", emotions=Emotions(("紧张", "平静"))) == ("你好", [(0, "紧张")])


def test_an_emoji_means_the_emotion_in_the_language_of_the_default() -> None:
    assert read("😊 Hi", emotions=Emotions(DEFAULT_EMOTIONS, default="Calm"))[1] == [(0, "Happy")]
    assert read("😊 Hi", emotions=Emotions(("紧张",), default="紧张"))[1] == []


def test_text_that_begins_with_no_tag_waits_for_nothing() -> None:
    tags = EmotionTags(Emotions())
    assert tags.feed("H") == ["H"]
    assert tags.feed("i [") == ["i "]
    assert "".join(map(str, tags.feed("T"))) == "[T"


def test_a_bracket_waits_only_while_it_may_become_a_tag() -> None:
    tags = EmotionTags(Emotions())
    assert tags.feed("[开") == []
    assert tags.feed("会") == ["[", "开会"]


@pytest.mark.parametrize(
    ("opening", "bound"), [("[" + " " * 500, 32), ("<|ACT " + "x" * 500, LONGEST_CONTROL), ("[" * 500, 32)]
)
def test_what_is_held_back_is_bounded(opening: str, bound: int) -> None:
    tags = EmotionTags(Emotions())
    given_back = 0
    for fed, character in enumerate(opening, start=1):
        given_back += sum(len(item.raw if isinstance(item, Tag) else item) for item in tags.feed(character))
        assert fed - given_back <= bound
