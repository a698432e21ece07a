import math

import anyio
import pytest

from myna.core.tools import ToolCall, ToolResult
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import HANG, Pause
from myna.testing.tools import ScriptedTool
from myna.tools.base import Toolset
from myna.tools.runner import CLOSING_S, GRACE_S, LATE_S
from myna.tools.tool import tool
from myna.tools.toolbox import Tools, open_toolbox


def call(name: str = "work") -> ToolCall:
    return ToolCall("call_1", name, "{}")


class Late:
    """Is told late results."""

    def __init__(self) -> None:
        self.told: list[tuple[ToolCall, ToolResult]] = []

    async def __call__(self, call: ToolCall, result: ToolResult) -> None:
        await anyio.sleep(0.1)
        self.told.append((call, result))


async def interrupted(tools: Toolset, after_s: float, late: Late | None = None) -> float:
    """Run a call and interrupt it; how long it took to end then."""
    interrupted_at = anyio.current_time() + after_s
    with anyio.move_on_after(after_s):
        await tools.run(call(), late=late)
    return anyio.current_time() - interrupted_at


@on_virtual_clock
async def test_a_tool_ends_with_the_reply_that_is_interrupted():
    late, hanging = Late(), ScriptedTool("work", HANG)
    async with open_toolbox([Tools([hanging])]) as box:
        assert await interrupted(box.select("*"), 2, late) == 0
        assert hanging.calls[0].ended == "cancelled"
        await anyio.sleep(60)
    assert late.told == []


@on_virtual_clock
async def test_a_tool_may_tidy_up_before_the_interrupted_call_ends():
    tidied: list[str] = []

    @tool(name="work")
    async def tidy() -> None:
        """Work, and tidy up."""
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.5)
            tidied.append("yes")

    async with open_toolbox([Tools([tidy])]) as box:
        assert await interrupted(box.select("*"), 2) == 0.5
        assert tidied == ["yes"]


@on_virtual_clock
async def test_a_tool_that_does_not_let_itself_be_cancelled_delays_an_interruption_a_little():
    @tool(name="work")
    async def stubborn() -> None:
        """Go on, whatever happens."""
        with anyio.CancelScope(shield=True):
            await anyio.sleep(60)

    async with open_toolbox([Tools([stubborn])]) as box:
        assert await interrupted(box.select("*"), 1) == GRACE_S


@on_virtual_clock
async def test_a_tool_that_must_not_be_cancelled_goes_on_and_its_result_is_told_late():
    late, paying = Late(), ScriptedTool("work", [Pause(10), "paid"], cancellable=False)
    async with open_toolbox([Tools([paying])]) as box:
        assert await interrupted(box.select("*"), 2, late) == 0
        assert late.told == []
        await anyio.sleep(9)
        assert late.told == [(call(), ToolResult("paid"))]
        assert paying.calls[0].ended == "returned"


@on_virtual_clock
async def test_a_tool_that_goes_on_has_no_more_than_its_time():
    late, hanging = Late(), ScriptedTool("work", HANG, timeout_s=10, cancellable=False)
    async with open_toolbox([Tools([hanging])]) as box:
        await interrupted(box.select("*"), 2, late)
        await anyio.sleep(7)
        assert late.told == []
        await anyio.sleep(2)
        assert [result.status for _, result in late.told] == ["timed_out"]


@on_virtual_clock
async def test_a_result_that_comes_with_the_interruption_is_not_lost():
    for _ in range(20):  # trio's order of tasks is a matter of chance
        late, given = Late(), list[ToolResult]()
        async with open_toolbox([Tools([ScriptedTool("work", [Pause(2), "paid"], cancellable=False)])]) as box:

            async def run() -> None:
                given.append(await box.select("*").run(call(), late=late))  # noqa: B023

            with anyio.move_on_after(2):
                await run()
            await anyio.sleep(1)
        assert [*given, *(result for _, result in late.told)] == [ToolResult("paid")]


def test_a_listener_that_fails_or_hangs_ends_nothing_else_and_is_told_in_the_log(caplog: pytest.LogCaptureFixture):
    async def fails(call: ToolCall, result: ToolResult) -> None:
        raise RuntimeError(result.output)

    async def hangs(call: ToolCall, result: ToolResult) -> None:
        await anyio.sleep_forever()

    @on_virtual_clock
    async def scene() -> None:
        async with open_toolbox([Tools([ScriptedTool("work", [Pause(1), "paid"], cancellable=False)])]) as box:
            for late in (fails, hangs):
                with anyio.move_on_after(0.5):
                    await box.select("*").run(call(), late=late)
            await anyio.sleep(1 + LATE_S)
            assert [record.getMessage() for record in caplog.records] == [
                "The late result of the tool work could not be told."
            ] * 2
            assert await box.select("*").run(call()) == ToolResult("paid")

    scene()


@on_virtual_clock
async def test_time_outs_of_the_caller_are_interruptions_too():
    late = Late()
    async with open_toolbox([Tools([ScriptedTool("work", [Pause(3), "paid"], cancellable=False)])]) as box:
        with anyio.move_on_after(1):
            await box.select("*").run(call(), late=late)
        await anyio.sleep(5)
        assert late.told == [(call(), ToolResult("paid"))]


# -------------------------------------------------------------------------------------------------------------- closing


@on_virtual_clock
async def test_closing_ends_what_may_be_cancelled_at_once():
    hanging = ScriptedTool("work", HANG)
    results: list[ToolResult] = []
    async with anyio.create_task_group() as group:
        async with open_toolbox([Tools([hanging])]) as box:

            async def run() -> None:
                results.append(await box.select("*").run(call()))

            group.start_soon(run)
            await anyio.sleep(1)
            began = anyio.current_time()
        assert anyio.current_time() == began
    assert results == [ToolResult("work was cancelled.", "cancelled")]


@pytest.mark.parametrize("cancelled", [False, True])
@pytest.mark.parametrize(("takes_s", "status", "closes_s"), [(1, "ok", 1.1), (math.inf, "cancelled", CLOSING_S)])
def test_closing_waits_a_little_for_what_must_not_be_cancelled(
    cancelled: bool, takes_s: float, status: str, closes_s: float
):
    late = Late()

    @on_virtual_clock
    async def scene() -> None:
        began = anyio.current_time()
        paying = ScriptedTool("work", [Pause(takes_s), "paid"], cancellable=False)
        with anyio.CancelScope() as scope:
            async with open_toolbox([Tools([paying])]) as box:
                with anyio.move_on_after(0):
                    await box.select("*").run(call(), late=late)
                if cancelled:
                    scope.cancel()
        assert anyio.current_time() - began == pytest.approx(closes_s)
        assert paying.calls[0].ended == ("returned" if status == "ok" else "cancelled")

    scene()
    assert [result.status for _, result in late.told] == (["ok"] if status == "ok" else [])
