import pytest

from myna.text.tool_calls.plain_values import argument_value, as_value


@pytest.mark.parametrize(
    ("written", "schema", "value"),
    [
        ("42", {"type": "string"}, "42"),
        ("42", {"type": "integer"}, 42),
        ("4.0", {"type": "integer"}, 4.0),
        ("4.5", {"type": "integer"}, "4.5"),
        ("4.5", {"type": "number"}, 4.5),
        (" true ", {"type": "boolean"}, True),
        ("False", {"type": "boolean"}, False),
        ("null", {"anyOf": [{"type": "string"}, {"type": "null"}]}, None),
        ("12", {"anyOf": [{"type": "string"}, {"type": "null"}]}, "12"),
        ("12", {"type": ["integer", "null"]}, 12),
        ("[1, 2]", {"type": "array"}, [1, 2]),
        ("{oops", {"type": "object"}, "{oops"),
        ("1", {"enum": ["1", "2"]}, "1"),
        ("1", {"enum": [1, 2]}, 1),
        ("1", {}, 1),
        ("1", None, 1),
        ("Paris", None, "Paris"),
        ("[" * 100_000, None, "[" * 100_000),
        ("1", {"type": {"odd": 1}, "anyOf": 5, "enum": None}, 1),
    ],
)
def test_text_becomes_the_value_that_the_schema_takes(written: str, schema: object, value: object) -> None:
    found = as_value(written, schema)
    assert found == value
    assert type(found) is type(value)


def test_the_schema_is_that_of_the_parameter() -> None:
    tool = {"properties": {"zip": {"type": "string"}}}
    assert argument_value("01234", tool, "zip") == "01234"
    assert argument_value("12", tool, "days") == 12
    assert argument_value("12", {"properties": ["odd"]}, "days") == 12
