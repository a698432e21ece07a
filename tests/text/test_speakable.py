import pytest

from myna.text.speakable import Speakable, speakable


@pytest.mark.parametrize(
    ("display", "speech"),
    [
        # markdown
        ("**重点**是`pip install`，*真的*很~~难~~简单。", "重点是pip install，真的很难简单。"),
        ("I *really* mean __it__, ***truly***.", "I really mean it, truly."),
        ("### 三、总结\n", "三、总结"),
        ("- [x] buy milk", "buy milk"),
        ("* 苹果", "苹果"),
        ("2. Second", "2. Second"),
        ("> quoted\n> twice", "quoted twice"),
        ("| 名称 | 价格 |\n|------|:----:|\n| 苹果 | 3元 |", "名称, 价格 苹果, 3元"),
        ("---\n", ""),
        ('See [the docs](https://docs.example.com/x_(y) "Title") now.', "See the docs now."),
        ("![a cat](cat.png) and [text][1] and a note[^1].", "a cat and text and a note."),
        ("more](https://example.com/a), and", "more, and"),
        (r"\*not bold\* and snake_case", "not bold and snake case"),
        ("C# and F# but #tag and # heading", "C# and F# but tag and heading"),
        ("5 * 3 = 15, a < b", "5×3 = 15, a < b"),
        # code
        ("Look:\n```python\nprint('hi')\n```\nDone.", "Look: Done."),
        ("```\nnever closed", ""),
        ("Here: ```py\nx``` and `this`.", "Here: and this."),
        ("```sh\n$ ls\n```", ""),
        # URLs
        ("Go to https://www.example.com/a/b?c=d#e.", "Go to example dot com."),
        ("请访问https://www.bilibili.com/video/BV1xx，谢谢。", "请访问bilibili点com，谢谢。"),
        ("http://user:secret@127.0.0.1:8765/", "127 dot 0 dot 0 dot 1"),
        ("(www.example.org)", "(example dot org)"),
        ("<https://example.com>", "example dot com"),
        ("See example.com/docs/a?b=c. Then a.b/c.", "See example dot com. Then a.b/c."),
        ("看docs.example.com/zh，好。", "看docs点example点com，好。"),
        ("[https://a.example.com](https://a.example.com)", "a dot example dot com"),
        # HTML
        ("<b>bold</b><br/>line &amp; more<!-- hidden -->", "bold line & more"),
        ('<|im_end|> ok <|ACT {"emotion": "ha', "ok"),
        # emoji and the like
        ("你好！😊👨‍👩‍👧‍👦🇨🇳👍🏽❤️", "你好！"),
        ("1️⃣ 苹果 → 香蕉 ★", "1 苹果 香蕉"),
        ("😊", ""),
        ("好呀(≧▽≦)！", "好呀！"),
        ("(づ｡◕‿‿◕｡)づ 抱抱 (╯°□°）╯︵ ┻━┻", "抱抱"),
        ("Nice :) really ^_^ <3", "Nice really"),
        ("Ratio 3:30 and at 12:3", "Ratio 3:30 and at 12:3"),
        # stage directions
        ("*smiles warmly* Hello there.", "Hello there."),
        ("*She tilts her head. Then she smiles.* Hello.", "Hello."),
        ("*挥挥手* 你好", "你好"),
        ("*微笑*我来帮你。", "我来帮你。"),
        ("*点头*是的。", "是的。"),
        ("*叹气*……好吧。", "好吧。"),
        ("*真的*很好。", "真的很好。"),
        ("（笑）你好", "你好"),
        ("(laughs) Hello", "Hello"),
        ("[微笑] 你好", "你好"),
        ("*waves*", ""),
        ("*Titanic* is a great film.", "Titanic is a great film."),
        ("*重要*的是别怕。", "重要的是别怕。"),
        ("北京（中国的首都）很大。", "北京（中国的首都）很大。"),
        ("（一）苹果", "（一）苹果"),
        ("(Just kidding!) Well.", "(Just kidding!) Well."),
        ("你可以看[注1]和【天气】。", "你可以看 注1 和 天气。"),
        # folding
        ("什么？！？！真的！！！……", "什么？真的！…"),
        ("Wait.... what??  ok", "Wait… what? ok"),
        ("好呀～～～", "好呀"),
        ("5~10度", "5-10度"),
        ("Mon–Fri, 10–15, and – so – on", "Mon-Fri, 10-15, and — so — on"),
        ("，，，然后", "然后"),
        ("-5 degrees, +86", "-5 degrees, +86"),
        ("……", ""),
        ("   \n", ""),
        ("¥50 or $3.50, 99.9%", "¥50 or $3.50, 99.9%"),
    ],
)
def test_display_text_becomes_speech_text(display: str, speech: str) -> None:
    assert speakable(display) == speech


def test_code_stays_unspoken_across_chunks() -> None:
    chunks = ["看：\n", "```python\n", "x = 1. \n", "  ", "```", "\n好了。"]
    speech = Speakable()
    assert [speech.feed(chunk) for chunk in chunks] == ["看：", "", "", "", "", "好了。"]


def test_a_lone_url_is_spoken_in_the_language_before_it() -> None:
    speech = Speakable()
    assert speech.feed("地址是：") == "地址是："
    assert speech.feed("https://myna.example") == "myna点example"
    assert speech.feed("In English: www.myna.example") == "In English: myna dot example"
