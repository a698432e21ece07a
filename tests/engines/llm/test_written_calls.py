import pytest

from myna.engines.llm.written_calls import read_calls

ROME = '{"name":"get_weather","arguments":{"city":"Rome"}}'


def test_equal_calls_are_one() -> None:
    assert read_calls(f"[{ROME}, {ROME}]").whole == (("get_weather", '{"city": "Rome"}'),)


@pytest.mark.parametrize("text", ["", "[", "[{", '[{"na', '[{"name": "get_wea', "nonsense", "[" * 5_000])
def test_of_an_answer_that_was_cut_off_before_a_name_there_is_nothing(text: str) -> None:
    assert read_calls(text).all == ()


def test_a_call_that_was_cut_off_comes_behind_the_whole_ones() -> None:
    written = read_calls(f'[{ROME}, {{"name": "mail", "arguments": {{"to": "An')
    assert written.all == (("get_weather", '{"city": "Rome"}'), ("mail", '{"to": "An'))
