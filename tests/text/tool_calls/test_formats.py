import pytest
from tests.text.tool_calls.cases import CALLS, NO_CALLS, Expected
from tests.text.tool_calls.reading import found_in, read

EVERY = [(name, *case) for name, cases in CALLS.items() for case in cases]


@pytest.mark.parametrize(("name", "reply", "expected"), EVERY)
def test_the_calls_of_every_format_are_taken_out_and_rebuilt(name: str, reply: str, expected: Expected) -> None:
    assert read(found_in([reply])) == expected


@pytest.mark.parametrize("reply", NO_CALLS)
def test_what_is_no_call_is_given_back_in_full(reply: str) -> None:
    assert found_in([reply]) == ([reply] if reply else [])
