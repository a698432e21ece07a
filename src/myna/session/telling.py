"""Telling a reply as it comes: what is thought out goes to the client, and segments of it to the voice."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import assert_never

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectSendStream

from myna.core.events import EmotionChanged, EngineFailedOver, ModelLoads, SegmentReady
from myna.core.reply import Segment
from myna.core.tools import ToolCall
from myna.engines.base import FailedOver, Finished, Loading, ReasoningDelta, TextDelta
from myna.session.turn import Turn
from myna.text.reply import Display, EmotionChange, ReplyItem
from myna.tools.base import CallEnded, CallStarted, RoundEnded, Step, Toolset


@dataclass(slots=True)
class Telling:
    """Takes the steps of a reply, one at a time.

    Attributes:
        segments: Where the voice takes them; None: nothing is spoken.
        jobs: Outlives the reply.
        tools: Those whose calls are told.
        acknowledgement: Is said when a tool takes longer than ``acknowledge_after_s`` and nothing was said before.
    """

    turn: Turn
    segments: MemoryObjectSendStream[Segment] | None
    jobs: TaskGroup
    tools: Toolset
    acknowledgement: str
    acknowledge_after_s: float
    _recites: bool = False
    _passed_over: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    _running: int = 0
    _patience: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    _one_at_a_time: anyio.Lock = field(default_factory=anyio.Lock)

    async def tell(self, step: Step) -> None:
        """Tell a step."""
        async with self._one_at_a_time:
            match step:
                case TextDelta(text):
                    await self._show(self.turn.parser.feed(text))
                case CallStarted(call, asks):
                    await self._pause()
                    await self.turn.start_call(call, self.tools.masked(call), asks=asks)
                    self._wait_for_tool(asks=asks and self.turn.preferences.allows_tools)
                case CallEnded(call, result, took_ms):
                    await self.turn.end_call(call, result, took_ms)
                    self._running -= 1
                    if not self._running:
                        self._patience.cancel()
                case ToolCall():
                    await self._pause()
                    await self.turn.call(step)
                case RoundEnded():
                    await self._pause()
                case Finished():
                    self.turn.finished = step
                case ReasoningDelta() | Loading() | FailedOver():
                    await self._tell_besides(step)
                case _:
                    assert_never(step)

    async def _tell_besides(self, step: ReasoningDelta | Loading | FailedOver) -> None:
        match step:
            case ReasoningDelta():
                pass
            case Loading(what):
                await self.turn.emit(ModelLoads(self.turn.id, what))
            case FailedOver(engine, problem, answers):
                if (engine, answers) not in self._passed_over:  # it may be passed over again in each round
                    self._passed_over.add((engine, answers))
                    failed_over = EngineFailedOver(self.turn.id, engine, problem.code, problem.message, answers)
                    await self.turn.emit(failed_over)
            case _:
                assert_never(step)

    async def say(self, text: str) -> None:
        """Tell a reply that is known already, so that no token is waited for."""
        self._recites = True
        await self.tell(TextDelta(text))
        await self.tell(Finished("stop"))

    async def ask(self, question: str, *, unless_asked: bool) -> None:
        """Put ``question`` if the reply does not end with it; ``unless_asked``: nor with any other."""
        async with self._one_at_a_time:
            await self._pause()
            said = self.turn.display.rstrip()
            if not said.endswith((question, *(("?", "？") if unless_asked else ()))):
                await self._show(self.turn.parser.feed(f"\n{question}" if said else question))

    async def end(self) -> None:
        """Nothing follows: tell what was held back. Whatever ended the reply, it is told to its end."""
        self._patience.cancel()
        async with self._one_at_a_time:
            await self._show(self.turn.parser.finish())

    def _wait_for_tool(self, *, asks: bool) -> None:
        self._running += 1
        if self._running == 1 and self.acknowledgement and not asks and not self.turn.display:
            self._patience = anyio.CancelScope()
            self.jobs.start_soon(self._acknowledge, self._patience)

    async def _acknowledge(self, patience: anyio.CancelScope) -> None:
        """Say that it takes a while, unless it is over before."""
        with patience:
            await anyio.sleep(self.acknowledge_after_s)
            async with self._one_at_a_time:
                await self._show(self.turn.parser.interpose(self.acknowledgement))

    async def _pause(self) -> None:
        await self._show(self.turn.parser.pause())

    async def _show(self, items: Sequence[ReplyItem]) -> None:
        for item in items:
            if not self._recites:
                await self.turn.reach("first_token")
            match item:
                case EmotionChange(emotion):
                    await self.turn.emit(EmotionChanged(self.turn.id, emotion))
                case Display(piece):
                    await self.turn.show(piece)
                case Segment():
                    await self.turn.emit(SegmentReady(self.turn.id, item))
                    await self.turn.reach("first_segment")
                    if self.segments is not None:
                        await self.segments.send(item)
                case _:
                    assert_never(item)
