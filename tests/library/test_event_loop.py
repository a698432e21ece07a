"""The one event loop of the process: nothing that a program does in it ends it or makes it stand still."""

import asyncio
import sys
import threading
from pathlib import Path

import pytest
from tests.library.scripted import CALLED, call

import myna
from myna.core.errors import BadInput, Closed
from myna.core.tools import ToolCall
from myna.engines.base import LLMRequest
from myna.library.event_loop import EventLoop
from myna.testing.llm import ScriptedLLM
from myna.testing.tools import ScriptedTool
from myna.tools.base import Work


def exits(_call: ToolCall) -> bool:
    sys.exit(4)


async def exits_later(_call: ToolCall) -> bool:
    sys.exit(4)


async def exits_at_once(request: LLMRequest, work: Work) -> None:
    sys.exit(4)


def asker(confirm: object) -> myna.Agent:
    engine = ScriptedLLM([call("delete"), CALLED], "Done.")
    return myna.Agent(engine, [ScriptedTool("delete", confirm=True)], confirm=confirm)  # type: ignore[arg-type]


@pytest.mark.parametrize("agent", [
    asker(exits),
    asker(exits_later),
    myna.Agent(ScriptedLLM(), strategy=exits_at_once),
], ids=["confirm", "async confirm", "strategy"])  # fmt: skip
def test_who_exits_in_it_ends_the_program_and_not_the_loop(agent: myna.Agent) -> None:
    with pytest.raises(SystemExit) as ended:
        agent.run("Go")
    assert ended.value.code == 4
    assert myna.LLM(ScriptedLLM("alive"))("Hello") == "alive"


def test_work_that_should_last_and_fails_leaves_the_rest() -> None:
    loop = EventLoop()

    async def fails() -> None:
        raise ZeroDivisionError

    async def begin() -> None:
        loop.last(fails)

    async def alive() -> str:
        await asyncio.sleep(0.01)
        return "alive"

    loop.run(begin)
    assert loop.run(alive) == "alive"
    loop.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_is_asked_after_its_end_is_refused_at_once() -> None:
    async def anything() -> None:
        pass

    async def exits() -> threading.Thread:
        asyncio.get_running_loop().call_soon(sys.exit)
        return threading.current_thread()

    closed, dead = EventLoop(), EventLoop()
    closed.close()
    dead.run(exits).join(10)
    for loop in (closed, dead):
        with pytest.raises(Closed, match="ending"):
            loop.run(anything)


def test_a_session_in_an_async_tool_is_refused_as_it_would_wait_for_itself() -> None:
    @myna.tool
    async def talk() -> str:
        """Talk."""
        with pytest.raises(BadInput, match="would block"), myna.Session(ScriptedLLM("hi"), speaks=False):
            pass
        return "refused"

    (run,) = myna.Agent(ScriptedLLM([call("talk"), CALLED], "ok"), [talk]).run("Go").tool_calls
    assert run.result == "refused"


def test_an_async_tool_may_stop_the_server_that_runs_it() -> None:
    server = myna.serve(myna.LLM(ScriptedLLM()), port=0, block=False, voice=False)

    @myna.tool
    async def stop() -> str:
        """Stop the server."""
        with pytest.raises(BadInput, match="would block"):
            server.wait()
        server.stop()
        return "stopped" if repr(server).endswith("stopped>") else "stopping"

    (run,) = myna.Agent(ScriptedLLM([call("stop"), CALLED], "ok"), [stop]).run("Go").tool_calls
    assert run.result == "stopping"
    server.wait()


def test_tools_that_cannot_be_had_are_told_and_the_loop_goes_on(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0", encoding="utf-8")
    llm = myna.LLM(ScriptedLLM("alive"), settings={"tools": {"folder": str(tmp_path)}})
    agent = myna.Agent(llm, ["anything"])
    for _ in range(2):
        with pytest.raises(BadInput, match=r"broken\.py"):
            agent.run("Go")
    assert llm("Hello") == "alive"
    (tmp_path / "broken.py").unlink()
    assert myna.Agent(llm, ["any*"])("Hello") == "alive"
