import json
from typing import Any

import jsonschema
import pytest

from myna.core.tools import ToolSpec
from myna.engines.llm.said_values import MOST_PARTS, SaidValues, on_a_24_hour_clock, parts_of


def test_the_parts_of_a_message_are_its_words_and_runs_of_them() -> None:
    assert parts_of("From New York to Rome, please.") == [
        *("From", "New", "York", "to", "Rome", "please"),
        *("From New", "New York", "York to", "to Rome"),
        *("From New York", "New York to", "York to Rome"),
        *("From New York to", "New York to Rome", "From New York to Rome"),
    ]


@pytest.mark.parametrize(
    ("said", "part"),
    [
        ("放一首周杰伦的歌吧", "周杰伦"),
        ("Mail bob.smith@example.org now", "bob.smith@example.org"),
        ("At 18:30, don't forget", "18:30"),
        ("I don't know", "don't"),
        ("给 Anna 发邮件", "Anna"),
    ],
)
def test_names_addresses_and_times_are_whole(said: str, part: str) -> None:
    assert part in parts_of(said)


def test_of_a_long_message_there_are_so_many_parts() -> None:
    assert len(parts_of(" ".join(map(str, range(1000))))) == MOST_PARTS
    assert parts_of("") == parts_of("?!") == []


def test_only_free_texts_are_held_to_the_parts() -> None:
    schema = {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where."},
            "unit": {"type": "string", "enum": ["c", "f"]},
            "day": {"type": "string", "format": "date"},
            "count": {"type": "integer"},
            "guests": {"type": "array", "items": {"type": "string"}},
            "enum": {"type": "string"},
        },
    }
    held = SaidValues(["Rome", "Anna"]).hold(schema)
    good = {"city": "Rome", "unit": "c", "day": "2026-01-01", "count": 3, "guests": ["Anna"], "enum": "Rome"}
    jsonschema.validate(good, held)
    for name, value in (("city", "Paris"), ("guests", ["Bob"]), ("enum", "Oslo")):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**good, name: value}, held)


def test_only_numbers_that_a_parameter_allows_are_held_to_what_was_said() -> None:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            "hour": {"type": "integer", "minimum": 0, "maximum": 23},
            "size": {"type": "number"},
            "level": {"type": "integer", "enum": [1, 2]},
            "row": {"type": "integer", "minimum": 100},
            "note": {"type": "string"},
        },
    }
    held = SaidValues(numbers={0.5, 7, 30}).hold(schema)["properties"]
    assert held["hour"]["enum"] == [7]
    assert held["size"]["enum"] == [0.5, 7, 30]
    assert {name: held[name] for name in ("level", "row", "note")} == {
        name: schema["properties"][name] for name in ("level", "row", "note")
    }


@pytest.mark.parametrize(("maximum", "hour"), [(23, 21), (24, 21), (12, 9), (None, 9)])
def test_hours_go_onto_a_24_hour_clock_where_a_tool_has_one(maximum: int | None, hour: int) -> None:
    limits = {} if maximum is None else {"maximum": maximum}
    tool = ToolSpec("wake", "Wake.", {"properties": {"hour": {"type": "integer", **limits}, "minute": {}}})
    assert json.loads(on_a_24_hour_clock(tool, '{"hour": 9, "minute": 9}', {9: 21})) == {"hour": hour, "minute": 9}


@pytest.mark.parametrize("arguments", ["", "[]", '{"hour": "9"}', '{"hour": true}', '{"other": 9}'])
def test_other_arguments_stay_as_they_are(arguments: str) -> None:
    tool = ToolSpec("wake", "Wake.", {"properties": {"hour": {"type": "integer", "maximum": 23}}})
    assert on_a_24_hour_clock(tool, arguments, {9: 21, 1: 13}) == arguments
