"""The answer of the LLM as it is to a chat completion."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from myna.core.errors import EngineRefused
from myna.engines.base import LLM, FailedOver, Finished, LLMRequest, Loading, ToolCallDelta
from myna.server.openai.chat_answer import Delta, as_delta
from myna.session.bounds import Limits
from myna.session.think import deltas_of


async def llm_answer(llm: LLM, request: LLMRequest, limits: Limits) -> AsyncGenerator[Delta | Finished]:
    """What the LLM adds to its message, piece by piece, and at last how it ended.

    Raises:
        EngineError: It failed, called a tool though it was offered none, or did not answer within ``limits``.
    """
    async with aclosing(deltas_of(llm, request, limits)) as deltas:
        async for piece in deltas:
            if isinstance(piece, Finished):
                yield piece
                return
            if isinstance(piece, ToolCallDelta) and (not request.tools or request.tool_choice == "none"):
                raise EngineRefused(f"The LLM {llm.info.model} called a tool, and it was offered none.")
            if not isinstance(piece, Loading | FailedOver):  # OpenAI's format has no place for them
                yield as_delta(piece)
    raise EngineRefused(f"The LLM {llm.info.model} ended without saying so.")
