import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from myna.tools.react_text import LABELS, ReActReader


def read(text: str, *, size: int = 1) -> tuple[str, str, str, str]:
    """What was shown, the thought, the action and its input."""
    reader = ReActReader()
    shown = "".join(reader.feed(text[at : at + size]) for at in range(0, len(text), size)) + reader.finish()
    return shown, reader.thought, reader.action, reader.input


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
@pytest.mark.parametrize(
    ("text", "shown", "action"),
    [
        ("Thought: I know.\nFinal Answer: It is 22 °C.", "It is 22 °C.", ""),
        ("Thought: look\nAction: get_weather\nAction Input: {}", "", "get_weather"),
        ("思考：我要查一下。\n行动：get_weather\n行动输入：{}", "", "get_weather"),
        ("思考：知道了。\n最终答案：东京22度。\n观察：瞎编的", "东京22度。", ""),
        ("**Thought:** ok\n**Final Answer:** **22** degrees", "**22** degrees", ""),
        ("### Thought\n", "### Thought", ""),
        ("## Final Answer:\n\nHello\n\n- one\n- two\n", "Hello\n\n- one\n- two", ""),
        ("Thought 1: x\nAction 1: roll\nAction Input 1: {}\nObservation 1: 6", "", "roll"),
        ("Hello! How are you?", "Hello! How are you?", ""),
        ("Let me see.\n\nThought: t\nAction: roll", "Let me see.", "roll"),
        ("Sure.\nThought: t\nFinal Answer: Yes.", "Sure.\nYes.", ""),
        ("Action: roll\nAction Input: {}\nObservation: 6\nFinal Answer: a six", "", "roll"),
        ("Thought: none needed\nAction: None\nFinal Answer: Hi", "Hi", ""),
        ("Thought: I know it. Final Answer: Paris\nis the capital", "Paris\nis the capital", ""),
        ("Final Answer: one\nThought: more\nFinal Answer: two", "one", ""),
        ("Final Answer:\nThought: oh\nFinal Answer: two", "two", ""),
        ("Actions speak.\nActionable: yes", "Actions speak.\nActionable: yes", ""),
        ("Final Answer: see\n  Thoughts matter", "see\n  Thoughts matter", ""),
        ("Actıon: is none", "Actıon: is none", ""),
        ("Fin", "Fin", ""),
        ("- one\n- two\n> three\n+ four", "- one\n- two\n> three\n+ four", ""),
        ("```\ncode\n```\nand", "```\ncode\n```\nand", ""),
        ("```\nThought: t\nFinal Answer: Yes.\n```\nmore", "Yes.", ""),
        ("```\nThought: t\nFinal Answer: Yes.\n```", "Yes.", ""),
        ("```md\n- Thought: t\n- Action: roll\n- Action Input: {}\n```", "", "roll"),
        ("", "", ""),
    ],
)
def test_the_answer_is_shown_and_the_rest_kept_back(text: str, shown: str, action: str, size: int) -> None:
    assert read(text, size=size)[::2] == (shown, action)


def test_the_parts_of_an_action_are_told_apart() -> None:
    text = 'Thought: first\nThought: then\nAction: `look`\nAction Input: {"a":\n 1}\nThought: made up'
    assert read(text) == ("", "first\nthen", "`look`", '{"a":\n 1}')


def test_what_comes_after_an_action_or_an_answer_is_over() -> None:
    reader = ReActReader()
    reader.feed("Action: a\nAction Input: {}\n")
    assert not reader.over
    reader.feed("Observation: ")
    assert reader.over
    assert reader.feed("made up\nFinal Answer: no") == ""
    assert reader.finish() == ""


MARKS = [f"{label.title()}{colon}" for label in LABELS for colon in (":", "：", "**:", " 2:")]
PIECES = st.lists(
    st.one_of(
        st.sampled_from(MARKS),
        st.sampled_from(["\n", "\n\n", " ", "**", "# ", "\r\n", "none"]),
        st.text("ActionFl aswer:*#_思考行动输入最终答案x\n 1", max_size=8),
    )
)


@settings(deadline=None, max_examples=500)
@given(PIECES, st.lists(st.integers(1, 9), min_size=1))
@example(["Final Answer:", " a ", "\n", " Obser", "vation: "], [1])
def test_what_is_shown_does_not_depend_on_the_pieces(parts: list[str], sizes: list[int]) -> None:
    text = "".join(parts)
    whole, pieces = ReActReader(), ReActReader()
    shown = whole.feed(text) + whole.finish()
    cut: list[str] = []
    at = 0
    while at < len(text):
        size = sizes[len(cut) % len(sizes)]
        cut.append(pieces.feed(text[at : at + size]))
        at += size
    assert "".join(cut) + pieces.finish() == shown
    assert (pieces.thought, pieces.action, pieces.input) == (whole.thought, whole.action, whole.input)


@settings(deadline=None, max_examples=500)
@given(PIECES, st.integers(1, 9))
def test_no_line_that_is_shown_begins_with_a_mark(parts: list[str], size: int) -> None:
    text = "".join(parts)
    for line in read(text, size=size)[0].split("\n")[1:]:
        assert not line.lower().startswith(tuple(f"{label}:" for label in LABELS))


@settings(deadline=None)
@given(st.text("ActionFl aswer:x1", min_size=1).filter(lambda text: read(text)[0] == text.strip()))
def test_little_is_held_back(text: str) -> None:
    reader = ReActReader()
    shown = 0
    solid = 0
    for fed, character in enumerate(text.lstrip(), start=1):
        shown += len(reader.feed(character))
        solid = fed if not character.isspace() else solid
        assert solid - shown <= 30
