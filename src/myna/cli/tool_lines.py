"""The server's tools on the terminal: what is called, what came of it, and how long it took."""

import json
from typing import Any, cast

from rich.text import Text

from myna.cli.terminal import notes
from myna.core.events import ToolEnded, ToolStarted
from myna.core.tools import CallStatus, ToolCall, ToolResult

LONGEST = 160
"""In characters, of arguments and of results."""
LONGEST_ASKED = 10_000
"""Of arguments that the user is to agree to."""

_ENDS: dict[CallStatus, str] = {
    "ok": "→",
    "failed": "failed:",
    "timed_out": "timed out:",
    "refused": "was not run:",
    "cancelled": "was stopped:",
    "goes_on": "goes on:",
}


def show_tool(event: ToolStarted | ToolEnded) -> None:
    """Write a line; the last one has ended."""
    match event:
        case ToolStarted(call=call, asks=asks):
            notes.print(Text(f"⚙ {written(call, LONGEST_ASKED if asks else LONGEST)}", style="dim"))
        case ToolEnded(name=name, result=result, took_ms=took_ms):
            style = "dim" if result.status == "ok" else "yellow"
            notes.print(Text(f"  {name} {came_of(result)} ({took_ms / 1000:.1f} s)", style=style))


def written(call: ToolCall, longest: int = LONGEST) -> str:
    """A call as one writes it: ``weather(city="Oslo")``."""
    try:
        arguments: object = json.loads(call.arguments or "{}")
    except ValueError:
        arguments = call.arguments
    if isinstance(arguments, dict):
        named = cast(dict[str, Any], arguments)
        told = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in named.items())
    else:
        told = str(arguments)
    return f"{in_a_line(call.name)}({in_a_line(told, longest)})"


def came_of(result: ToolResult) -> str:
    """How it ended, and with what."""
    return f"{_ENDS[result.status]} {in_a_line(result.output)}"


def in_a_line(text: str, longest: int = LONGEST) -> str:
    """``text`` on one line and not too long; a tool may give anything, also what would move the cursor."""
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 2 * longest]).split())
    return shown if len(shown) <= longest and len(text) <= 2 * longest else f"{shown[: longest - 1]}…"
