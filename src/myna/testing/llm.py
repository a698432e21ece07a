"""A scripted LLM."""

import math
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal, TypeAlias

import anyio

from myna.core.errors import MynaError
from myna.engines.base import Finished, LLMDelta, LLMInfo, LLMMessage, LLMRequest, TextDelta, Usage
from myna.engines.llm.chat_completions import Reason
from myna.engines.llm.token_estimate import estimate_tokens


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing comes for so long."""

    seconds: float

    async def wait(self) -> None:
        """Until it is over, by the event loop's clock."""
        await (anyio.sleep_forever() if self.seconds == math.inf else anyio.sleep(self.seconds))


HANG = Pause(math.inf)
"""Nothing comes any more."""

Step: TypeAlias = str | LLMDelta | Pause | MynaError
"""What a scripted reply does next: a piece of text, any other delta, nothing for a while, or fail."""


@dataclass(slots=True)
class ScriptedCall:
    """A request that came, and how its stream ended: None while it runs, ``closed`` if it was given up early."""

    request: LLMRequest
    ended: Literal["finished", "failed", "closed"] | None = None


class ScriptedLLM:
    """Answers as it was told: each request with the next reply, and with the last one from then on.

    A piece counts as a token. ``max_tokens`` and ``stop`` are obeyed, and what a reply lacks in the end (`Finished`) is
    added. Waits by the event loop's clock, so a virtual clock makes them short.

    ::

        llm = ScriptedLLM("[开心] 你好！", ["One, ", Pause(2), "two.", HANG])

    Attributes:
        calls: What was asked, in order.
    """

    def __init__(self, *replies: str | Sequence[Step]) -> None:
        self._replies = [[reply] if isinstance(reply, str) else list(reply) for reply in replies] or [[]]
        self.calls: list[ScriptedCall] = []

    @property
    def info(self) -> LLMInfo:
        """A model of that name, with tools and without a limit."""
        return LLMInfo(model="scripted", context_tokens=None, native_tools=True, output_schema=False)

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        """Play the next reply."""
        script = self._replies[min(len(self.calls), len(self._replies) - 1)]
        call = ScriptedCall(request)
        self.calls.append(call)
        try:
            async with aclosing(_play(script, request)) as deltas:
                async for delta in deltas:
                    yield delta
            call.ended = "finished"
        except MynaError:
            call.ended = "failed"
            raise
        finally:
            call.ended = call.ended or "closed"

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        """An estimate."""
        return estimate_tokens(messages)


async def _play(script: Sequence[Step], request: LLMRequest) -> AsyncGenerator[LLMDelta]:
    text = "".join(step for step in script if isinstance(step, str))
    stops = [at for stop in request.sampling.stop if (at := text.find(stop)) >= 0]
    left = min(stops, default=len(text))
    tokens = 0
    reason: Reason = "stop"
    for step in script:
        match step:
            case str():
                if tokens == request.sampling.max_tokens:
                    reason = "length"
                    break
                if piece := step[:left]:
                    yield TextDelta(piece)
                left -= len(piece)
                tokens += 1
            case Pause():
                await step.wait()
            case MynaError():
                raise step
            case Finished():
                yield step
                return
            case _:
                yield step
    yield Finished(reason, Usage(estimate_tokens(request.messages), tokens))
