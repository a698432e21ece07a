"""A reply that begins while it is not known yet whether tools are called instead."""

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field

import anyio

from myna.core.errors import MynaError
from myna.engines.base import LLMDelta


@dataclass(slots=True)
class ReplyBeside:
    """A reply that is made while the model chooses, and what it chose.

    Attributes:
        held: What of the reply has come.
        problem: Why it failed.
        needs_tools: What was chosen; None until it has been.
    """

    held: list[LLMDelta] = field(default_factory=list[LLMDelta])
    problem: MynaError | None = None
    needs_tools: bool | None = None
    _holding: anyio.CancelScope = field(default_factory=anyio.CancelScope)

    async def hold(self, reply: AsyncGenerator[LLMDelta]) -> None:
        """Take the reply until the choice is known; then at least until its next piece, which it is busy with."""
        with self._holding:
            try:
                while self.needs_tools is None:
                    self.held.append(await anext(reply))
            except StopAsyncIteration:
                pass
            except MynaError as error:
                self.problem = error

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
