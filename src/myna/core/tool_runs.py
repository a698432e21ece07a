"""The tools that run for a reply, joined from what is told when each starts and ends."""

from collections.abc import Iterator
from dataclasses import dataclass

from myna.core.tools import ToolCall, ToolResult


@dataclass(slots=True)
class Run:
    """One call, and what came of it: ``result`` is None until it has ended. ``took_ms`` is how long it ran."""

    call: ToolCall
    result: ToolResult | None = None
    took_ms: float = 0.0


class ToolRuns:
    """The calls of one reply, in the order in which they started."""

    def __init__(self) -> None:
        self._runs: list[Run] = []

    def __iter__(self) -> Iterator[Run]:
        return iter(self._runs)

    def start(self, call: ToolCall) -> Run:
        """It runs from now on."""
        self._runs.append(Run(call))
        return self._runs[-1]

    def end(self, call_id: str, result: ToolResult, took_ms: float) -> None:
        """What came of the call that started last with this id: each step of a plan may count from the first anew."""
        for run in reversed(self._runs):
            if run.call.id == call_id:
                run.result, run.took_ms = result, took_ms
                return
