import pytest

from myna.core.tools import ToolSpec
from myna.engines.llm.grounding import adds, is_invented

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
