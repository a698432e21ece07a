"""Engines for the tests of the library, and what they are asked."""

import json
import re
from collections.abc import AsyncGenerator, Sequence

import anyio
import anyio.lowlevel

from myna.engines.base import Finished, LLMDelta, LLMInfo, LLMMessage, LLMRequest, TextDelta, ToolCallDelta, Usage


def call(name: str, arguments: object = None, *, index: int = 0, id_: str = "call_1") -> ToolCallDelta:
    """A call as a server reports it."""
    return ToolCallDelta(index, id_, name, arguments if isinstance(arguments, str) else json.dumps(arguments or {}))


CALLED = Finished("tool_calls", Usage(10, 5))


class Echo:
    """Answers each question with its own words, a few at a time, and calls ``stamp`` first if it may.

    Whoever sees another's word has got another's reply.
    """

    def __init__(self) -> None:
        self.running = 0
        self.most = 0

    @property
    def info(self) -> LLMInfo:
        return LLMInfo(model="echo", context_tokens=None, native_tools=True, output_schema=False)

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            (mark,) = re.findall(r"<(\w+)>", next(m.content for m in request.messages if m.role == "user"))
            answers = [message.content for message in request.messages if message.role == "tool"]
            if request.tools and not answers:
                yield call("stamp", {"mark": mark}, id_=f"call_{mark}")
                yield Finished("tool_calls", Usage(10, 5))
                return
            for word in (*(f"{mark}-{n} " for n in range(20)), *answers):
                await anyio.lowlevel.checkpoint()
                yield TextDelta(word)
            yield Finished("stop", Usage(10, 20))
        finally:
            self.running -= 1

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        return sum(len(message.content) for message in messages)
