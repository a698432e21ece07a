import math

import anyio
import pytest

from myna.core.tools import ToolCall, ToolResult, ToolSpec
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import HANG, Pause
from myna.testing.tools import ScriptedTool
from myna.tools.toolbox import Tools, open_toolbox

pytestmark = pytest.mark.anyio


async def test_calls_are_played_in_their_order_and_the_last_again_and_again():
    weather = ScriptedTool("weather", "22 °C", ValueError("No such city."), ["23 °C"])
    assert await weather.call({"city": "Ulm"}) == "22 °C"
    with pytest.raises(ValueError, match="No such city"):
        await weather.call({"city": "Ulmm"})
    assert [await weather.call({}), await weather.call({})] == ["23 °C", "23 °C"]
    assert [(run.arguments, run.ended) for run in weather.calls] == [
        ({"city": "Ulm"}, "returned"),
        ({"city": "Ulmm"}, "raised"),
        ({}, "returned"),
        ({}, "returned"),
    ]


@on_virtual_clock
async def test_pauses_take_their_time_and_some_never_end():
    weather = ScriptedTool("weather", [Pause(5), "22 °C"], HANG)
    began = anyio.current_time()
    assert await weather.call({}) == "22 °C"
    assert anyio.current_time() - began == 5
    with anyio.move_on_after(1000):
        await weather.call({})
    assert anyio.current_time() - began == 1005
    assert [run.ended for run in weather.calls] == ["returned", "cancelled"]
    assert HANG.seconds == math.inf


async def test_it_is_run_as_any_other_tool():
    spec = ToolSpec("log_in", "Log in.", {"type": "object", "properties": {"password": {"type": "string"}}})
    log_in = ScriptedTool(spec, secret=["password"], confirm=True, cancellable=False, timeout_s=3)
    assert (log_in.spec, log_in.confirm, log_in.cancellable, log_in.timeout_s) == (spec, True, False, 3)
    call = ToolCall("call_1", "log_in", '{"password": "hunter2"}')
    async with open_toolbox([Tools([log_in])]) as box:
        assert await box.select("*").run(call) == ToolResult("Done.")
        assert box.select("*").masked(call).arguments == '{"password": "***"}'
    assert log_in.calls[0].arguments == {"password": "hunter2"}
