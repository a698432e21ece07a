"""However a reply is cut into pieces, what is found in it is the same."""

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.text.tool_calls.cases import CALLS, NO_CALLS
from tests.text.tool_calls.reading import cut, found_in, read

from myna.text.tool_calls import BrokenCall, FoundCall

REPLIES = [(reply, expected) for cases in CALLS.values() for reply, expected in cases]
TEXTS = [reply for reply, _ in REPLIES] + NO_CALLS
RANDOM_SPLITS = 100_000
PARTS = 8
"""The splits go into so many tests, for more than one processor."""

FRAGMENTS = [
    *("<tool_call>", "</tool_call>", "<tools>", "</tools>", "<function=", ">", "</function>", "<parameter="),
    *(
        "city",
        "</parameter>",
        "<arg_key>",
        "</arg_key>",
        "<arg_value>",
        "</arg_value>",
        '<invoke name="',
        '">',
        "</invoke>",
    ),
    *("[TOOL_CALLS]", "[ARGS]", "[CALL_ID]", "<|python_tag|>", "<|action_start|><|plugin|>", "<|action_end|>"),
    *(
        "<｜tool▁calls▁begin｜>",
        "<｜tool▁call▁begin｜>",
        "<｜tool▁sep｜>",
        "<｜tool▁call▁end｜>",
        "<|tool_call_begin|>",
    ),
    *("<|tool_call_argument_begin|>", "✿FUNCTION✿:", "✿ARGS✿:", ">>>", "<think>", "</think>", "[THINK]"),
    *("`", "``", "```", "````", "```json\n", "```\n", "```tool_code\n", "\n", "\n\n", " ", "\t", "\u3000"),
    *("{", "}", "[", "]", "(", ")", ",", ";", ":", "=", '"', "'", "\\", '"name"', '"get_weather"', '"arguments"'),
    *("get", "get_time", "get_weather", 'city="x"', "true", "nul", "null", "-1.5e3", "Hello", "世界。", "}}", '"type"'),
    *(
        '{"name": "get_time"',
        '{"name": "get_weather", "arguments": {',
        '"city": "a"',
        "(city=",
        '"function"',
        '"object"',
    ),
]


@pytest.mark.parametrize(("reply", "expected"), REPLIES)
def test_no_cut_in_two_changes_what_is_found(reply: str, expected: object) -> None:
    for place in range(len(reply) + 1):
        assert read(found_in([reply[:place], reply[place:]])) == expected


@pytest.mark.parametrize("part", range(PARTS))
def test_no_random_split_shows_markup_or_loses_a_call(part: int) -> None:
    random = Random(5 + part)
    whole = [(text, found_in([text])) for text in TEXTS]
    for number in range(part, RANDOM_SPLITS, PARTS):
        text, found = whole[number % len(whole)]
        pieces = cut(text, random)
        assert found_in(pieces) == found, pieces


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(TEXTS), max_size=4), st.sampled_from(["", "\n", " ", "Hi. "]), st.randoms())
def test_replies_behind_one_another_do_not_depend_on_the_pieces(texts: list[str], between: str, random: Random) -> None:
    reply = between.join(texts)
    whole = found_in([reply])
    assert found_in(reply) == whole
    assert found_in(cut(reply, random)) == whole


@settings(deadline=None, max_examples=500)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=25), st.randoms())
def test_neither_does_anything_made_of_markup(fragments: list[str], random: Random) -> None:
    reply = "".join(fragments)
    whole = found_in([reply])
    assert found_in(reply) == whole
    assert found_in(cut(reply, random)) == whole
    assert found_in(fragments) == whole
    for each in whole:
        assert not isinstance(each, BrokenCall) or not each.name or not is_json(each.arguments)
        assert not isinstance(each, FoundCall) or is_json(each.arguments)


@settings(deadline=None)
@given(st.text("ab \n<>[]{}`'\"|:,", max_size=80))
def test_text_that_has_no_call_comes_back_as_it_was(text: str) -> None:
    assert found_in(text) == ([text] if text else [])
