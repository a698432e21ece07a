import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator
from contextvars import ContextVar

import anyio
import anyio.lowlevel
import pytest
from anyio.abc import TaskGroup

from myna.core.errors import Busy
from myna.tools.threads import MOST_THREADS, run_in_thread

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def let_go() -> AsyncGenerator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


class Owner:
    """Somebody who has threads."""


async def test_a_call_returns_what_it_returns_and_raises_what_it_raises():
    assert await run_in_thread(Owner(), lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        await run_in_thread(Owner(), lambda: 1 / 0)


async def test_a_call_runs_in_a_daemon_thread_with_the_context_of_its_caller():
    who = ContextVar("who", default="nobody")
    who.set("Ada")
    thread, name = await run_in_thread(Owner(), lambda: (threading.current_thread(), who.get()))
    assert thread is not threading.main_thread()
    assert thread.daemon
    assert name == "Ada"


class Crowd:
    """As many calls as there are threads, all of which hang until they are let go."""

    def __init__(self, let_go: threading.Event) -> None:
        self._let_go = let_go
        self._begun: list[int] = []

    def hang(self) -> None:
        self._begun.append(threading.get_ident())
        self._let_go.wait()

    async def begin(self, owner: Owner, group: TaskGroup) -> None:
        for _ in range(MOST_THREADS):
            group.start_soon(run_in_thread, owner, self.hang)
        with anyio.fail_after(30):
            while len(self._begun) < MOST_THREADS:
                await anyio.sleep(0.001)


async def test_cancelling_leaves_at_once_and_the_place_is_free_when_the_thread_has_returned(let_go: threading.Event):
    owner = Owner()
    async with anyio.create_task_group() as group:
        await Crowd(let_go).begin(owner, group)
        group.cancel_scope.cancel()
    with pytest.raises(Busy, match="never returned"):
        await run_in_thread(owner, lambda: "too many")
    assert await run_in_thread(Owner(), lambda: "another's") == "another's"
    let_go.set()
    with anyio.fail_after(30):
        while True:
            try:
                assert await run_in_thread(owner, lambda: "free") == "free"
                break
            except Busy:
                await anyio.sleep(0.001)


async def test_more_calls_than_threads_wait_for_one():
    owner, running, most = Owner(), set[int](), list[int]()
    lock = threading.Lock()

    def work() -> None:
        with lock:
            running.add(threading.get_ident())
            most.append(len(running))
        threading.Event().wait(0.005)
        with lock:
            running.remove(threading.get_ident())

    async with anyio.create_task_group() as group:
        for _ in range(MOST_THREADS * 3):
            group.start_soon(run_in_thread, owner, work)
    assert len(most) == MOST_THREADS * 3
    assert max(most) <= MOST_THREADS


async def test_a_caller_that_leaves_before_its_turn_never_runs(let_go: threading.Event):
    owner, began = Owner(), threading.Event()
    async with anyio.create_task_group() as group:
        await Crowd(let_go).begin(owner, group)
        with anyio.move_on_after(0.01) as waited:
            await run_in_thread(owner, began.set)
        assert waited.cancelled_caught
        let_go.set()
    await run_in_thread(owner, lambda: None)
    assert not began.is_set()


async def test_a_thread_may_run_an_event_loop_of_its_own():
    async def work() -> str:
        await anyio.lowlevel.checkpoint()
        return "done"

    for backend in ("asyncio", "trio"):
        assert await run_in_thread(Owner(), lambda: anyio.run(work, backend=backend)) == "done"  # noqa: B023
    assert await run_in_thread(Owner(), lambda: asyncio.run(work())) == "done"


HANGS = """
import anyio, time
from myna.tools.threads import run_in_thread

class Owner: pass

async def main():
    with anyio.move_on_after(0.1):
        await run_in_thread(Owner(), lambda: time.sleep(600))

anyio.run(main, backend="{backend}")
print("over")
"""


async def test_a_thread_that_hangs_does_not_keep_the_process(anyio_backend: str):
    command = [sys.executable, "-c", HANGS.format(backend=anyio_backend)]
    done = await anyio.run_process(command, stderr=subprocess.STDOUT)
    assert done.stdout.decode().strip() == "over"


RETURNS_LATE = """
import anyio, threading, time
from myna.tools.threads import run_in_thread

class Owner: pass

async def main():
    with anyio.move_on_after(0.05):
        await run_in_thread(Owner(), lambda: time.sleep(0.3))

anyio.run(main, backend="{backend}")
time.sleep(0.6)
print("over", threading.active_count())
"""


async def test_a_thread_that_returns_when_its_loop_is_gone_ends_quietly(anyio_backend: str):
    command = [sys.executable, "-c", RETURNS_LATE.format(backend=anyio_backend)]
    done = await anyio.run_process(command, stderr=subprocess.STDOUT)
    assert done.stdout.decode().split()[0] == "over"
    assert "Traceback" not in done.stdout.decode()
