"""That a model is being loaded is told at once, whatever is being done about tools."""

from collections.abc import Sequence

import anyio
import pytest
from tests.engines.llm.test_tool_calling import NEEDED, OSLO, OSLO_CALL, SchemaLLM, calls, reason, request, text

from myna.core.errors import EngineUnavailable
from myna.engines.base import FailedOver, LLMDelta, Loading, TextDelta, ToolCallDelta
from myna.engines.llm.native_calls import NativeCalls
from myna.engines.llm.tool_calling import ToolCallingLLM
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import Pause, ScriptedLLM, Step

LOADS: list[Step] = [Loading("it"), Pause(100)]


async def until_told(llm: ToolCallingLLM) -> tuple[float, list[LLMDelta]]:
    """When it was told that a model loads, and all that was told."""
    began, told_at = anyio.current_time(), 0.0
    told: list[LLMDelta] = []
    async for delta in llm.generate(request()):
        told.append(delta)
        if isinstance(delta, Loading):
            told_at = anyio.current_time() - began
    assert sum(isinstance(delta, Loading) for delta in told) == 1
    return told_at, told


@pytest.mark.parametrize("held", [FailedOver("a", EngineUnavailable("Gone."), "b"), Loading("it")])
def test_it_passes_what_looks_for_calls(held: LLMDelta) -> None:
    assert NativeCalls(request().tools).feed(held) == [held]


@on_virtual_clock
async def test_it_is_told_at_once_where_a_tool_has_to_be_called() -> None:
    llm = ToolCallingLLM(ScriptedLLM([*LOADS, "Hm.", ToolCallDelta(0, "a", "get_weather", OSLO)]))
    first, *others = [delta async for delta in llm.generate(request("required"))]
    assert first == Loading("it")
    assert calls(others) == [("get_weather", OSLO)]


@pytest.mark.parametrize(
    ("choice", "said", "called"),
    [("[]", "Hello.", []), (NEEDED, "", [("get_weather", OSLO)])],
    ids=["talk", "a call"],
)
@on_virtual_clock
async def test_it_is_told_while_it_is_open_whether_a_tool_is_needed(
    choice: str, said: str, called: Sequence[tuple[str, str]]
) -> None:
    choices: list[Sequence[Step]] = [[*LOADS, choice], [choice], [OSLO_CALL]]
    llm = ToolCallingLLM(SchemaLLM([*LOADS, "Hello."], *choices))
    told_at, told = await until_told(llm)
    assert told_at < 1
    assert text(told) == said
    assert calls(told) == list(called)
    assert reason(told) == ("tool_calls" if called else "stop")


@on_virtual_clock
async def test_a_model_that_does_not_load_fails_as_it_says() -> None:
    gone = EngineUnavailable("It does not load.")
    llm = ToolCallingLLM(SchemaLLM([*LOADS, gone], [*LOADS, gone]))
    with pytest.raises(EngineUnavailable, match="does not load"):
        await until_told(llm)


@on_virtual_clock
async def test_it_is_told_while_calls_are_written() -> None:
    llm = ToolCallingLLM(SchemaLLM("Hello.", [NEEDED], [*LOADS, OSLO_CALL]))
    told_at, told = await until_told(llm)
    assert told_at < 1
    assert calls(told) == [("get_weather", OSLO)]
    assert TextDelta("Hello.") not in told
