"""A reply as it is read: steps go in, the pieces that are to be shown come out, and in the end what came of it all."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from myna.core.emotion import Emotions
from myna.core.ids import new_message_id, new_turn_id
from myna.core.messages import Message, ToolCallMessage, ToolResultMessage
from myna.core.tool_runs import Run, ToolRuns
from myna.core.tools import ToolCall, ToolResult
from myna.engines.base import FailedOver, Finished, Loading, ReasoningDelta, TextDelta, Usage
from myna.library.messages import answered
from myna.library.reply import Finish, Reply, Timings, ToolRun
from myna.text.reply import Display, ReplyItem, ReplyParser
from myna.text.thinking import Thinking
from myna.tools.base import CallEnded, CallStarted, RoundEnded, Step


class _Shown(Protocol):
    """What of a round's text is shown, and what goes back to the model as history."""

    raw: str

    def feed(self, piece: str) -> str: ...

    def finish(self) -> str: ...


@dataclass(slots=True)
class _Plain:
    """All but thinking."""

    raw: str = ""
    _thinking: Thinking = field(default_factory=Thinking)

    def feed(self, piece: str) -> str:
        shown = self._thinking.feed(piece)
        self.raw += shown
        return shown

    def finish(self) -> str:
        shown = self._thinking.finish()
        self.raw += shown
        return shown


@dataclass(slots=True)
class _OfPersona:
    """All but thinking and emotion tags."""

    _parser: ReplyParser
    raw: str = ""

    def feed(self, piece: str) -> str:
        return self._display(self._parser.feed(piece))

    def finish(self) -> str:
        shown = self._display(self._parser.finish())
        self.raw = self._parser.raw
        return shown

    def _display(self, items: Sequence[ReplyItem]) -> str:
        return "".join(item.text for item in items if isinstance(item, Display))


class Recording:
    """Reads a reply.

    Args:
        emotions: What it may show, where it is a persona's; its tags are taken out.
    """

    def __init__(self, emotions: Emotions | None = None) -> None:
        self._emotions = emotions
        self._turn_id = new_turn_id()
        self._round = self._new_round()
        self._open = False  # whether the round has text
        self._pieces: list[str] = []
        self._messages: list[Message] = []
        self._runs = ToolRuns()
        self._of_round: list[Run] = []
        self._usage: Usage | None = None
        self._finish: Finish = "closed"

    def take(self, step: Step) -> str:
        """What of this step is to be shown; may be empty."""
        shown = ""
        match step:
            case TextDelta(text):
                shown = self._show(self._round.feed(text))
            case CallStarted(call=call):
                self._of_round.append(self._runs.start(call))
            case CallEnded(call=call, result=result, took_ms=took_ms):
                self._runs.end(call.id, result, took_ms)
            case RoundEnded():
                shown = self._end_round()
            case Finished(reason, usage):
                self._finish, self._usage = reason, usage
                shown = self._end_round()
            case ToolCall():
                self._runs.start(step)
            case ReasoningDelta() | Loading() | FailedOver():
                pass
        return shown

    def finish(self) -> None:
        """Nothing follows; a reply that was closed early keeps what was read of it."""
        self._end_round()

    @property
    def messages(self) -> Sequence[Message]:
        """What it adds to the conversation: texts, calls, and results."""
        return self._messages

    def reply(self, timings: Timings) -> Reply:
        """What came of it."""
        return Reply("".join(self._pieces), tuple(map(ran, self._runs)), self._usage, timings, self._finish)

    def _new_round(self) -> _Shown:
        return _Plain() if self._emotions is None else _OfPersona(ReplyParser(self._emotions))

    def _show(self, text: str) -> str:
        if not text:
            return ""
        if not self._open and self._pieces and not self._pieces[-1][-1].isspace():
            text = f"\n{text}"  # what is said after a tool has run is a new paragraph
        self._open = True
        self._pieces.append(text)
        return text

    def _end_round(self) -> str:
        shown = self._show(self._round.finish())
        if self._round.raw:
            self._messages.append(answered(self._round.raw, self._turn_id))
        runs = self._of_round
        self._messages += [ToolCallMessage(new_message_id(), self._turn_id, run.call) for run in runs]
        self._messages += [
            ToolResultMessage(
                new_message_id(),
                self._turn_id,
                run.call.id,
                ran(run).result or "(no result)",
                failed=run.result is None or run.result.failed,
            )
            for run in runs
        ]
        self._round, self._open, self._of_round = self._new_round(), False, []
        return shown


def ran(run: Run) -> ToolRun:
    """A call, as programs are told of it."""
    result = run.result or ToolResult("", "cancelled")
    return ToolRun(run.call.name, _parsed(run.call.arguments), result.output, result.status, run.took_ms)


def _parsed(arguments: str) -> dict[str, Any] | str:
    """The arguments of a call as an object; as they are if they are none."""
    try:
        value = json.loads(arguments)
    except ValueError:
        return arguments
    return cast(dict[str, Any], value) if isinstance(value, dict) else arguments
