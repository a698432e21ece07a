import json
import tomllib
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest

from myna.core.tools import ToolSpec
from myna.engines.llm.choosing import Asked, Choosing
from myna.engines.llm.value_names import as_named, load_values, values_named

TABLE: dict[str, dict[str, list[str]]] = tomllib.loads(
    files("myna.engines.llm").joinpath("value_names.toml").read_text(encoding="utf-8")
)
KINDS = {kind: table for kind, table in TABLE.items() if kind != "phrases"}

ROOMS = ["kitchen", "study", "living_room", "hallway"]
LIGHT = ToolSpec(
    "switch_light",
    "Switch a light.",
    {"type": "object", "properties": {"room": {"type": "string", "enum": ROOMS}, "on": {"type": "boolean"}}},
)


def spelt(text: str) -> str:
    return text.replace("_", " ").replace("-", " ").casefold()


@pytest.mark.parametrize("kind", KINDS)
def test_every_value_is_well_formed(kind: str) -> None:
    for written, names in KINDS[kind].items():
        assert written.isascii()
        assert written == written.strip()
        assert len(names) == len(set(names)) > 0, written
        assert all(name == name.strip() and len(name) < 40 for name in names), written


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_is_of_two_values_of_a_kind_only_where_that_is_meant(kind: str) -> None:
    by_value = (
        {spelt(name) for name in (*names, *([written] if len(written) > 2 else []))}
        for written, names in KINDS[kind].items()
        if written != "same"
    )
    shared = {name for name, count in Counter(name for names in by_value for name in names).items() if count > 1}
    assert shared == {spelt(name) for name in KINDS[kind].get("same", [])}


def test_the_table_is_read_once() -> None:
    assert load_values() is load_values()
    assert set(load_values().names) == set(KINDS)


@pytest.mark.parametrize(
    ("listed", "said", "value"),
    [
        (ROOMS, "书房的灯帮我打开", "study"),
        (ROOMS, "Lights on in the corridor, please", "hallway"),
        (["LIVING-ROOM", "BED_ROOM"], "客厅", "LIVING-ROOM"),
        (["客厅", "书房"], "the light in the living room", "客厅"),
        (["前进", "后退", "左转"], "turn left", "左转"),
        (["left", "right"], "往左拐", "left"),
        (["celsius", "fahrenheit"], "用摄氏度", "celsius"),
        (["C", "F"], "in Fahrenheit", "F"),
        (["dehumidify", "cool", "heat", "fan"], "空调开除湿", "dehumidify"),
        (["cool", "heat", "fan"], "送风模式", "fan"),
        (["light", "fan", "tv"], "把电风扇关了", "fan"),
        (["GBP", "CNY", "USD"], "into pounds sterling", "GBP"),
        (["fr", "ja", "zh"], "翻译成法语", "fr"),
        (["zh-CN", "en-US"], "用英语", "en-US"),
        (["CN", "US"], "美国的新闻", "US"),
        (["apples", "oranges"], "两个橙子", "oranges"),
        (["red", "orange"], "换成橙色", "orange"),
        (["lights", "curtains"], "the lamps", "lights"),
        (["on", "off"], "把灯关了", "off"),
        (["mon", "tue", "wed"], "星期三", "wed"),
    ],
)
def test_a_value_is_named_in_the_other_language_and_by_its_other_names(
    listed: list[str], said: str, value: str
) -> None:
    assert values_named(listed, said) == {value}


@pytest.mark.parametrize(
    ("listed", "said", "named"),
    [
        (["red", "blue"], "浅蓝色的", set[str]()),
        (["blue", "light blue"], "浅蓝色的", {"light blue"}),
        (["blue", "light_blue"], "make it light blue", {"light_blue"}),
        (["客厅", "儿童房"], "the kids' room", {"儿童房"}),
        (["january", "november"], "十一月", {"november"}),
        (["USD", "CAD"], "加拿大元", {"CAD"}),
        (["coffee", "tea"], "去茶几旁边", set[str]()),
        (["red", "orange"], "来杯橙汁", set[str]()),
        (["left", "right"], "I left it on the right", {"right"}),
    ],
)
def test_a_name_within_a_longer_one_says_nothing(listed: list[str], said: str, named: set[str]) -> None:
    assert values_named(listed, said) == named


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        (["left", "right"], "不错，就这样"),
        (["left", "right"], "that's right"),
        (["left", "right"], "不是左边"),
        (["US", "CN"], "Tell us a story"),
        (["it", "no", "fr"], "No, it is fine"),
        (["on", "off"], "Dim the lamp on the desk"),
        (["kitchen", "study"], "the studio"),
        (["one", "two"], ""),
        (["red"], "红包" * 2_000),
    ],
)
def test_where_nothing_is_named_no_value_is(listed: list[str], said: str) -> None:
    assert values_named(listed, said) == frozenset()


def test_a_value_that_is_not_in_the_table_is_named_by_itself() -> None:
    assert values_named(["dock_7", "bay_2"], "Go to bay 2") == {"bay_2"}


def test_a_name_of_two_listed_values_names_both() -> None:
    assert values_named(["bathroom", "toilet"], "打开卫生间的灯") == {"bathroom", "toilet"}
    assert values_named(["bathroom", "study"], "打开卫生间的灯") == {"bathroom"}


@pytest.mark.parametrize(
    ("room", "said", "settled"),
    [
        ("kitchen", "书房的灯帮我打开", "study"),
        ("study", "书房的灯帮我打开", "study"),
        ("kitchen", "客厅和书房的灯", "kitchen"),
        ("kitchen", "打开书房的灯，关掉走廊的灯", "study"),
        ("hallway", "打开书房的灯，关掉走廊的灯", "hallway"),
        ("kitchen", "太暗了", "kitchen"),
    ],
)
def test_a_value_that_was_not_named_gives_way_to_the_one_that_was(room: str, said: str, settled: str) -> None:
    clauses = [clause for clause in said.split("，") if clause != said]
    call = json.dumps({"room": room, "on": True})
    assert json.loads(as_named(LIGHT, call, said, clauses)) == {"room": settled, "on": True}


def test_a_name_in_a_clause_that_a_call_is_not_for_says_nothing() -> None:
    kinds = {"type": "string", "enum": ["health", "fruit"]}
    spend = ToolSpec("spend", "Note what was spent.", {"properties": {"amount": {"type": "integer"}, "kind": kinds}})
    clauses = ("35 for the dentist", "62 for fruit")
    call = '{"amount": 35, "kind": "health"}'
    assert as_named(spend, call, "35 for the dentist and 62 for fruit", clauses) == call
    assert json.loads(as_named(spend, '{"amount": 62, "kind": "health"}', clauses[1], clauses))["kind"] == "fruit"


def test_a_value_that_another_parameter_may_have_stays() -> None:
    listed = {"type": "string", "enum": ["en", "fr", "ja"]}
    translate = ToolSpec("translate", "Translate.", {"properties": {"source": listed, "target": listed}})
    call = '{"source": "en", "target": "fr"}'
    assert as_named(translate, call, "翻译成法语") == call


@pytest.mark.parametrize("schema", [{}, {"enum": [1, 2]}, {"enum": [None, True]}, {"type": "string"}, {"enum": ["x"]}])
def test_other_parameters_stay_as_they_are(schema: dict[str, Any]) -> None:
    tool = ToolSpec("do", "Do.", {"properties": {"what": schema}})
    for call in ('{"what": 1}', '{"what": "x"}', '{"what": ["study"]}', '{"other": "study"}', "[]"):
        assert as_named(tool, call, "书房") == call


def test_a_choice_that_may_be_left_out_is_read_as_well() -> None:
    schema = {"anyOf": [{"$ref": "#/$defs/Room"}, {"type": "null"}], "default": None}
    tool = ToolSpec("go", "Go.", {"properties": {"room": schema}, "$defs": {"Room": {"enum": ROOMS}}})
    assert as_named(tool, '{"room": "kitchen"}', "去书房") == '{"room": "study"}'
    assert as_named(tool, '{"room": null}', "去书房") == '{"room": null}'


def test_a_call_has_the_value_that_its_message_names() -> None:
    choosing, written = Choosing([LIGHT]), '[{"name": "switch_light", "arguments": {"room": "kitchen"}}]'
    assert choosing.read_calls(written, Asked("书房的灯")).whole == (("switch_light", '{"room": "study"}'),)
    assert choosing.read_calls(written).whole == (("switch_light", '{"room": "kitchen"}'),)
