import json

from myna.cli.turn import TurnReport
from myna.core.events import ToolEnded, ToolStarted, TranscriptFinal, TurnEnded
from myna.core.ids import MessageId, TurnId
from myna.core.tools import ToolCall, ToolResult
from myna.personas.load import Personas

TURN = TurnId("turn_a")


def test_what_tools_did_is_part_of_what_a_turn_tells():
    told = TurnReport(Personas(None).find("wukong"))
    for event in (
        TranscriptFinal(TURN, "几点了？", "zh"),
        ToolStarted(TURN, MessageId("m1"), ToolCall("c1", "clock", "{}")),
        ToolStarted(TURN, MessageId("m2"), ToolCall("c2", "bell", "{}")),
        ToolEnded(TURN, "c2", "bell", ToolResult("No bell.", "failed"), 3.21),
        ToolEnded(TURN, "c1", "clock", ToolResult("18:05"), 20.0),
        TurnEnded(TURN, "completed", None),
    ):
        told.take(event)
    tools = json.loads(json.dumps(told.as_json(None)))["tools"]
    assert tools == [
        {"call_id": "c1", "name": "clock", "arguments": "{}", "status": "ok", "output": "18:05", "took_ms": 20.0},
        {"call_id": "c2", "name": "bell", "arguments": "{}", "status": "failed", "output": "No bell.", "took_ms": 3.2},
    ]
