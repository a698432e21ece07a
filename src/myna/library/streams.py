"""Streams of a reply's text, to be read in a thread or in an event loop."""

import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import TypeAlias

from myna.core.errors import Closed
from myna.library.flow import Flow
from myna.library.reply import Reply
from myna.tools.base import Step

Watch: TypeAlias = Callable[[Step], Awaitable[None] | None]
"""Is told each step of a reply, in the order and in the place in which it is read; an async one is waited for."""


async def _wait_for(told: Awaitable[None]) -> None:
    await told


class ReplyStream(Iterator[str]):
    """The text of a reply, piece by piece, as soon as it is known.

    To stop the model early, close the stream, leave its ``with``, or let go of it, as ``for … break`` does where
    nothing else holds it. For one reader.
    """

    def __init__(self, flow: Flow, watch: Watch | None = None) -> None:
        self._flow = flow
        self._watch = watch

    @property
    def reply(self) -> Reply:
        """What came of it: text, calls of tools, usage and timings.

        Raises:
            BadInput: It has not ended yet.
        """
        return self._flow.reply()

    def __iter__(self) -> "ReplyStream":
        return self

    def __next__(self) -> str:
        """The next piece, never empty.

        Raises:
            MynaError: The model failed, or something else went wrong; what was read before is valid.
        """
        flow = self._flow
        try:
            while not flow.is_over:
                while flow.waiting:
                    step = flow.waiting.popleft()
                    piece = flow.read(step)
                    if self._watch is not None and inspect.isawaitable(told := self._watch(step)):
                        flow.loop.run(partial(_wait_for, told))
                    if piece:
                        return piece
                flow.waiting.extend(flow.loop.run(flow.channel.take))
                if not flow.waiting:
                    flow.end()
        except BaseException:
            self.close()
            raise
        raise StopIteration

    def read(self) -> Reply:
        """Read it to its end."""
        for _ in self:
            pass
        return self.reply

    def close(self) -> None:
        """Stop the model; returns when it has, or when that takes too long. What was read before is kept."""
        flow = self._flow
        flow.cancel()
        if not flow.loop.is_here:
            with suppress(Closed):
                flow.loop.run(flow.channel.over)

    def __enter__(self) -> "ReplyStream":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if hasattr(self, "_flow"):
            self._flow.cancel()


class AsyncReplyStream(AsyncIterator[str]):
    """As `ReplyStream`, for ``async for``; works in any event loop."""

    def __init__(self, flow: Flow, watch: Watch | None = None) -> None:
        self._flow = flow
        self._watch = watch

    @property
    def reply(self) -> Reply:
        """See `ReplyStream.reply`."""
        return self._flow.reply()

    def __aiter__(self) -> "AsyncReplyStream":
        return self

    async def __anext__(self) -> str:
        """See `ReplyStream.__next__`."""
        flow = self._flow
        try:
            while not flow.is_over:
                while flow.waiting:
                    step = flow.waiting.popleft()
                    piece = flow.read(step)
                    if self._watch is not None and inspect.isawaitable(watching := self._watch(step)):
                        await watching
                    if piece:
                        return piece
                flow.waiting.extend(await flow.loop.join(flow.channel.take))
                if not flow.waiting:
                    flow.end()
        except BaseException:
            flow.cancel()
            raise
        raise StopAsyncIteration

    async def read(self) -> Reply:
        """Read it to its end."""
        async for _ in self:
            pass
        return self.reply

    async def aclose(self) -> None:
        """See `ReplyStream.close`."""
        flow = self._flow
        flow.cancel()
        with suppress(Closed):
            await flow.loop.join(flow.channel.over)

    async def __aenter__(self) -> "AsyncReplyStream":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if hasattr(self, "_flow"):
            self._flow.cancel()
