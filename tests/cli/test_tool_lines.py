import pytest

from myna.cli.tool_lines import LONGEST, came_of, show_tool, written
from myna.core.events import ToolEnded, ToolStarted
from myna.core.ids import MessageId, TurnId
from myna.core.tools import ToolCall, ToolResult


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ('{"city": "东京", "days": 3, "units": ["a", null]}', 'weather(city="东京", days=3, units=["a", null])'),
        ("{}", "weather()"),
        ("", "weather()"),
        ("[1, 2]", "weather([1, 2])"),
        ('{"city": "Os', 'weather({"city": "Os)'),
    ],
)
def test_a_call_is_shown_as_one_writes_it(arguments: str, shown: str):
    assert written(ToolCall("c", "weather", arguments)) == shown


def test_what_a_tool_gave_takes_one_line_and_moves_no_cursor():
    told = came_of(ToolResult("a\r\nb\x1b[2J\tc\u2028d" + "x" * 10_000))
    assert told.startswith("→ a b [2J c d")
    assert told.endswith("x…")
    assert len(told) <= LONGEST + 2
    assert all(letter.isprintable() for letter in told)


def test_arguments_that_the_user_is_to_agree_to_are_shown_in_full(capsys: pytest.CaptureFixture[str]):
    text = "word " * 200
    call = ToolCall("c", "send", f'{{"text": "{text}END"}}')
    show_tool(ToolStarted(TurnId("t"), MessageId("m"), call))
    assert "END" not in capsys.readouterr().err
    show_tool(ToolStarted(TurnId("t"), MessageId("m"), call, asks=True))
    assert "END" in capsys.readouterr().err


def test_every_end_is_told_with_its_time(capsys: pytest.CaptureFixture[str]):
    for status in ("ok", "failed", "timed_out", "refused", "cancelled", "goes_on"):
        show_tool(ToolEnded(TurnId("t"), "c", "clock", ToolResult("18:05", status), 1234.0))
    assert capsys.readouterr().err.splitlines() == [
        "  clock → 18:05 (1.2 s)",
        "  clock failed: 18:05 (1.2 s)",
        "  clock timed out: 18:05 (1.2 s)",
        "  clock was not run: 18:05 (1.2 s)",
        "  clock was stopped: 18:05 (1.2 s)",
        "  clock goes on: 18:05 (1.2 s)",
    ]
