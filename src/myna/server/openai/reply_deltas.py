"""The events of a reply as deltas of a chat completion. No I/O."""

from collections.abc import Iterator
from dataclasses import dataclass

from myna.core.events import EmotionChanged, Event, ReplyEnded, ReplyText, ToolCalled, ToolEnded, ToolStarted
from myna.engines.base import Finished, Usage
from myna.server.openai.chat_answer import Delta


@dataclass(slots=True)
class ReplyDeltas:
    """Takes the events of one reply in order."""

    _emotion: str | None = None
    _calls: int = 0
    _ended: ReplyEnded | None = None

    def feed(self, event: Event) -> Iterator[Delta]:
        """What an event adds to the message. An emotion comes with the text that begins to have it."""
        match event:
            case EmotionChanged(emotion=emotion):
                self._emotion = emotion
            case ReplyText(text=text):
                yield {"content": text, **self._changed()}
            case ToolCalled(call=call):
                function = {"name": call.name, "arguments": call.arguments}
                yield {"tool_calls": [{"index": self._calls, "id": call.id, "type": "function", "function": function}]}
                self._calls += 1
            case ToolStarted(call=call):
                yield {"myna": {"tool": {"call_id": call.id, "name": call.name, "arguments": call.arguments}}}
            case ToolEnded(call_id=call_id, name=name, result=result, took_ms=took_ms):
                ended = {"status": result.status, "output": result.output, "took_ms": round(took_ms, 1)}
                yield {"myna": {"tool": {"call_id": call_id, "name": name, **ended}}}
            case ReplyEnded():
                self._ended = event
            case _:
                pass

    def rest(self) -> Iterator[Delta]:
        """What was held back."""
        if changed := self._changed():
            yield changed

    def finished(self) -> Finished:
        """How the reply has ended."""
        ended = self._ended
        reason = "length" if ended and not ended.complete else "tool_calls" if self._calls else "stop"
        if ended is None or ended.prompt_tokens is None or ended.completion_tokens is None:
            return Finished(reason)
        return Finished(reason, Usage(ended.prompt_tokens, ended.completion_tokens, ended.cached_tokens))

    def _changed(self) -> Delta:
        emotion, self._emotion = self._emotion, None
        return {"myna": {"emotion": emotion}} if emotion else {}
