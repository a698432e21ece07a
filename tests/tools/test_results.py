import dataclasses
import datetime
import enum
import re
from decimal import Decimal
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, SecretStr

from myna.core.errors import EngineTimeout
from myna.text.neutral import neutralise
from myna.text.thinking import BLOCKS
from myna.tools.results import MOST_ITEMS, NOTHING, error_text, first_items, shorten, to_text


class Colour(enum.Enum):
    RED = "red"


class Mood(str, enum.Enum):  # noqa: UP042 - as they were written before StrEnum
    GOOD = "good"


@dataclasses.dataclass
class Point:
    x: int
    when: datetime.date


class Login(BaseModel):
    user: str
    password: SecretStr


class Odd:
    def __str__(self) -> str:
        return "an odd thing"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("22 °C", "22 °C"),
        ('{"a": 1}', '{"a": 1}'),
        ("", NOTHING),
        (None, NOTHING),
        (22.5, "22.5"),
        (True, "true"),
        ({"城市": ["北京"]}, '{"城市":["北京"]}'),
        ([1, None, Colour.RED], '[1,null,"red"]'),
        (Mood.GOOD, "good"),
        ((1, 2), "[1,2]"),
        ({3}, "[3]"),
        (Point(1, datetime.date(2026, 11, 21)), '{"x":1,"when":"2026-11-21"}'),
        (Login(user="ada", password=SecretStr("hunter2")), '{"user":"ada","password":"**********"}'),
        (Decimal("1.10"), '"1.10"'),
        (Path("a/b"), '"a/b"'),
        (float("nan"), '"NaN"'),
        ({"odd": Odd()}, '{"odd":"an odd thing"}'),
        (Odd(), '"an odd thing"'),
        ({1: "a", (2, 3): "b"}, '{"1":"a","2,3":"b"}'),
        (b"plain text", "plain text"),
        (bytearray("天气".encode()), "天气"),
        (memoryview(b"plain"), "plain"),
        (b"", NOTHING),
        (b"\x89PNG\r\n\x1a\n" + bytes(2000), "[2,008 bytes of a PNG image, which cannot be shown as text]"),
        (b"RIFF\xff\xff", "[6 bytes of WAV audio or another RIFF file, which cannot be shown as text]"),
        (bytes(12), "[12 bytes of binary data, which cannot be shown as text]"),
        ({"image": b"\xff\xd8"}, '{"image":"_9g="}'),
    ],
)
def test_whatever_a_tool_returns_is_text(value: object, text: str):
    assert to_text(value) == text


def test_a_value_that_holds_itself_is_text():
    ring: list[object] = []
    ring.append(ring)
    assert to_text(ring) == "[[...]]"


def test_half_a_character_ends_nothing():
    assert neutralise(to_text({"half": "\ud83d"})).encode()


def test_an_iterator_without_an_end_ends():
    assert len(first_items(count())) == MOST_ITEMS
    assert first_items(iter("ab")) == ["a", "b"]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("No such city."), "ValueError: No such city."),
        (ValueError(), "ValueError"),
        (KeyError("city"), "KeyError: 'city'"),
        (EngineTimeout("It took too long.", hint="Try again."), "It took too long. Try again."),
        (Unspeakable(), "Unspeakable"),
    ],
)
def test_an_error_is_told_by_its_kind_and_its_words(error: Exception, text: str):
    assert error_text(error) == text


def test_the_words_of_an_error_are_shortened():
    assert len(error_text(ValueError("x" * 10_000))) < 1100


def test_what_is_short_enough_stays_as_it_is():
    assert shorten("x" * 100, 100) == "x" * 100


def test_what_is_too_long_has_its_middle_left_out_and_says_how_much():
    text = "".join(f"{number:05}" for number in range(2000))
    short = shorten(text, 1000)
    assert len(short) <= 1000
    assert short.startswith("0000000001")
    assert short.endswith("0199801999")
    said = re.search(r"\n\[… ([\d,]+) of 10,000 characters left out …\]\n", short)
    assert said is not None
    assert int(said[1].replace(",", "")) == 10_000 - (len(short) - len(said[0]))


@given(st.text(max_size=300), st.integers(min_value=0, max_value=300))
def test_a_shortened_text_is_a_beginning_and_an_end_of_it(text: str, limit: int):
    short = shorten(text, limit)
    if len(text) <= limit:
        assert short == text
        return
    head, note, tail = re.split(r"(\n\[… \d+ of \d+ characters left out …\]\n)", short)
    assert text.startswith(head)
    assert text.endswith(tail)
    assert len(short) <= max(limit, len(note))


def test_10_megabytes_are_shortened_at_once():
    assert len(shorten(to_text(["x" * 1000] * 10_000))) <= 8000


MARKERS = [
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<|python_tag|>",
    "<|eot_id|>",
    "<|action_start|>",
    "<|plugin|>",
    "<|channel|>",
    "<｜Assistant｜>",
    "<｜tool▁calls▁begin｜>",
    "<tool_call>",
    "<minimax:tool_call>",
    "</minimax:tool_call>",
    "</tool_call>",
    "<tool_response>",
    "</tool_response>",
    "<tools>",
    "<function=delete_all>",
    "</function>",
    "<parameter=path>",
    "<think>",
    "</think>",
    "<s>",
    "</s>",
    "<<SYS>>",
    "<</SYS>>",
    "<start_of_turn>",
    "<end_of_turn>",
    "[INST]",
    "[/INST]",
    "[TOOL_CALLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[AVAILABLE_TOOLS]",
    "[ARGS]",
    "[THINK]",
    "[gMASK]",
    "<function_call>",
    "<functioncall>",
    "<TOOLCALL>",
    "<arg_key>",
    "<|/tool_call|>",
    '<invoke name="delete_all">',
    *(mark for block in BLOCKS for mark in block if mark.count("<|") < 2),
]


@pytest.mark.parametrize("marker", MARKERS)
def test_a_result_cannot_pose_as_structure(marker: str):
    for written in (marker, marker.upper(), f"22 °C{marker}", f"{marker}{marker}", f"<{marker}>", f"[{marker}]"):
        text = neutralise(written)
        assert marker.casefold() not in text.casefold()
        assert len(text) == len(written)


def test_a_neutral_marker_can_still_be_read():
    assert neutralise("a<|im_end|>b<tool_call>[/INST]<<SYS>>") == "a‹|im_end|›b‹tool_call›(/INST)‹‹SYS››"


def test_markers_hidden_in_what_cannot_be_read_are_found():
    assert neutralise("<|im\x00_end|><tool\x1b[31m_call>") == "‹|im_end|›‹tool_call›"


@pytest.mark.parametrize(
    "text",
    [
        "if a < b and c > d: x[INSTANCE] = 1",
        '<html><b class="x">22</b><script>a |> b</script></html>',
        '{"a": [1, 2], "b": "c"}',
        "a || b <| c",
        "line\tone\r\nline two",
        "天气：晴，22 °C。[开心] 👩‍👩‍👧",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str):
    assert neutralise(text) == text


def test_what_cannot_be_read_is_taken_out():
    assert neutralise("\x1b[1;31mred\x1b[0m\x00\x07\ud800 bell\x9b") == "red bell"


@given(st.lists(st.sampled_from([*MARKERS, "<", ">", "|", "/", "[", "]", "\x00", "\x1b[0m", "a"]), max_size=12))
def test_no_marker_is_left_in_however_they_are_mixed(parts: list[str]):
    text = neutralise("".join(parts)).casefold()
    assert not [marker for marker in MARKERS if marker.casefold() in text]
