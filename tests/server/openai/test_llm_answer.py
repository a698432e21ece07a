from contextlib import aclosing

import pytest

from myna.core.tools import ToolSpec
from myna.engines.base import LLMMessage, LLMRequest
from myna.engines.llm.tool_calling import tool_calling
from myna.server.openai.llm_answer import llm_answer
from myna.session.bounds import Limits
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import Pause, ScriptedLLM

MAIL = ToolSpec("mail", "Send a mail.", {"type": "object", "properties": {"text": {"type": "string"}}})
REQUEST = LLMRequest((LLMMessage("user", "Write to Anna."),), tools=(MAIL,))


@pytest.mark.parametrize("words", [1, 30])
@on_virtual_clock
async def test_a_call_is_one_delta_however_long_it_takes_to_write(words: int) -> None:
    parts = [step for _ in range(words) for step in (Pause(1), "word ")]
    llm = ScriptedLLM(['<tool_call>{"name": "mail", "arguments": {"text": "', *parts, '"}}</tool_call>'])
    async with aclosing(llm_answer(tool_calling(llm), REQUEST, Limits(idle_s=2))) as deltas:
        call, _ = [delta async for delta in deltas]
    assert isinstance(call, dict)
    assert list(call) == ["tool_calls"]
