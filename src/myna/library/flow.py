"""A reply on its way: made in the library's event loop, read in a thread or in another loop."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

import anyio

from myna.core.errors import BadInput, Closed
from myna.engines.base import TextDelta
from myna.engines.task_group import open_task_group
from myna.library.event_loop import EventLoop, Exits
from myna.library.recording import Recording
from myna.library.reply import Reply, Timings
from myna.tools.base import Step

BUFFERED = 1024
"""Steps that wait to be read before the model has to wait: a reply that is read late is whole all the same."""

CLOSE_S = 2.0
"""How long closing waits until the model has let go."""

Tell: TypeAlias = Callable[[Step], Awaitable[None]]


@dataclass(slots=True)
class Clock:
    """When what happened, in seconds of ``time.perf_counter``."""

    asked: float = field(default_factory=time.perf_counter)
    ready: float | None = None
    first_text: float | None = None
    ended: float | None = None

    def timings(self) -> Timings:
        """As milliseconds since it was asked."""
        ended = self.ended or time.perf_counter()
        return Timings(self._since(self.ready), self._since(self.first_text), (ended - self.asked) * 1000)

    def _since(self, at: float | None) -> float | None:
        return None if at is None else (at - self.asked) * 1000


Making: TypeAlias = Callable[[Tell, Clock], Awaitable[None]]
"""Makes a reply: tells its steps, and notes when the model was ready."""


class Channel:
    """Carries steps out of the loop. Its methods are for the loop; one reader at a time.

    Its events are asyncio's, as the loop is: anyio's would be those of the loop that makes them.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.error: BaseException | None = None
        self._steps = deque[Step]()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._over = asyncio.Event()

    async def make(self, making: Making) -> None:
        """Make the reply; `take` gives what is told meanwhile."""
        try:
            async with open_task_group():  # a single error out of a strategy's own groups comes as itself
                await making(self._put, self.clock)
        except BaseException as error:
            self.error = error  # for the one who reads
            raise
        finally:
            self.clock.ended = time.perf_counter()
            self._over.set()
            self._news.set()

    async def take(self) -> list[Step]:
        """What has been told since: at least one step, but none when all was taken and no more will come."""
        while not self._steps and not self._over.is_set():
            self._news = asyncio.Event()
            await self._news.wait()
        taken = list(self._steps)
        self._steps.clear()
        self._room.set()
        return taken

    async def over(self) -> None:
        """Wait until the model has let go, but not for long."""
        with anyio.move_on_after(CLOSE_S):
            await self._over.wait()

    async def _put(self, step: Step) -> None:
        while len(self._steps) >= BUFFERED:
            self._room = asyncio.Event()
            await self._room.wait()
        if isinstance(step, TextDelta) and self.clock.first_text is None:
            self.clock.first_text = time.perf_counter()
        self._steps.append(step)
        self._news.set()


class Flow:
    """A reply that is being made, and what was read of it. For one reader.

    Args:
        loop: Where it is made, from now on.
        making: Makes it.
        recording: Reads it.
        ended: Is called once when nothing more will be read.
    """

    def __init__(
        self, loop: EventLoop, making: Making, recording: Recording, ended: Callable[[Recording], None] | None = None
    ) -> None:
        self.loop = loop
        self.channel = channel = Channel()
        self.waiting = deque[Step]()
        self.is_over = False
        self._recording = recording
        self._when_ended = ended
        self._made: Future[None] = loop.start(lambda: channel.make(making))

    def read(self, step: Step) -> str:
        """What is to be shown of a step."""
        return self._recording.take(step)

    def end(self) -> None:
        """All was read.

        Raises:
            BaseException: The reply failed; this is why.
        """
        self._finish()
        match self.channel.error:
            case None:
                pass
            case Exits(why=why):
                raise why.with_traceback(None)
            case Exception() as error:
                raise error.with_traceback(None)
            case _:
                raise Closed("The reply was cancelled, as the process ends.")

    def cancel(self) -> None:
        """Have the model stop; waits for nothing."""
        self._finish()
        if not self._made.done():
            with suppress(RuntimeError):  # its loop has ended
                self._made.cancel()

    def reply(self) -> Reply:
        """What came of it.

        Raises:
            BadInput: It has not ended.
        """
        if not self.is_over:
            raise BadInput("The reply has not ended yet.", hint="Read the stream to its end, or close it.")
        return self._recording.reply(self.channel.clock.timings())

    def _finish(self) -> None:
        if not self.is_over:
            self.is_over = True
            self._recording.finish()
            if self._when_ended is not None:
                self._when_ended(self._recording)
