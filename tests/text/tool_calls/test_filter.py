import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import FrameType

import pytest
from tests.text.tool_calls.cases import BEIJING, CALLS, J_BEIJING, J_TIME, NO_CALLS, TIME, TOOLS
from tests.text.tool_calls.reading import found_in, read

from myna.text.tool_calls import FORMATS, BrokenCall, FoundCall, ToolCallFilter
from myna.text.tool_calls.filter import LONGEST_OPENING
from myna.text.tool_calls.source import LONGEST_CALL


def shown_at_once(pieces: list[str]) -> list[str]:
    """What each piece gives back, as text."""
    calls = ToolCallFilter(TOOLS)
    return ["".join(each for each in calls.feed(piece) if isinstance(each, str)) for piece in pieces]


def test_ordinary_text_goes_out_with_the_piece_that_brings_it() -> None:
    pieces = ["Hello", " there,", " it", " is", " 3", " =", " 2", ".", " 你好", "。"]
    assert shown_at_once(pieces) == pieces


def test_only_what_may_still_become_a_call_is_held_back() -> None:
    assert shown_at_once(["a <", "b", "> <to", "ol", "s", " x [TO", "O"]) == ["a", " <b", ">", "", "", " <tools x", ""]
    assert shown_at_once(['{"name', '": "', "get_w", "ind", '"}']) == ["", "", "", '{"name": "get_wind', '"}']
    assert shown_at_once(["```", "py", "thon\nx"]) == ["", "```py", "thon\nx"]


def test_white_space_at_the_end_waits_for_what_follows_it() -> None:
    assert shown_at_once(["Hello.\n\n", "Bye"]) == ["Hello.", "\n\nBye"]


@pytest.mark.parametrize("reply", NO_CALLS)
def test_no_more_than_an_opening_is_held_back(reply: str) -> None:
    calls = ToolCallFilter(TOOLS)
    shown = 0
    for fed, character in enumerate(reply, start=1):
        shown += sum(len(each) for each in calls.feed(character) if isinstance(each, str))
        assert fed - shown <= LONGEST_OPENING + max(map(len, TOOLS)) + 64


def test_an_opening_that_grows_too_long_is_ordinary_text() -> None:
    reply = '{"name": "get_time",' + ' "id": "' + "x" * 60 + '",' + " " * 60 + '"type": "function",' + " " * 300
    assert found_in([*reply]) == [reply]


def test_a_call_is_told_with_its_last_bracket() -> None:
    calls = ToolCallFilter(TOOLS)
    told = [calls.feed(piece) for piece in ("<tool_call>\n", J_BEIJING[:-1], "}", "\n</tool_call>", "\nWell")]
    assert [len(each) for each in told] == [0, 0, 1, 0, 1]
    assert read(told[2]) == [BEIJING]
    assert told[4] == ["Well"]


@pytest.mark.parametrize(
    ("before", "behind", "shown"),
    [
        ("", "", []),
        ("\n\n", "\n", []),
        ("Hello. ", "\n\n", ["Hello."]),
        ("Hello.\n", "\n\nBye.", ["Hello.", "\nBye."]),
        ("Hello.", "\n\nBye.", ["Hello.", "\n\nBye."]),
        ("", "\n\nBye.\n", ["Bye.\n"]),
        ("好的。", "再见", ["好的。", "再见"]),
        ("[Happy] [Calm]\n", "", ["[Happy] [Calm]"]),
    ],
)
def test_white_space_around_a_call_leaves_one_gap_between_text(before: str, behind: str, shown: list[str]) -> None:
    reply = f"{before}<tool_call>{J_TIME}</tool_call>\n<tool_call>{J_TIME}</tool_call>{behind}"
    assert [each for each in found_in([reply]) if isinstance(each, str)] == shown


def test_thinking_is_not_searched_also_where_the_template_began_it() -> None:
    reply = f"I call {J_TIME}</think>{J_TIME}"
    assert read(found_in([reply], inside_thinking=True)) == [f"I call {J_TIME}</think>", TIME]
    assert read(found_in([f"<think>{J_TIME}"])) == [f"<think>{J_TIME}"]


def test_only_offered_tools_make_json_a_call_but_markup_does_so_for_any() -> None:
    assert found_in([J_BEIJING], tools={"other": {}}) == [J_BEIJING]
    assert read(found_in([f"<tool_call>{J_BEIJING}</tool_call>"], tools={})) == [BEIJING]


def test_arguments_may_be_missing_only_where_none_are_needed() -> None:
    reply = '{"name": "search"}'
    assert found_in([reply], tools={"search": {"required": ["query"]}}) == [reply]
    assert read(found_in([reply], tools={"search": {}})) == [("search", {})]


def test_names_alone_will_do() -> None:
    calls = ToolCallFilter(["get_time"])
    assert calls.feed(J_TIME) == [FoundCall("get_time", "{}", J_TIME)]


def test_formats_can_be_left_out() -> None:
    plain = next(each for each in FORMATS if each.name == "JSON")
    reply = f"<tool_call>{J_TIME}</tool_call>"
    assert read(found_in([reply], formats=(plain,))) == ["<tool_call>", TIME]
    assert found_in([J_TIME, "[{ ", "x"], formats=()) == [f"{J_TIME}[{{ x"]


def test_arguments_stay_as_the_model_wrote_them() -> None:
    written = '{"a": 1.50, "b":1e3,"c" : "\\u4e2d", "d": 123456789012345678901234567890}'
    found = found_in([f'<tool_call>{{"name": "x", "arguments": {written}}}</tool_call>'])
    assert [each.arguments for each in found if isinstance(each, FoundCall)] == [written]


def test_what_was_taken_out_is_told() -> None:
    (found,) = found_in([f"```json\n{J_TIME}\n```"])
    assert isinstance(found, FoundCall)
    assert found.raw == f"```json\n{J_TIME}"


BROKEN = [
    ("<tool_call>\n", None, ""),
    ('<tool_call>{"name": "get_weather", "argum', "get_weather", ""),
    ('<tool_call>{"name": "get_weather", "arguments": {"city": "北', "get_weather", '{"city": "北'),
    ('{"name": "get_weather"', "get_weather", ""),
    ('{"name": "get_weather", "arguments": {"city": "北', "get_weather", '{"city": "北'),
    ('```json\n{"name": "get_weather", "arguments": {"ci', "get_weather", '{"ci'),
    ('[TOOL_CALLS]get_weather[ARGS]{"city": "北', "get_weather", '{"city": "北'),
    ("<function=get_weather>\n<parameter=city>\nBei", "get_weather", '{"city": "Bei'),
    ("<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Bei", "get_weather", '{"city": "Bei'),
    ('[get_weather(city="x", days=', "get_weather", '[get_weather(city="x", days='),
    ("<｜tool▁call▁begin｜>get_time<｜tool▁sep｜>", "get_time", ""),
    ('<|tool_call_begin|>functions.get_time:0<|tool_call_argument_begin|>{"', "get_time", '{"'),
]


@pytest.mark.parametrize(("reply", "name", "arguments"), BROKEN)
def test_a_call_that_is_cut_off_is_broken(reply: str, name: str | None, arguments: str) -> None:
    assert found_in(["Hm. ", *reply]) == ["Hm.", BrokenCall(name, arguments, reply)]


@pytest.mark.parametrize("before", ["```python\nx = 1", '{"a"'])
@pytest.mark.parametrize(
    ("call", "name"), [('<tool_call>{"name": "get_weather", "argum', "get_weather"), ("<tool_call>\n", None)]
)
def test_so_it_is_behind_what_was_not_closed(before: str, call: str, name: str | None) -> None:
    assert found_in(f"{before}\n{call}") == [before, BrokenCall(name, "", call)]


@pytest.mark.parametrize(
    ("reply", "arguments"),
    [
        ('{"name": "get_weather", "arguments": {city: "北京"}} Oh.', '{city: "北京"}}'),
        ('{"name": "get_weather", "arguments": {"city": 北京}} Oh.', '{"city": 北京}}'),
        ('{"name": "get_weather", "arguments": {"a": NaN}} Oh.', '{"a": NaN}}'),
        ('<tool_call>{"name": "get_weather", "arguments": {"city": "x", 5}}</tool_call>Oh.', '{"city": "x", 5}}'),
        ('<tool_call>\n{"name": "get_weather", "arguments": {"city": "x}}\n</tool_call>\nOh.', '{"city": "x}}'),
        ('<tool_call>{"name": "get_weather", "arguments": {"city": x</tool_call> Oh.', '{"city": x'),
    ],
)
def test_a_malformed_call_is_broken_and_text_behind_it_is_seen(reply: str, arguments: str) -> None:
    broken, text = found_in([reply])
    assert isinstance(broken, BrokenCall)
    assert (broken.name, broken.arguments) == ("get_weather", arguments)
    assert text in {"Oh.", " Oh."}


@pytest.mark.parametrize("size", [1000, 10**7])
@pytest.mark.parametrize(
    "reply",
    [
        '<tool_call>{"name": "write_file", "arguments": {"text": "LONG"}}</tool_call>',
        "<function=write_file><parameter=text>LONG</parameter></function>",
        '<｜tool▁call▁begin｜>write_file<｜tool▁sep｜>{"text": "LONG"}<｜tool▁call▁end｜>',
        '[write_file(text="LONG")]',
        "<tool_call>write_file\n<arg_key>text</arg_key>\n<arg_value>LONG</arg_value></tool_call>",
    ],
)
def test_a_call_that_is_too_long_is_broken_at_once_and_the_next_is_found(reply: str, size: int) -> None:
    text = reply.replace("LONG", "x" * (2 * LONGEST_CALL)) + f"\n{J_TIME} Done."
    found = found_in(text[at : at + size] for at in range(0, len(text), size))
    broken = found[0]
    assert isinstance(broken, BrokenCall)
    assert len(broken.raw) == LONGEST_CALL
    assert read(found[1:]) == [TIME, "Done."]


def test_json_nested_too_deeply_is_broken() -> None:
    deep = "[" * 5000 + "]" * 5000
    (broken,) = found_in([f'<tool_call>{{"name": "x", "arguments": {deep}}}</tool_call>'])
    assert isinstance(broken, BrokenCall)


def test_a_broken_call_in_a_list_does_not_spoil_the_others() -> None:
    first, second, third = found_in([f'<tool_call>[{J_TIME}, {{"x": 1}}, {J_BEIJING}]</tool_call>'])
    assert isinstance(second, BrokenCall)
    assert read([first, third]) == [TIME, BEIJING]
    assert read(found_in([f'[{J_TIME}, {{"na'])[:1]) == [TIME]


@contextmanager
def counting(steps: list[int]) -> Generator[None]:
    """Counts the function calls inside."""

    def count(_frame: FrameType, _event: str, _argument: object) -> None:
        steps[-1] += 1

    before: Callable[..., object] | None = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)


@pytest.mark.parametrize(
    "unit",
    [
        "word ",
        "< [ { ` ",
        "{" * 5,
        "[" * 5,
        '{"a": ',
        "`` ` ",
        "<tool_call> ",
        "<tool_call>{",
        J_TIME,
        '{"name": "get_time", ',
        " \n",
        "<think>",
        "[get_time(",
        "<function=x><parameter=y>",
        "✿FUNCTION✿: ",
        '{"a" <tool_call>\n',
        "{'a': <function=",
        "```\n<tool_call>\n",
        "```x\n<function=a\n",
    ],
)
def test_twice_the_text_takes_twice_the_steps(unit: str) -> None:
    steps: list[int] = []
    for times in (200, 400):
        steps.append(0)
        pieces = [*(unit * times)]
        with counting(steps):
            found_in(pieces)
    assert steps[1] < 2.3 * steps[0]


def test_every_format_has_cases() -> None:
    assert {each.name for each in FORMATS} >= set(CALLS) - {"others", "Python", "behind what was not closed"}
