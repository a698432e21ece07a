"""The LLM's part of a turn: prompt in, items of the reply out, as they come."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TypeAlias

from myna.core.errors import EngineRefused
from myna.core.ids import new_call_id
from myna.core.tools import ToolCall
from myna.engines.base import (
    LLM,
    Finished,
    LLMRequest,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
)
from myna.session.bounds import Limits, pieces
from myna.text.reply import ReplyItem, ReplyParser

Thought: TypeAlias = ReplyItem | ToolCall | Finished

MOST_CALLS = 64
"""In one reply."""


async def think(llm: LLM, request: LLMRequest, parser: ReplyParser, limits: Limits) -> AsyncGenerator[Thought]:
    """Stream the reply to ``request``, taken apart by a fresh ``parser`` into emotions, display text and segments.

    The tools that it calls come when the LLM has ended, and last of all how it ended.

    Raises:
        EngineError: The LLM failed, or did not answer within ``limits``.
    """
    what = f"The LLM {llm.info.model}"
    stream = pieces(
        llm.generate(request),
        first_s=limits.first_token_s,
        idle_s=limits.idle_s,
        total_s=limits.reply_s,
        what=what,
    )
    finished: Finished | None = None
    calls = _Calls(what, offered=bool(request.tools))
    async with aclosing(stream):
        async for delta in stream:
            match delta:
                case TextDelta(text):
                    for item in parser.feed(text):
                        yield item
                case ToolCallDelta():
                    calls.feed(delta)
                case Finished():
                    finished = delta
                case ReasoningDelta():
                    pass
    for item in parser.finish():
        yield item
    for call in calls.whole():
        yield call
    if finished is not None:
        yield finished


async def recite(text: str, parser: ReplyParser) -> AsyncGenerator[Thought]:
    """A reply that is known already, taken apart as `think` does it."""
    for item in (*parser.feed(text), *parser.finish()):
        yield item
    yield Finished("stop")


@dataclass(slots=True)
class _Calls:
    """The calls of tools that a server reports, piece by piece."""

    what: str
    offered: bool
    _begun: dict[int, ToolCall] = field(default_factory=dict[int, ToolCall])

    def feed(self, delta: ToolCallDelta) -> None:
        if not self.offered:
            raise EngineRefused(f"{self.what} called a tool, and it was offered none.")
        call = self._begun.get(delta.index)
        if call is None:
            if len(self._begun) >= MOST_CALLS:
                raise EngineRefused(f"{self.what} called more than {MOST_CALLS} tools at a time.")
            call = ToolCall(delta.id or new_call_id(), "", "")
        self._begun[delta.index] = ToolCall(call.id, call.name or delta.name or "", call.arguments + delta.arguments)

    def whole(self) -> list[ToolCall]:
        return [self._begun[index] for index in sorted(self._begun)]
