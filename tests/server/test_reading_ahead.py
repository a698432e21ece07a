from collections.abc import Sequence

import anyio
import pytest
from tests.server.serving import serving

from myna.core.tools import ToolSpec
from myna.engines.base import LLMMessage
from myna.personas.load import Personas
from myna.testing.llm import ScriptedLLM
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

HELLO = {"messages": [{"role": "user", "content": "Hello"}]}


class ReadingLLM(ScriptedLLM):
    """Takes forever to read ahead."""

    def __init__(self, *replies: str) -> None:
        super().__init__(*replies)
        self.read: list[Sequence[LLMMessage]] = []
        self.begun = anyio.Event()

    async def read_ahead(
        self, messages: Sequence[LLMMessage], *, tools: Sequence[ToolSpec] = (), everywhere: bool = False
    ) -> None:
        assert everywhere
        self.read.append(messages)
        self.begun.set()
        await anyio.sleep_forever()


async def test_what_the_configured_persona_begins_with_is_read_before_anybody_asks(weights: Weights) -> None:
    llm = ReadingLLM("[Calm] Hello.")
    async with serving(llm, weights) as client:
        with anyio.fail_after(10):
            await llm.begun.wait()
        assert (await client.get("/ready")).status_code == 200  # though it still reads
        assert (await client.post("/llm", json=HELLO)).json()["text"] == "Hello."
    (read,) = llm.read
    asked = llm.calls[0].request.messages
    assert tuple(read[:-1]) == asked[:-1]
    assert len(read) == len(asked) == 2 + 2 * len(Personas(None).find("assistant").examples)


async def test_an_llm_that_cannot_read_ahead_is_not_asked_to(weights: Weights) -> None:
    llm = ScriptedLLM("[Calm] Hello.")
    async with serving(llm, weights) as client:
        assert (await client.post("/llm", json=HELLO)).json()["text"] == "Hello."
    assert len(llm.calls) == 1
