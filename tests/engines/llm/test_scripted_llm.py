from contextlib import aclosing

import anyio
import pytest

from myna.core.errors import EngineUnavailable
from myna.engines.base import LLM, Finished, LLMMessage, LLMRequest, Sampling, TextDelta, ToolCallDelta
from myna.testing.conformance.llm import LLMConformance, read
from myna.testing.llm import HANG, Pause, ScriptedLLM

HELLO = LLMRequest((LLMMessage("user", "你好"),))


class TestScriptedLLM(LLMConformance):
    @pytest.fixture
    def llm(self) -> LLM:
        return ScriptedLLM(["one", ",", " two", ",", " three", "，一二三", "四五"])


@pytest.mark.anyio
async def test_replies_come_in_order_and_the_last_one_stays():
    llm = ScriptedLLM("a", "b")
    assert [(await read(llm, HELLO))[0] for _ in range(3)] == ["a", "b", "b"]
    assert [call.request for call in llm.calls] == [HELLO] * 3


@pytest.mark.anyio
async def test_an_error_is_raised_where_it_stands():
    llm = ScriptedLLM(["a", EngineUnavailable("gone")])
    stream = llm.generate(HELLO)
    assert await anext(stream) == TextDelta("a")
    with pytest.raises(EngineUnavailable, match="gone"):
        await anext(stream)
    assert llm.calls[0].ended == "failed"


@pytest.mark.anyio
async def test_it_knows_which_streams_were_given_up():
    llm = ScriptedLLM(["a", "b"])
    async with aclosing(llm.generate(HELLO)) as stream:
        await anext(stream)
        assert llm.calls[0].ended is None
    await read(llm, HELLO)
    assert [call.ended for call in llm.calls] == ["closed", "finished"]


@pytest.mark.anyio
async def test_a_hang_ends_when_its_reader_is_cancelled():
    llm = ScriptedLLM(["a", HANG, "b"])
    pieces: list[object] = []
    with anyio.move_on_after(0.05) as scope:
        async with aclosing(llm.generate(HELLO)) as stream:
            async for delta in stream:
                pieces.append(delta)  # noqa: PERF401 - cancelled in the middle
    assert scope.cancelled_caught
    assert pieces == [TextDelta("a")]
    assert llm.calls[0].ended == "closed"


@pytest.mark.anyio
async def test_other_deltas_and_pauses_are_played_too():
    call = ToolCallDelta(0, "c", "tool", "{}")
    llm = ScriptedLLM([call, Pause(0.001), "x", Finished("tool_calls")])
    async with aclosing(llm.generate(HELLO)) as stream:
        assert [delta async for delta in stream] == [call, TextDelta("x"), Finished("tool_calls")]


@pytest.mark.anyio
async def test_a_stop_string_across_two_pieces_is_cut_before_its_first_character():
    llm = ScriptedLLM(["ab", "cd", "ef"])
    text, _ = await read(llm, LLMRequest(HELLO.messages, Sampling(stop=("cde",))))
    assert text == "ab"
