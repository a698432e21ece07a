"""The LLM's part of a turn: prompt in, items of the reply out, as they come."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from myna.core.errors import EngineRefused
from myna.engines.base import LLM, Finished, LLMRequest, ReasoningDelta, TextDelta, ToolCallDelta
from myna.session.bounds import Limits, pieces
from myna.text.reply import ReplyItem, ReplyParser


async def think(
    llm: LLM, request: LLMRequest, parser: ReplyParser, limits: Limits
) -> AsyncGenerator[ReplyItem | Finished]:
    """Stream the reply to ``request``, taken apart by a fresh ``parser`` into emotions, display text and segments.

    How it ended comes last.

    Raises:
        EngineError: The LLM failed, or did not answer within ``limits``.
    """
    stream = pieces(
        llm.generate(request),
        first_s=limits.first_token_s,
        idle_s=limits.idle_s,
        total_s=limits.reply_s,
        what=f"The LLM {llm.info.model}",
    )
    finished: Finished | None = None
    async with aclosing(stream):
        async for delta in stream:
            match delta:
                case TextDelta(text):
                    for item in parser.feed(text):
                        yield item
                case Finished():
                    finished = delta
                case ReasoningDelta():
                    pass
                case ToolCallDelta():
                    raise EngineRefused(f"The LLM {llm.info.model} called a tool, and it was offered none.")
    for item in parser.finish():
        yield item
    if finished is not None:
        yield finished
