"""What comes out of the terminal there, and what goes in."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from myna.engines.llm.llamafactory.remote.text import LEVELS, Screen, answered, opening, typed

LOG = "[INFO|2026-11-22 10:00:00] llamafactory.model.loader:143 >> all params: [1] 494,032,768\r\n"
NOISE = st.sampled_from(
    [
        LOG,
        f"\x1b[38;5;3m{LOG}",
        "\x1b[0m",
        "\x1b[?2004h",
        "\x1b]0;title\x07",
        "\x07",
        "\r\n",
        "[INFO",
        "[",
        "你好",
        "\x1b",
    ]
)
OUTPUT = st.lists(st.one_of(st.text(max_size=8), NOISE), max_size=12).map("".join)


def shown(data: bytes, cuts: list[int]) -> str:
    screen = Screen()
    edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return "".join(screen.feed(data[a:b]) for a, b in pairwise(edges))


def test_colours_and_log_lines_go_from_the_middle_of_a_reply():
    written = f"Here \x1b[1mit\x1b[0m is{LOG}, 你好"
    assert shown(written.encode(), []) == "Here it is, 你好"


@pytest.mark.parametrize("cut", range(60))
def test_it_does_not_matter_where_what_is_written_is_cut(cut: int):
    written = f"a\x1b[38;5;3m好{LOG}\x1b[0mb".encode()
    assert shown(written, [cut, cut + 1]) == "a好b"


@given(OUTPUT, st.lists(st.integers(0, 500), max_size=6))
@example("\x1b\x1b[0m[INFO|x] >> y\r\n", [2])
def test_any_output_cut_anywhere_is_shown_as_when_it_comes_at_once(written: str, cuts: list[int]):
    data = f"{written}\n".encode("utf-8", "replace")
    assert shown(data + b"end\n", cuts) == shown(data + b"end\n", [])


def test_brackets_of_a_reply_are_not_taken_for_a_log():
    assert shown(b"[1] is a list, and [INFO] no log\n", [3, 20]) == "[1] is a list, and [INFO] no log\n"


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_is_a_log_line(level: str):
    assert shown(f"[{level}|modeling.py:1] 2026-11-22 10:00:00,123 >> text\n".encode(), [4]) == ""


@pytest.mark.parametrize("word", ["exit", "clear", " exit ", "\nclear\n", "exit\x04", "\u3000exit"])
@pytest.mark.parametrize("readline", [True, False])
def test_a_message_that_is_a_command_word_is_none_when_it_arrives(word: str, readline: bool):
    assert typed(word, readline=readline) in {b"exit.\n", b"clear.\n"}


@given(st.text())
def test_no_message_ends_early_or_is_a_command(message: str):
    line = typed(message, readline=False)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert line.decode().strip() not in {"exit", "clear"}
    assert not any(byte < 32 for byte in line[:-1])


@given(st.text())
def test_with_readline_every_line_break_and_tab_is_quoted(message: str):
    line = typed(message, readline=True)
    rest = line[:-1].replace(b"\x16\n", b"").replace(b"\x16\t", b"")
    assert line.endswith(b"\n")
    assert not any(byte < 32 for byte in rest)
    assert rest.decode().strip() not in {"exit", "clear"}


def test_without_readline_lines_are_joined_visibly():
    assert typed("one\r\ntwo\tthree", readline=False) == b"one | two three\n"


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("hello", 5),
        ("hello\n", 5),
        ("hello\n\n", 5),
        ("hello\n\nUser", 5),
        ("hello\n\nUsers", 12),
        ("a\n\nUser: hi", 11),
    ],
)
def test_what_may_become_the_prompt_is_kept_back(text: str, length: int):
    assert answered(text, "User: ") == length


def test_a_conversation_is_told_as_text_once():
    history = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
    told = opening("Be kind.", history, "and now?")
    assert told == "Be kind.\n\nThe conversation so far:\nUser: hi\nAssistant: hello\n\nUser: and now?"
    assert opening("", [], "hi") == "hi"
    assert opening("Be kind.", [], "hi") == "Be kind.\n\nhi"
