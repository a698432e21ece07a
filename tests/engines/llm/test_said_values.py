import jsonschema
import pytest

from myna.engines.llm.said_values import MOST_PARTS, parts_of, with_texts_of


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
    held = with_texts_of(schema, ["Rome", "Anna"])
    good = {"city": "Rome", "unit": "c", "day": "2026-01-01", "count": 3, "guests": ["Anna"], "enum": "Rome"}
    jsonschema.validate(good, held)
    for name, value in (("city", "Paris"), ("guests", ["Bob"]), ("enum", "Oslo")):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**good, name: value}, held)
