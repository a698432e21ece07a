"""A chat on the terminal, with a scripted LLM, scripted tools and somebody who types."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest
from tests.server.serving import choice

from myna.cli.chat import converse
from myna.config.settings import Settings, ToolsSettings
from myna.core.ids import OWNER
from myna.engines.base import LLM, Resources, ToolCallDelta
from myna.engines.opening import open_engines
from myna.engines.scheduler import open_scheduler
from myna.personas.load import Personas
from myna.server.service import Service
from myna.store.in_memory import InMemoryStore
from myna.testing.llm import ScriptedLLM
from myna.testing.tools import ScriptedTool
from myna.tools.toolbox import Tools, open_toolbox
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

pytestmark = pytest.mark.anyio

CLOCK = ToolCallDelta(0, "call_1", "clock", '{"city": "东京"}')
BELL = ToolCallDelta(1, "call_2", "bell", "{}")


class Typist:
    """Types these lines, each when one is wanted, then ends; None is a line that never comes."""

    def __init__(self, *lines: str | None, asks: bool = True) -> None:
        self.asks = asks
        self._lines = list(lines)

    async def next(self) -> str | None:
        line = self._lines.pop(0) if self._lines else ""
        if line is None:
            await anyio.sleep_forever()
        return line or None


async def chatting(llm: LLM, typed: Typist, tools: Sequence[ScriptedTool] = (), *, private: bool = False) -> Service:
    """The service, when the chat is over."""
    with anyio.fail_after(60):
        async with (
            open_scheduler({"cpu": 2}) as scheduler,
            open_engines({"llm": choice(llm)}, Resources(WeightsStore(Path(), load_catalog()), scheduler)) as engines,
            open_toolbox([Tools(tools)]) as toolbox,
        ):
            await engines.settled()
            settings = Settings(tools=ToolsSettings(for_all=("*",)))
            service = Service(settings, engines, InMemoryStore(), Personas(None), scheduler, toolbox)
            await converse(service, service.persona("wukong"), typed, private=private)
            return service


async def test_calls_are_shown_with_what_they_gave_and_how_long_they_took(capsys: pytest.CaptureFixture[str]):
    llm = ScriptedLLM(["[平静] 俺看看。", CLOCK], "六点。")
    await chatting(llm, Typist("几点了\n"), [ScriptedTool("clock", "18:05")])
    out, told = capsys.readouterr()
    assert out.endswith("俺看看。六点。\n"), "standard output has the words alone"
    assert '⚙ clock(city="东京")' in told
    assert "  clock → 18:05 (0.0 s)" in told


@pytest.mark.parametrize(("answer", "calls"), [("y\n", 1), ("好的\n", 1), ("Yes\n", 1), ("n\n", 0), ("\n", 0), ("", 0)])
async def test_a_tool_that_asks_runs_only_after_a_yes(capsys: pytest.CaptureFixture[str], answer: str, calls: int):
    clock = ScriptedTool("clock", "18:05", confirm=True)
    await chatting(ScriptedLLM([CLOCK], "[平静] 好。"), Typist("几点了\n", answer), [clock])
    out, told = capsys.readouterr()
    assert len(clock.calls) == calls
    assert "May clock run? [y/N]" in told
    assert out.endswith("好。\n")


async def test_two_that_ask_are_asked_for_one_after_the_other(capsys: pytest.CaptureFixture[str]):
    clock, bell = ScriptedTool("clock", confirm=True), ScriptedTool("bell", confirm=True)
    await chatting(ScriptedLLM([CLOCK, BELL], "[平静] 好。"), Typist("敲钟\n", "n\n", "y\n"), [clock, bell])
    told = capsys.readouterr().err
    first, second = (clock, bell) if told.index("May clock") < told.index("May bell") else (bell, clock)
    assert (len(first.calls), len(second.calls)) == (0, 1)


async def test_where_nobody_sits_the_model_asks(capsys: pytest.CaptureFixture[str]):
    clock = ScriptedTool("clock", "18:05", confirm=True)
    llm = ScriptedLLM([CLOCK], "[平静] 要看钟吗？", "[开心] 六点。")
    await chatting(llm, Typist("几点了\n", "好的\n", asks=False), [clock])
    out, told = capsys.readouterr()
    assert "May clock run?" not in told
    assert out.endswith("要看钟吗？\n六点。\n")
    assert len(clock.calls) == 1


async def test_ctrl_c_stops_a_reply_that_waits_for_an_answer(capsys: pytest.CaptureFixture[str]):
    clock = ScriptedTool("clock", confirm=True)
    llm = ScriptedLLM([CLOCK], "[平静] 好。")
    typed = Typist("几点了\n", None, "那算了\n")

    async with anyio.create_task_group() as group:
        group.start_soon(chatting, llm, typed, [clock])
        with anyio.fail_after(60):
            told = ""
            while "May clock run?" not in told:
                await anyio.sleep(0.01)
                told += capsys.readouterr().err
            os.kill(os.getpid(), signal.SIGINT)
    out, told = capsys.readouterr()
    assert clock.calls == []
    assert out.endswith("好。\n")
    assert told.startswith("\n  clock was not run"), "on a line of its own"


async def test_of_a_private_chat_nothing_is_kept_though_it_goes_on():
    llm = ScriptedLLM("[平静] 一。", "[平静] 二。")
    service = await chatting(llm, Typist("你好\n", "/persona assistant\n", "再见\n"), private=True)
    assert await service.store.list(OWNER) == ()
    assert len(llm.calls) == 2
    kept = await chatting(ScriptedLLM("[平静] 一。"), Typist("你好\n"))
    assert len(await kept.store.list(OWNER)) == 1
