import logging
import os
import signal
import sys
import threading
from collections.abc import Callable

import anyio
import anyio.from_thread
import anyio.lowlevel
import pytest

from myna.engines.abandoned import run_abandonable, wait_for_abandoned


def abandon(call: Callable[[], object]) -> None:
    """In an event loop that has ended then."""

    async def main() -> None:
        began = anyio.Event()
        token = anyio.lowlevel.current_token()

        def work() -> object:
            anyio.from_thread.run_sync(began.set, token=token)
            return call()

        async with anyio.create_task_group() as group:
            group.start_soon(run_abandonable, work)
            await began.wait()
            group.cancel_scope.cancel()

    anyio.run(main)


def test_a_call_gives_what_it_returns_or_raises() -> None:
    assert anyio.run(run_abandonable, lambda: 42) == 42
    with pytest.raises(ZeroDivisionError):
        anyio.run(run_abandonable, lambda: 1 / 0)


def test_a_call_that_nobody_waits_for_is_waited_for_in_the_end() -> None:
    go_on, returned = threading.Event(), threading.Event()

    def call() -> None:
        go_on.wait()
        returned.set()

    abandon(call)
    assert not returned.is_set()
    threading.Timer(0.05, go_on.set).start()
    wait_for_abandoned(60)
    assert returned.is_set()


def test_one_that_never_returns_is_waited_for_no_longer_than_told(caplog: pytest.LogCaptureFixture) -> None:
    go_on = threading.Event()
    abandon(go_on.wait)
    wait_for_abandoned(0.05)
    assert "still computes after 0.05 s" in caplog.text
    go_on.set()
    wait_for_abandoned(60)


def test_a_thread_that_has_returned_is_not_waited_for_though_it_may_be_used_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        await run_abandonable(lambda: 42)
        with pytest.raises(ZeroDivisionError):
            await run_abandonable(lambda: 1 / 0)
        wait_for_abandoned(0)

    anyio.run(main)
    assert caplog.text == ""


class Model:
    """Says where it is dropped."""

    def __init__(self, dropped_in: list[threading.Thread]) -> None:
        self._dropped_in = dropped_in

    def __del__(self) -> None:
        self._dropped_in.append(threading.current_thread())


def test_what_a_call_made_for_nobody_is_dropped_before_the_wait_ends() -> None:
    go_on, dropped_in = threading.Event(), list[threading.Thread]()

    def load() -> Model:
        go_on.wait()
        return Model(dropped_in)

    abandon(load)
    go_on.set()
    wait_for_abandoned(60)
    assert [thread is threading.main_thread() for thread in dropped_in] == [False]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_ctrl_c_does_not_end_the_wait(caplog: pytest.LogCaptureFixture) -> None:
    go_on, returned = threading.Event(), threading.Event()

    def call() -> None:
        go_on.wait()
        returned.set()

    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        while not caplog.records:
            pass
        go_on.set()

    abandon(call)
    with caplog.at_level(logging.WARNING):
        threading.Timer(0.05, interrupt).start()
        wait_for_abandoned(60)
    assert returned.is_set()
    assert "cannot be interrupted" in caplog.text
