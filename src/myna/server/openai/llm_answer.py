"""The answer of the LLM as it is to a chat completion."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from myna.core.errors import EngineRefused
from myna.engines.base import LLM, Finished, LLMRequest, ToolCallDelta
from myna.server.openai.chat_answer import Delta, as_delta
from myna.session.bounds import Limits, pieces


async def llm_answer(llm: LLM, request: LLMRequest, limits: Limits) -> AsyncGenerator[Delta | Finished]:
    """What the LLM adds to its message, piece by piece, and at last how it ended.

    Raises:
        EngineError: It failed, called a tool though it was offered none, or did not answer within ``limits``.
    """
    stream = pieces(
        llm.generate(request),
        first_s=limits.first_token_s,
        idle_s=limits.idle_s,
        total_s=limits.reply_s,
        what=f"The LLM {llm.info.model}",
    )
    async with aclosing(stream):
        async for piece in stream:
            if isinstance(piece, Finished):
                yield piece
                return
            if isinstance(piece, ToolCallDelta) and not request.tools:
                raise EngineRefused(f"The LLM {llm.info.model} called a tool, and it was offered none.")
            yield as_delta(piece)
    raise EngineRefused(f"The LLM {llm.info.model} ended without saying so.")
