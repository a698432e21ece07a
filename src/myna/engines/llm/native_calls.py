"""Calls as the model's server reports them, and as the model writes them into its text, made one. No I/O."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from myna.core.ids import new_call_id
from myna.core.tools import ToolSpec
from myna.engines.base import FailedOver, Finished, LLMDelta, Loading, ReasoningDelta, TextDelta, ToolCallDelta
from myna.engines.llm.chat_completions import Reason
from myna.text.tool_calls import BrokenCall, FoundCall, ToolCallFilter

ALIVE = TextDelta("")
"""A sign of life: the model is writing, and what it writes is told later."""
BEGUN = "{"
"""Arguments that began and did not end. None at all, "", would be those of a tool without parameters."""


@dataclass(slots=True)
class _Call:
    id: str
    name: str
    arguments: str


class NativeCalls:
    """Takes the deltas of one reply in order; gives each call in one piece, and text without markup of calls.

    The arguments of a call that was cut off or is malformed are no valid JSON, and never empty: nobody can run it.

    Args:
        tools: Those that there are.
        most: How many calls are given, all if None; the rest is left out.

    Attributes:
        reason: How the reply ended, once it has.
    """

    def __init__(self, tools: Sequence[ToolSpec], *, most: int | None = None) -> None:
        self.reason: Reason | None = None
        self._most = most
        self._filter = ToolCallFilter({tool.name: tool.parameters for tool in tools})
        self._only = tools[0].name if len(tools) == 1 else ""
        self._reported: dict[int, _Call] = {}
        self._written: list[_Call] = []

    def feed(self, delta: LLMDelta) -> Sequence[LLMDelta]:
        """What the delta adds to the reply, at least a `TextDelta` of no text; after a `Finished` nothing may follow.

        A call is told at the end, and takes long to write: who waits for the reply has to see that it goes on.
        """
        match delta:
            case TextDelta(text):
                return list(self._shown(self._filter.feed(text))) or [ALIVE]
            case ReasoningDelta() | Loading() | FailedOver():
                return [delta]
            case ToolCallDelta():
                self._join(delta)
                return [ALIVE]
            case Finished():
                return [*self._shown(self._filter.finish()), *self._end(delta)]

    def _shown(self, found: Iterable[str | FoundCall | BrokenCall]) -> Iterator[TextDelta]:
        for each in found:
            match each:
                case str():
                    yield TextDelta(each)
                case FoundCall(name, arguments):
                    self._written.append(_Call(new_call_id(), name, arguments))
                case BrokenCall(name, arguments):  # given too: whoever runs it tells the model what is wrong
                    self._written.append(_Call(new_call_id(), name or self._only, _broken(arguments)))

    def _join(self, delta: ToolCallDelta) -> None:
        call = self._reported.setdefault(delta.index, _Call(delta.id or new_call_id(), "", ""))
        call.name = call.name or delta.name or ""
        call.arguments += delta.arguments

    def _end(self, finished: Finished) -> Iterator[LLMDelta]:
        ended = finished.reason in {"stop", "tool_calls"}
        reported = [call for _, call in sorted(self._reported.items())]
        for call in reported:
            if not call.arguments.strip():  # servers write so of a tool without parameters, if they came to the end
                call.arguments = "{}" if ended else BEGUN
        calls = [*reported, *self._written]
        if not ended:
            calls = [call for call in calls if call.name]  # of one that was cut off before its name there is nothing
        calls = calls[: self._most]
        for index, call in enumerate(calls):
            yield ToolCallDelta(index, call.id, call.name, call.arguments)
        reason: Reason = finished.reason
        if ended:
            reason = "tool_calls" if calls else "stop"
        self.reason = reason
        yield Finished(reason, finished.usage)


def _broken(arguments: str) -> str:
    """Arguments of a broken call as they are, but no valid JSON."""
    if not arguments.strip():
        return BEGUN
    try:
        json.loads(arguments)
    except (ValueError, RecursionError):
        return arguments
    return BEGUN + arguments
