"""Whether the LLM is given the time that it needs, and no more."""

from collections.abc import Sequence
from contextlib import aclosing

import pytest

from myna.core.emotion import Emotions
from myna.core.errors import EngineTimeout
from myna.core.tools import ToolSpec
from myna.engines.base import LLMDelta, LLMMessage, LLMRequest, TextDelta, ToolCallDelta
from myna.engines.llm.tool_calling import tool_calling
from myna.session.bounds import Limits
from myna.session.think import deltas_of, think
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import HANG, Pause, ScriptedLLM, Step

MAIL = ToolSpec("mail", "Send a mail.", {"type": "object", "properties": {"text": {"type": "string"}}})
REQUEST = LLMRequest((LLMMessage("user", "Write to Anna."),), tools=(MAIL,))
LIMITS = Limits(first_token_s=5, idle_s=2, reply_s=60)
WORDS = ["word "] * 30
WRITTEN: list[Step] = [
    '<tool_call>{"name": "mail", "arguments": {"text": "',
    *[step for word in WORDS for step in (Pause(1), word)],
    '"}}</tool_call>',
]
REPORTED: list[Step] = [
    ToolCallDelta(0, "a", "mail", '{"text": "'),
    *[step for word in WORDS for step in (Pause(1), ToolCallDelta(0, None, None, word))],
    ToolCallDelta(0, None, None, '"}'),
]


async def told(script: Sequence[Step], limits: Limits = LIMITS) -> list[LLMDelta]:
    llm = tool_calling(ScriptedLLM(script))
    async with aclosing(think(llm, REQUEST, Emotions(), limits)) as deltas:
        return [delta async for delta in deltas]


@pytest.mark.parametrize("script", [WRITTEN, REPORTED], ids=["written", "reported"])
@on_virtual_clock
async def test_a_call_may_take_longer_to_write_than_an_llm_may_be_silent(script: Sequence[Step]) -> None:
    call, _ = await told(script)
    assert isinstance(call, ToolCallDelta)
    assert call.name == "mail"
    assert call.arguments.count("word") == len(WORDS)


@pytest.mark.parametrize("script", [WRITTEN, REPORTED], ids=["written", "reported"])
@on_virtual_clock
async def test_a_call_that_stops_being_written_is_given_up(script: Sequence[Step]) -> None:
    with pytest.raises(EngineTimeout, match="within 2 s"):
        await told([*script[:9], HANG])
    with pytest.raises(EngineTimeout, match="within 10 s"):
        await told(script, Limits(first_token_s=5, idle_s=2, reply_s=10))


@on_virtual_clock
async def test_signs_of_life_are_not_told() -> None:
    llm = ScriptedLLM([TextDelta(""), "Hi", TextDelta(""), "!"])
    async with aclosing(deltas_of(llm, REQUEST, LIMITS)) as deltas:
        texts = [delta.text async for delta in deltas if isinstance(delta, TextDelta)]
    assert texts == ["Hi", "!"]
