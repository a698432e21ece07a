"""Reading prompts before anybody asks, without anybody waiting for it."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeAlias

import anyio

from myna.core.errors import MynaError
from myna.core.tools import ToolSpec
from myna.engines.base import LLMMessage, LLMRequest

LONGEST_S = 60.0
"""After this, with the time that it gave way, nobody reads on."""

Copy: TypeAlias = Callable[[], Awaitable[None]]
"""Reads the prompt into one place of the KV cache; raises a `MynaError` if it cannot."""


@dataclass(slots=True, eq=False)
class _Reading:
    beginning: tuple[LLMMessage, ...]
    tools: tuple[ToolSpec, ...]
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    attempt: anyio.CancelScope | None = None
    copied: anyio.Event = field(default_factory=anyio.Event)

    def is_beginning_of(self, request: LLMRequest) -> bool:
        return request.tools == self.tools and request.messages[: len(self.beginning)] == self.beginning


class ReadAhead:
    """Reads prompts ahead of time, one after the other, while no request is being answered.

    A request with the same beginning lets a reading that has begun come to its end: it would have to read that itself,
    and finds it done. Any other has the reading stopped and does not wait.
    """

    def __init__(self) -> None:
        self._readings: list[_Reading] = []
        self._one_at_a_time = anyio.Lock()
        self._requests = 0
        self._quiet = anyio.Event()

    @asynccontextmanager
    async def way_for(self, request: LLMRequest) -> AsyncGenerator[None]:
        """Within it a request is answered: nothing is read beside it."""
        self._requests += 1
        try:
            for reading in tuple(self._readings):
                if reading.is_beginning_of(request):
                    if reading.attempt:
                        await reading.copied.wait()
                    reading.scope.cancel()
                elif reading.attempt:
                    reading.attempt.cancel()
            yield
        finally:
            self._requests -= 1
            if not self._requests:
                self._quiet.set()
                self._quiet = anyio.Event()

    async def read(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec], copies: Sequence[Copy], *, resume: bool
    ) -> None:
        """Make the copies of a prompt. Ends when they are made, or are of no use any more; never fails.

        One that begins as another that is being read, or waits for it, is left to that.

        Args:
            messages: The prompt; the last of them may be another one in the request.
            tools: Those of the request.
            copies: What makes them.
            resume: Begin once more when the request that stopped it has been answered.
        """
        reading = _Reading(tuple(messages[:-1]), tuple(tools))
        if any((each.beginning, each.tools) == (reading.beginning, reading.tools) for each in self._readings):
            return
        self._readings.append(reading)
        try:
            with anyio.move_on_after(LONGEST_S), reading.scope:
                async with self._one_at_a_time:
                    while not await self._try(reading, copies) and resume:
                        pass
        finally:
            self._readings.remove(reading)

    async def _try(self, reading: _Reading, copies: Sequence[Copy]) -> bool:
        """Whether all was read that can be; else a request came."""
        while self._requests:
            await self._quiet.wait()
        reading.copied = anyio.Event()
        try:
            with anyio.CancelScope() as reading.attempt, suppress(MynaError):
                for copy in copies:
                    await copy()
                    reading.copied.set()
            return not reading.attempt.cancelled_caught
        finally:
            reading.attempt = None
            reading.copied.set()
