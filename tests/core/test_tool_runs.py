from myna.core.tool_runs import Run, ToolRuns
from myna.core.tools import ToolCall, ToolResult

CLOCK, BELL = ToolCall("1", "clock", "{}"), ToolCall("2", "bell", "{}")


def test_calls_stand_in_the_order_in_which_they_started_however_they_end() -> None:
    runs = ToolRuns()
    runs.start(CLOCK)
    runs.start(BELL)
    runs.end("2", ToolResult("ding"), 3.0)
    assert list(runs) == [Run(CLOCK), Run(BELL, ToolResult("ding"), 3.0)]
    runs.end("1", ToolResult("18:05"), 20.0)
    assert list(runs) == [Run(CLOCK, ToolResult("18:05"), 20.0), Run(BELL, ToolResult("ding"), 3.0)]


def test_of_two_calls_with_one_id_the_later_ends() -> None:
    runs = ToolRuns()
    runs.start(CLOCK)
    runs.end("1", ToolResult("18:05"), 20.0)
    again = runs.start(ToolCall("1", "clock", '{"city": "Rome"}'))
    runs.end("1", ToolResult("19:05"), 2.0)
    assert list(runs) == [Run(CLOCK, ToolResult("18:05"), 20.0), Run(again.call, ToolResult("19:05"), 2.0)]


def test_the_end_of_a_call_that_never_started_is_left_out() -> None:
    runs = ToolRuns()
    runs.end("1", ToolResult("18:05"), 20.0)
    assert not list(runs)
