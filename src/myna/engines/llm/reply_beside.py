"""A reply that begins while it is not known yet whether tools are called instead."""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field

import anyio

from myna.core.errors import MynaError
from myna.engines.base import LLMDelta, Loading


@dataclass(slots=True)
class ReplyBeside:
    """A reply that is made while the model chooses, and what it chose.

    Attributes:
        held: What of the reply has come.
        problem: Why it failed.
        needs_tools: What was chosen; None until it has been.
        loading: What the reply waits for: then it is not held, since that has to be told.
    """

    held: list[LLMDelta] = field(default_factory=list[LLMDelta])
    problem: MynaError | None = None
    needs_tools: bool | None = None
    loading: Loading | None = None
    _over: bool = False
    _holding: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    @property
    def decided(self) -> bool:
        """Whether it is known what to do."""
        return self.needs_tools is not None

    async def hold(self, reply: AsyncGenerator[LLMDelta]) -> None:
        """Take the reply until the choice is known; then at least until its next piece, which it is busy with.

        Or until it waits for a model.
        """
        self._holding = anyio.CancelScope()
        with self._holding:
            while self.needs_tools is None and self.loading is None and not self._over:
                await self._take(reply)

    async def until_loaded(self, reply: AsyncGenerator[LLMDelta]) -> None:
        """Take what comes when the model is there; it may be that something else is loaded."""
        self.loading = None
        await self._take(reply)

    async def _take(self, reply: AsyncGenerator[LLMDelta]) -> None:
        try:
            delta = await anext(reply)
        except StopAsyncIteration:
            self._over = True
        except MynaError as error:
            self.problem, self._over = error, True
        else:
            if isinstance(delta, Loading):
                self.loading = delta
            else:
                self.held.append(delta)

    def told(self) -> Iterator[LLMDelta]:
        """What of the reply has come by then.

        Raises:
            EngineError: The reply failed; of no matter if tools are called.
        """
        yield from self.held
        if self.problem:
            raise self.problem

    def decide(self, *, needs_tools: bool) -> None:
        """It has been chosen; if tools are needed, nobody needs the reply."""
        self.needs_tools = needs_tools
        if needs_tools:
            self._holding.cancel()
