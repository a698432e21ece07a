"""The LLM's part of a turn: a request in, what it says out, within its time."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from myna.core.emotion import Emotions
from myna.core.errors import EngineRefused
from myna.engines.base import (
    LLM,
    FailedOver,
    Finished,
    LLMDelta,
    LLMRequest,
    Loading,
    ReasoningDelta,
    Sampling,
    TextDelta,
    ToolCallDelta,
)
from myna.session.bounds import Limits, pieces
from myna.text.reply import Display, ReplyParser

LIVELY = 0.9
"""The temperature at which a model that said nothing is asked again."""


async def think(llm: LLM, request: LLMRequest, emotions: Emotions, limits: Limits) -> AsyncGenerator[LLMDelta]:
    """Stream the answer to ``request``.

    When that is nothing, as of small models that write a tag and no more, the LLM is asked again.

    Raises:
        EngineError: The LLM failed, did not answer within ``limits``, or said nothing twice.
    """
    for sampling in (request.sampling, _livelier(request.sampling)):
        parser = ReplyParser(emotions)
        held: list[LLMDelta] | None = []  # until there is something to see
        async with aclosing(deltas_of(llm, replace(request, sampling=sampling), limits)) as deltas:
            async for delta in deltas:
                if held is None or isinstance(delta, Loading | FailedOver):
                    yield delta
                    continue
                held.append(delta)
                if _says(delta, parser):
                    for one in held:
                        yield one
                    held = None
        if held is None:
            return
    raise EngineRefused(f"The LLM {llm.info.model} said nothing.", hint="Say it again, or use a larger model.")


async def deltas_of(llm: LLM, request: LLMRequest, limits: Limits) -> AsyncGenerator[LLMDelta]:
    """Stream what ``llm`` answers, within its time. Texts that are empty count as signs of life and are left out.

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
    async with aclosing(stream):
        async for delta in stream:
            if delta != TextDelta(""):
                yield delta


def _says(delta: LLMDelta, parser: ReplyParser) -> bool:
    match delta:
        case TextDelta(text):
            items = parser.feed(text)
        case ToolCallDelta():
            return True
        case Finished():
            items = parser.finish()
        case ReasoningDelta() | Loading() | FailedOver():
            return False
    return any(isinstance(item, Display) for item in items)


def _livelier(sampling: Sampling) -> Sampling:
    """What draws other tokens than before."""
    return replace(sampling, temperature=max(LIVELY, sampling.temperature or 0.0), seed=None)
