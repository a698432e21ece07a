import asyncio
import logging
import sys
import threading
from collections.abc import AsyncGenerator
from contextvars import ContextVar

import anyio
import pytest
import trio

from myna.core.tools import ToolCall, ToolResult
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import HANG, Pause
from myna.testing.tools import ScriptedTool
from myna.tools.base import Tool
from myna.tools.results import NOTHING
from myna.tools.runner import GRACE_S, MOST_STUCK
from myna.tools.tool import tool
from myna.tools.toolbox import Tools, open_toolbox


class Unusual(BaseException):
    """What only few libraries raise."""


def call(name: str = "work", number: int = 1) -> ToolCall:
    return ToolCall(f"call_{number}", name, "{}")


# ---------------------------------------------------------------------------------------------------- results, whatever


@on_virtual_clock
async def test_a_result_comes_when_the_tool_has_ended():
    async with open_toolbox([Tools([ScriptedTool("work", [Pause(5), {"a": 1}])])]) as box:
        began = anyio.current_time()
        assert await box.select("*").run(call()) == ToolResult('{"a":1}')
        assert anyio.current_time() - began == 5


@on_virtual_clock
async def test_a_tool_that_hangs_is_given_up_when_its_time_is_over():
    hanging = ScriptedTool("work", HANG, timeout_s=7)
    async with open_toolbox([Tools([hanging])]) as box:
        began = anyio.current_time()
        result = await box.select("*").run(call())
        assert anyio.current_time() - began == 7
    assert result == ToolResult("work was given up: it took longer than 7 s.", "timed_out")
    assert hanging.calls[0].ended == "cancelled"


@on_virtual_clock
async def test_a_tool_that_does_not_let_itself_be_cancelled_is_left_behind():
    @tool(name="work", timeout_s=7)
    async def stubborn() -> None:
        """Go on, whatever happens."""
        with anyio.CancelScope(shield=True):
            await anyio.sleep(60)

    async with open_toolbox([Tools([stubborn])]) as box:
        began = anyio.current_time()
        assert (await box.select("*").run(call())).status == "timed_out"
        assert anyio.current_time() - began == 7 + GRACE_S


@on_virtual_clock
async def test_a_tool_whose_calls_never_end_is_called_no_more():
    @tool(name="work", timeout_s=1)
    async def stubborn() -> None:
        """Go on, whatever happens."""
        with anyio.CancelScope(shield=True):
            await anyio.sleep(3600)

    fine = ScriptedTool("fine", "fine")
    async with open_toolbox([Tools([stubborn, fine])]) as box:
        for _ in range(MOST_STUCK):
            await box.select("*").run(call())
        result = await box.select("*").run(call())
        assert result == ToolResult(f"work was not run: {MOST_STUCK} earlier calls of it have not ended.", "refused")
        assert await box.select("*").run(call("fine")) == ToolResult("fine")
        await anyio.sleep(3600)
        assert (await box.select("*").run(call())).status == "timed_out"


@on_virtual_clock
async def test_calls_run_side_by_side():
    async with open_toolbox([Tools([ScriptedTool("work", [Pause(5), "done"])])]) as box:
        began = anyio.current_time()
        async with anyio.create_task_group() as group:
            for number in range(50):
                group.start_soon(box.select("*").run, call(number=number))
        assert anyio.current_time() - began == 5


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("No such city."), "ValueError: No such city."),
        (TimeoutError("by itself"), "TimeoutError: by itself"),
        (SystemExit(3), "SystemExit: 3"),
        (Unusual("of a library's own"), "Unusual: of a library's own"),
        (StopIteration("early"), "StopIteration: early"),
        (ExceptionGroup("several", [ValueError("one")]), "ExceptionGroup: several (1 sub-exception)"),
        (BaseExceptionGroup("several", [SystemExit(1)]), "BaseExceptionGroup: several (1 sub-exception)"),
        (ValueError("<|im_end|>"), "ValueError: ‹|im_end|›"),
    ],
)
def test_whatever_a_tool_raises_is_a_result_and_told_in_the_log(
    error: BaseException, said: str, caplog: pytest.LogCaptureFixture
):
    @on_virtual_clock
    async def scene() -> None:
        async with open_toolbox([Tools([ScriptedTool("work", error, "fine")])]) as box:
            result = await box.select("*").run(call())
            assert result.status == "failed"
            assert result.output.endswith(said) or isinstance(error, StopIteration)
            assert await box.select("*").run(call()) == ToolResult("fine")

    scene()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@on_virtual_clock
async def test_a_result_is_short_and_nothing_but_text():
    long = ScriptedTool("work", "x" * 10_000_000, b"\x00" * 10_000_000, None, "<tool_call>")
    async with open_toolbox([Tools([long])], longest_result=500) as box:
        tools = box.select("*")
        first = await tools.run(call())
        assert len(first.output) <= 500
        assert "of 10,000,000 characters left out" in first.output
        assert "10,000,000 bytes" in (await tools.run(call())).output
        assert await tools.run(call()) == ToolResult(NOTHING)
        assert await tools.run(call()) == ToolResult("‹tool_call›")


@on_virtual_clock
async def test_a_status_of_the_tool_s_own_is_kept_and_its_text_made_safe():
    async with open_toolbox([Tools([ScriptedTool("work", ToolResult("<|im_end|>", "failed"))])]) as box:
        assert await box.select("*").run(call()) == ToolResult("‹|im_end|›", "failed")


def test_what_an_error_says_is_content_in_the_log(caplog: pytest.LogCaptureFixture):
    @on_virtual_clock
    async def scene() -> None:
        async with open_toolbox([Tools([ScriptedTool("work", ValueError("Ada lives in Ulm."))])]) as box:
            await box.select("*").run(call())

    caplog.set_level(logging.DEBUG, logger="myna")
    scene()
    failed, problem = caplog.records
    assert failed.getMessage().startswith("The tool work failed: ValueError at ")
    assert (failed.levelno, problem.levelno, problem.getMessage()) == (logging.WARNING, logging.DEBUG, "problem")
    assert problem.__dict__["content"].endswith("ValueError: Ada lives in Ulm.\n")


def test_a_tool_that_cancels_itself_fails_alone():
    @tool
    async def confused() -> None:
        """Wait for something that was cancelled."""
        raise asyncio.CancelledError

    @tool
    async def waits_for_another() -> None:
        """Wait for a task that was cancelled."""
        task = asyncio.ensure_future(asyncio.sleep(60))
        task.cancel()
        await task

    async def scene() -> None:
        other = ScriptedTool("other", [Pause(0.05), "fine"])
        async with (
            open_toolbox([Tools([confused, waits_for_another, other])]) as box,
            anyio.create_task_group() as group,
        ):

            async def beside() -> None:
                assert await box.select("*").run(call("other")) == ToolResult("fine")

            group.start_soon(beside)
            for name in ("confused", "waits_for_another"):
                result = await box.select("*").run(call(name))
                assert result.status == "failed"
                assert "cancelled" in result.output

    anyio.run(scene)


def test_a_tool_that_interrupts_the_process_ends_it():
    async def scene() -> None:
        async with open_toolbox([Tools([ScriptedTool("work", KeyboardInterrupt())])]) as box:
            await box.select("*").run(call())

    with pytest.raises((KeyboardInterrupt, BaseExceptionGroup)):
        trio.run(scene)


# ------------------------------------------------------------------------------------------------------ real functions


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def let_go() -> AsyncGenerator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.anyio
async def test_a_function_that_hangs_in_its_thread_is_given_up(let_go: threading.Event):
    @tool(timeout_s=0.05)
    def work() -> str:
        """Hang."""
        let_go.wait()
        return "never"

    async with open_toolbox([Tools([work])]) as box:
        assert (await box.select("*").run(call())).status == "timed_out"


@pytest.mark.anyio
async def test_a_function_in_a_thread_does_not_delay_an_interruption(let_go: threading.Event):
    began = threading.Event()

    @tool
    def work() -> str:
        """Hang."""
        began.set()
        let_go.wait()
        return "never"

    async with open_toolbox([Tools([work])]) as box, anyio.create_task_group() as group:
        group.start_soon(box.select("*").run, call())
        with anyio.fail_after(5):
            while not began.is_set():
                await anyio.sleep(0.001)
            group.cancel_scope.cancel()


@pytest.mark.anyio
async def test_a_tool_sees_the_context_of_the_call():
    who = ContextVar("who", default="nobody")

    @tool
    def work() -> str:
        """Tell who calls."""
        return who.get()

    @tool
    async def work_here() -> str:
        """Tell who calls."""
        return who.get()

    async with open_toolbox([Tools([work, work_here])]) as box:
        who.set("Ada")
        assert await box.select("*").run(call()) == ToolResult("Ada")
        assert await box.select("*").run(call("work_here")) == ToolResult("Ada")


@pytest.mark.anyio
async def test_a_tool_that_ends_the_process_ends_nothing_but_its_call():
    @tool
    def work() -> None:
        """Leave."""
        sys.exit("bye")

    @tool
    async def work_here() -> None:
        """Leave."""
        sys.exit("bye")

    async with open_toolbox([Tools([work, work_here])]) as box:
        for name in ("work", "work_here"):
            result = await box.select("*").run(call(name))
            assert result == ToolResult(f"{name} failed: SystemExit: bye", "failed")


@pytest.mark.anyio
async def test_neither_does_one_that_raises_what_ends_a_thread_or_a_generator():
    @tool
    def work() -> None:
        """Leave."""
        raise KeyboardInterrupt

    @tool
    async def work_here() -> None:
        """Leave."""
        raise GeneratorExit("bye")

    async with open_toolbox([Tools([work, work_here])]) as box:
        assert (await box.select("*").run(call())).status == "failed"
        assert await box.select("*").run(call("work_here")) == ToolResult(
            "work_here failed: GeneratorExit: bye", "failed"
        )


@pytest.mark.anyio
async def test_what_a_tool_prints_is_no_result():
    @tool
    def work() -> None:
        """Print."""
        print("hello")  # noqa: T201

    async with open_toolbox([Tools([work])]) as box:
        assert await box.select("*").run(call()) == ToolResult(NOTHING)


def test_a_scripted_tool_is_a_tool():
    scripted: Tool = ScriptedTool("work")
    assert scripted.timeout_s == 30
