"""Calls that have to be, must not be, or may be one at most; and what tools cost in a prompt."""

from dataclasses import replace

import pytest
from tests.engines.llm.test_tool_calling import (
    ASKED,
    HANG,
    NEEDED,
    OSLO,
    OSLO_CALL,
    BareLLM,
    SchemaLLM,
    calls,
    deltas,
    reason,
    request,
    text,
    written,
)

from myna.core.tools import ToolCall
from myna.engines.base import Finished, LLMMessage, LLMRequest, ReasoningDelta, TextDelta, ToolCallDelta, Usage
from myna.engines.llm.tool_calling import ToolCallingLLM
from myna.testing.llm import ScriptedLLM

pytestmark = pytest.mark.anyio

ROME = '{"city": "Rome"}'
WRITTEN = f'<tool_call>{{"name": "get_weather", "arguments": {OSLO}}}</tool_call>'


# ----------------------------------------------------------------------------------------------------- have to be


async def test_what_a_model_says_instead_of_a_call_that_has_to_be_is_not_told() -> None:
    llm = SchemaLLM(["I am ", "sorry, no."], OSLO_CALL)
    told = await deltas(ToolCallingLLM(llm, "native"), request("required"))
    assert text(told) == ""
    assert told[:2] == [TextDelta("")] * 2  # who waits sees that it goes on
    assert calls(told) == [("get_weather", OSLO)]


async def test_what_a_model_says_before_a_call_that_has_to_be_is_told() -> None:
    llm = ScriptedLLM([ReasoningDelta("hm"), "Let me ", "see. ", WRITTEN])
    told = await deltas(ToolCallingLLM(llm), request("required"))
    assert told[0] == ReasoningDelta("hm")
    assert text(told) == "Let me see."
    assert calls(told) == [("get_weather", OSLO)]


async def test_a_forced_reply_that_ended_before_any_call_tells_how_far_it_came() -> None:
    told = await deltas(ToolCallingLLM(ScriptedLLM(["Well, ", Finished("length")])), request("required"))
    assert (text(told), calls(told), reason(told)) == ("Well, ", [], "length")


async def test_the_usage_of_forced_calls_is_that_of_all_answers_together() -> None:
    llm = SchemaLLM(["No.", Finished("stop", Usage(20, 3, 1))], [OSLO_CALL, Finished("stop", Usage(10, 2, 5))])
    told = await deltas(ToolCallingLLM(llm, "native"), request("required"))
    assert told[-1] == Finished("tool_calls", Usage(30, 5, 6))


async def test_the_usage_of_several_calls_is_that_of_all_answers_together() -> None:
    both = (LLMMessage("user", "What is the weather in Oslo and in Rome?"),)
    one, other = ([written(("get_weather", each)), Finished("stop", Usage(10, 2, 5))] for each in (OSLO, ROME))
    llm = SchemaLLM([HANG], NEEDED, one, other)
    told = await deltas(ToolCallingLLM(llm), request(messages=both))
    assert told[-1] == Finished("tool_calls", Usage(20, 4, 10))


# ---------------------------------------------------------------------------------------------------- must not be

CALLED_BEFORE = (
    LLMMessage("user", "Light!"),
    LLMMessage("assistant", "", (ToolCall("c1", "get_weather", OSLO),)),
    LLMMessage("tool", "22 degrees", tool_call_id="c1"),
    *ASKED,
)


async def test_a_call_of_a_tool_that_is_offered_no_more_is_not_told() -> None:
    llm = ScriptedLLM(["Well. ", WRITTEN])
    told = await deltas(ToolCallingLLM(llm), LLMRequest(CALLED_BEFORE))
    assert (text(told), calls(told), reason(told)) == ("Well.", [], "stop")
    assert llm.calls[0].request == LLMRequest(CALLED_BEFORE)


async def test_calls_of_tools_that_are_offered_no_more_are_told_as_the_model_can_read_them() -> None:
    bare = BareLLM("Well.")
    await deltas(ToolCallingLLM(bare), LLMRequest(CALLED_BEFORE))
    assert "<tool_call>" in bare.calls[0].request.messages[1].content
    small = ToolCallingLLM(llm := SchemaLLM("Well."))
    await deltas(small, LLMRequest(CALLED_BEFORE))
    assert {message.role for message in llm.talk.calls[0].request.messages} == {"user"}
    await small.read_ahead(CALLED_BEFORE)
    assert [messages for messages, _ in llm.read] == [llm.talk.calls[0].request.messages]


async def test_an_output_under_a_schema_is_not_searched_for_calls() -> None:
    output = f'{{"name": "get_weather", "arguments": {OSLO}}}'
    asked = LLMRequest(CALLED_BEFORE, output_schema={"type": "object"})
    assert text(await deltas(ToolCallingLLM(ScriptedLLM(output)), asked)) == output


# ---------------------------------------------------------------------------------------------------- one at most


async def test_of_several_calls_the_first_counts_where_one_may_be_made() -> None:
    for script in (
        [WRITTEN, WRITTEN.replace("Oslo", "Rome")],
        [ToolCallDelta(0, "a", "get_weather", OSLO), ToolCallDelta(1, "b", "get_weather", ROME)],
    ):
        llm = ScriptedLLM(script)
        told = await deltas(ToolCallingLLM(llm), replace(request(), parallel_calls=False))
        assert calls(told) == [("get_weather", OSLO)]
        assert reason(told) == "tool_calls"
        assert not llm.calls[0].request.parallel_calls


async def test_a_small_model_is_asked_for_one_call_where_one_may_be_made() -> None:
    both = (LLMMessage("user", "What is the weather in Oslo and in Rome?"),)
    llm = SchemaLLM([HANG], NEEDED, OSLO_CALL, written(("get_weather", ROME)))
    told = await deltas(ToolCallingLLM(llm), replace(request(messages=both), parallel_calls=False))
    assert calls(told) == [("get_weather", OSLO)]
    assert len(llm.choice.calls) == 2


# ------------------------------------------------------------------------------------------------------ what it costs


def test_tools_stand_in_the_prompt_of_a_reply_unless_they_are_chosen_apart() -> None:
    assert ToolCallingLLM(SchemaLLM("Hi."), "native").info.tools_in_prompt
    assert ToolCallingLLM(ScriptedLLM("Hi.")).info.tools_in_prompt
    assert not ToolCallingLLM(SchemaLLM("Hi.")).info.tools_in_prompt
