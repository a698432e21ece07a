"""The calls of an answer that is made under schemas, as far as they have been made. No I/O."""

from dataclasses import dataclass, field

from myna.core.ids import new_call_id
from myna.engines.base import Finished, ToolCallDelta, Usage


@dataclass(slots=True)
class MadeCalls:
    """The calls, and what the model writes for the next one.

    Attributes:
        limit: The longest answer to a question, in tokens.
        text: What the model wrote last.
        cut_off: Whether that had not ended.
    """

    limit: int
    calls: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    usage: Usage | None = None
    text: str = ""
    cut_off: bool = False

    def take(self, call: tuple[str, str]) -> ToolCallDelta:
        """A call is made: its name, and its arguments as a JSON text."""
        self.calls.append(call)
        return ToolCallDelta(len(self.calls) - 1, new_call_id(), *call)

    @property
    def finished(self) -> Finished:
        """How the answer ends."""
        return Finished("length" if self.cut_off else "tool_calls" if self.calls else "stop", self.usage)
