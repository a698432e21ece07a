import json

import pytest

from myna.core.tools import ToolSpec
from myna.engines.llm.grounding import (
    adds,
    chooses_another,
    is_invented,
    made_up,
    mistaken_number,
    spelt_as_said,
    touched,
    untouched,
)

WEATHER = ToolSpec(
    "get_weather",
    "Get the weather.",
    {
        "type": "object",
        "properties": {
            "place": {"type": "string", "description": "Where, e.g. San Francisco, CA."},
            "days": {"type": "integer"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
    },
)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("San Francisco, CA", "谁是孔子？"),
        ("San Francisco, CA", "Tell me a joke."),
        ("Earth", "Which planet is the largest?"),
        ("Hi there!", "hi there"),
    ],
)
def test_a_text_that_nobody_said_is_invented(place: str, said: str) -> None:
    assert is_invented(WEATHER, f'{{"place": "{place}", "days": 3, "unit": "celsius"}}', said)


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("San Francisco, CA", "How is San Francisco?"),
        ("London", "伦敦天气怎么样？"),
        ("日本东京", "东京天气怎么样？"),
        ("广州", "How is it in Guangzhou?"),
    ],
)
def test_a_text_that_was_said_or_translated_is_not(place: str, said: str) -> None:
    assert not is_invented(WEATHER, f'{{"place": "{place}"}}', said)


@pytest.mark.parametrize("arguments", ["{}", '{"days": 7}', '{"unit": "celsius"}'])
def test_numbers_and_listed_values_say_nothing(arguments: str) -> None:
    assert not is_invented(WEATHER, arguments, "For the next seven days, please.")


def test_a_call_adds_what_no_call_before_it_has_taken() -> None:
    said = "What is the weather in Oslo and in Rome?"
    oslo, rome = '{"place": "Oslo"}', '{"place": "Rome"}'
    assert adds(rome, said, [oslo])
    assert not adds(oslo, said, [oslo])
    assert not adds('{"place": "Paris"}', said, [oslo])


def test_more_of_what_was_taken_adds_nothing() -> None:
    said = "打一辆车去人民公园，一共四个人。"
    assert not adds('{"text": "打一辆车去人民公园"}', said, ['{"destination": "人民公园"}'])


@pytest.mark.parametrize(
    ("room", "said", "another"),
    [
        ("living room", "客厅的地都扫一扫", True),
        ("kitchen", "厨房的地也扫一扫", False),
        ("living room", "and the rest of it", False),
        ("cellar", "地窖的地都扫一扫", False),
    ],
)
def test_a_listed_value_in_another_language_is_another_if_no_call_has_it(room: str, said: str, another: bool) -> None:
    sweep = ToolSpec("sweep", "Sweep.", {"properties": {"room": {"enum": ["kitchen", "living room"]}}})
    made = [("sweep", '{"room": "kitchen"}'), ("light", '{"room": "living room"}')]
    assert chooses_another(sweep, f'{{"room": "{room}"}}', said, made) is another


@pytest.mark.parametrize(
    ("said", "invented"),
    [
        ("I ran a whole marathon!", True),
        ("Nap time for an hour and a half.", False),
        ("睡十五分钟", False),
        ("Nap: 20", False),
    ],
)
def test_numbers_of_the_examples_are_invented_where_nothing_was_counted(said: str, invented: bool) -> None:
    timer = ToolSpec("timer", "Set a timer.", {"properties": {"minutes": {"type": "integer"}}})
    assert is_invented(timer, '{"minutes": 4}', said) is invented
    assert not is_invented(timer, '{"minutes": 31}', said)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ('{"to": "my dog", "body": "My dog gives paw!"}', "My dog gives paw!"),
        ('{"to": "电子邮件", "body": "是谁发明的？"}', "电子邮件是谁发明的？"),
    ],
)
def test_an_echo_of_all_that_was_said_is_no_value(arguments: str, said: str) -> None:
    mail = ToolSpec("mail", "Send an email.", {"properties": {"to": {"type": "string"}, "body": {"type": "string"}}})
    assert is_invented(mail, arguments, said)


def test_only_the_texts_that_nobody_said_are_made_up() -> None:
    trains = ToolSpec("trains", "Find trains.", {"properties": {"to": {"type": "string"}, "from": {"type": "string"}}})
    assert made_up(trains, '{"from": "Oslo", "to": "Atlantis"}', "A train from Oslo to Bergen.") == ["Atlantis"]
    assert made_up(trains, '{"from": "Oslo", "to": "卑尔根"}', "A train from Oslo to Bergen.") == []


@pytest.mark.parametrize(
    ("clauses", "made", "left"),
    [
        (["温州现在几度", "西宁呢"], ['{"location": "西宁"}'], ["温州现在几度"]),
        (["先把音乐暂停", "把走廊的灯打开"], ["{}"], ["先把音乐暂停", "把走廊的灯打开"]),
        (["先把音乐暂停"], ["{}"], []),
        (["the lamp", "call Ann"], ['{"name": "ann"}', '{"state": "on"}'], []),
        (["salt", "pepper"], ['{"item": "salt and pepper"}'], []),
        (["a", "b"], [], ["a", "b"]),
    ],
)
def test_clauses_are_left_that_no_call_has_anything_from(clauses: list[str], made: list[str], left: list[str]) -> None:
    assert untouched(clauses, made) == left


def test_a_clause_is_touched_that_a_call_has_a_value_of() -> None:
    clauses = ["35 for the dentist", "62 for groceries"]
    assert touched(clauses, '{"amount": 62}') == ["62 for groceries"]
    assert touched(clauses, '{"kind": "health"}') == touched(clauses, "{}") == []


@pytest.mark.parametrize(
    ("value", "said", "made"),
    [
        ("5", "Timers for 15 and 5 minutes.", "15"),
        ("100", "10 and 100 metres", "10"),
        ("10", "five and ten minutes", "5"),
        ("10", "五分钟和十分钟", "5"),
    ],
)
def test_another_number_adds_something(value: str, said: str, made: str) -> None:
    assert adds(f'{{"minutes": {value}}}', said, [f'{{"minutes": {made}}}'])
    assert not adds(f'{{"minutes": {made}}}', said, [f'{{"minutes": {made}}}'])


def test_a_constant_or_a_default_is_not_invented() -> None:
    tool = ToolSpec(
        "weather",
        "Get the weather.",
        {"properties": {"kind": {"const": "current"}, "unit": {"type": "string", "default": "celsius"}}},
    )
    assert not is_invented(tool, '{"kind": "current", "unit": "celsius"}', "How is it?")
    assert made_up(tool, '{"kind": "current", "unit": "celsius"}', "How is it?") == []


@pytest.mark.parametrize(
    ("values", "said", "mistaken"),
    [
        ('{"hour": 7, "minute": 30}', "a quarter past seven", True),
        ('{"hour": 7, "minute": 15}', "a quarter past seven", False),
        ('{"amount": 50000}', "五百欧元", True),
        ('{"hour": 21, "minute": 20}', "晚上九点二十", False),
        ('{"hour": 7, "minute": 0}', "七点叫我", False),
        ('{"days": 7}', "The weather next week", False),
        ('{"days": 2, "people": 3}', "A room for 3 at the weekend", False),
    ],
)
def test_a_number_that_nobody_said_is_mistaken_where_one_that_was_said_is_left(
    values: str, said: str, mistaken: bool
) -> None:
    assert mistaken_number(ToolSpec("book", "Book.", {}), values, said) is mistaken


@pytest.mark.parametrize(
    ("place", "said", "spelt"),
    [
        ("Towelpaste", "We're out of toothpaste", "toothpaste"),
        ("toothpaste", "We're out of toothpaste", "toothpaste"),
        ("Paris", "What is it like in Rome", "Paris"),
        ("Beijing", "北京", "Beijing"),
        ("celsius", "celcius please", "celsius"),
    ],
)
def test_a_word_that_was_not_said_is_spelt_as_the_one_that_was_and_is_much_like_it(
    place: str, said: str, spelt: str
) -> None:
    assert json.loads(spelt_as_said(WEATHER, json.dumps({"place": place, "days": 1}), said)) == {
        "place": spelt,
        "days": 1,
    }
