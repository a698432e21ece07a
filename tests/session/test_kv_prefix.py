"""What a session sends goes on where the last prompt and its reply ended, token for token, in the real model."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from itertools import pairwise

import pytest
from tests.session.players import CONVERSATION

from myna.core.commands import SendText
from myna.core.events import TurnEnded
from myna.engines.base import LLM, Finished, LLMDelta, LLMInfo, LLMMessage, LLMRequest, Resources, Sampling, Usage
from myna.engines.llm.llamacpp import LlamaCppOptions, plugin
from myna.engines.scheduler import open_scheduler
from myna.personas.load import Personas
from myna.session.bounds import Limits
from myna.session.options import SessionEngines, SessionOptions
from myna.session.session import open_session
from myna.store.in_memory import InMemoryStore
from myna.weights.locate import Weights

SAID = ("Hello there!", "给我讲个故事。\n\n", "  And in English?", "Bye 👋")


class Metered:
    """An LLM whose usage is noted."""

    def __init__(self, llm: LLM) -> None:
        self._llm = llm
        self.usages: list[Usage] = []

    @property
    def info(self) -> LLMInfo:
        return replace(self._llm.info, context_tokens=1200)

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        async with aclosing(self._llm.generate(request)) as deltas:
            async for delta in deltas:
                if isinstance(delta, Finished) and delta.usage:
                    self.usages.append(delta.usage)
                yield delta

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        return await self._llm.count_tokens(messages)


@pytest.mark.models
@pytest.mark.anyio
async def test_a_conversation_is_read_but_once_and_never_exceeds_the_context(weights: Weights) -> None:
    patient = Limits(first_token_s=300, idle_s=300, reply_s=600)
    options = SessionOptions(sampling=Sampling(temperature=0, max_tokens=24), limits=patient)
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        plugin.open(LlamaCppOptions(context_tokens=2048), Resources(weights, scheduler, "cpu")) as llm,
    ):
        metered, store = Metered(llm), InMemoryStore()
        await store.create(CONVERSATION)
        persona = Personas(None).find("assistant")
        async with open_session(CONVERSATION, persona, SessionEngines(metered), store, options) as session:
            for text in (*SAID, "What do you like? " * 130):
                await session.send(SendText(text))
                async for event in session:
                    if isinstance(event, TurnEnded):
                        assert event.outcome == "completed"
                        break
    *small, large = metered.usages
    assert len(small) == len(SAID)
    for before, after in pairwise(small):
        assert after.cached_tokens is not None
        assert after.cached_tokens >= before.prompt_tokens + before.completion_tokens - 2
    assert 800 < large.prompt_tokens <= 1200 - 24
