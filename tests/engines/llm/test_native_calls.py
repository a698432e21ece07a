import json

import pytest

from myna.core.tools import ToolSpec
from myna.engines.base import Finished, LLMDelta, ReasoningDelta, TextDelta, ToolCallDelta
from myna.engines.llm.chat_completions import Reason
from myna.engines.llm.native_calls import NativeCalls

WIPE = ToolSpec("wipe", "Wipe a disk.", {"type": "object", "properties": {"disk": {"type": "string"}}})
OTHER = ToolSpec("other", "Something else.", {"type": "object", "properties": {}})


def fed(*deltas: LLMDelta, tools: tuple[ToolSpec, ...] = (WIPE, OTHER)) -> list[LLMDelta]:
    calls = NativeCalls(tools)
    return [each for delta in deltas for each in calls.feed(delta)]


def called(*deltas: LLMDelta, tools: tuple[ToolSpec, ...] = (WIPE, OTHER)) -> list[tuple[str | None, str]]:
    return [(each.name, each.arguments) for each in fed(*deltas, tools=tools) if isinstance(each, ToolCallDelta)]


@pytest.mark.parametrize("tools", [(WIPE,), (WIPE, OTHER)])
@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ('<tool_call>\n{"na', "length"),
        ('<tool_call>\n{"na', "stop"),
        ('<tool_call>\n{"name": "wipe"', "length"),
        ('<tool_call>\n{"name": "wipe", "argum', "length"),
        ('<tool_call>\n{"name": "wipe", "arguments": ', "length"),
        ('<tool_call>\n{"name": "wipe", "arguments": {', "length"),
        ('<tool_call>\n{"name": "wipe", "arguments": {"disk": "/dev/sd', "length"),
        ('<tool_call>\n{"foo": 1}\n</tool_call>', "stop"),
        ("<function=wipe>", "length"),
        ("<function=wipe>\n<parameter=di", "length"),
        ("[TOOL_CALLS]wipe[ARGS]", "length"),
        ("[TOOL_CALLS]wipe[ARGS]", "content_filter"),
    ],
)
def test_nobody_can_run_a_written_call_that_broke_off(
    written: str, reason: Reason, tools: tuple[ToolSpec, ...]
) -> None:
    for _, arguments in called(TextDelta(written), Finished(reason), tools=tools):
        assert arguments.strip()
        with pytest.raises(json.JSONDecodeError):
            json.loads(arguments)


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_nobody_can_run_a_reported_call_that_was_cut_off_before_its_arguments(reason: Reason) -> None:
    assert called(ToolCallDelta(0, "a", "wipe", ""), Finished(reason)) == [("wipe", "{")]
    assert called(ToolCallDelta(0, "a", "wipe", '{"disk'), Finished(reason)) == [("wipe", '{"disk')]
    assert called(ToolCallDelta(0, "a", "wipe", "{}"), Finished(reason)) == [("wipe", "{}")]


@pytest.mark.parametrize("reason", ["stop", "tool_calls"])
def test_a_reported_call_that_came_to_its_end_may_have_no_arguments(reason: Reason) -> None:
    assert called(ToolCallDelta(0, "a", "other", ""), Finished(reason)) == [("other", "{}")]


def test_each_delta_gives_a_sign_of_life() -> None:
    calls = NativeCalls((WIPE,))
    for text in ("<tool_call>", '{"name": "wipe", ', '"arguments": {}}', "</tool_call>"):
        assert calls.feed(TextDelta(text)) == [TextDelta("")]
    assert calls.feed(ToolCallDelta(0, "a", "wipe", "{")) == [TextDelta("")]
    assert calls.feed(ReasoningDelta("hm")) == [ReasoningDelta("hm")]
    assert calls.feed(TextDelta("Well.")) == [TextDelta("Well.")]
