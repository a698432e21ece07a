import io
import os
import pty
from collections.abc import Generator

import anyio
import pytest

from myna.cli.typed_lines import open_standard_input

pytestmark = pytest.mark.anyio


@pytest.fixture
def keyboard(monkeypatch: pytest.MonkeyPatch) -> Generator[int]:
    """Where a test types what is read from standard input."""
    keys, terminal = pty.openpty()
    with open(terminal, encoding="utf-8") as stdin:  # noqa: PTH123 - a descriptor
        monkeypatch.setattr("sys.stdin", stdin)
        yield keys
        os.write(keys, b"\n" * 4)  # so that no thread waits for ever
    os.close(keys)


async def test_lines_come_one_by_one_and_an_end_is_an_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("one\ntwo\n"))
    async with open_standard_input() as typed:
        assert not typed.asks
        assert [await typed.next() for _ in range(4)] == ["one\n", "two\n", None, None]


async def test_a_line_that_nobody_waits_for_any_more_is_for_who_asks_next(keyboard: int):
    async with open_standard_input() as typed:
        assert typed.asks
        for _ in range(3):
            with anyio.move_on_after(0.05) as given_up:
                await typed.next()
            assert given_up.cancelled_caught
        os.write(keyboard, b"one\ntwo\n")
        with anyio.fail_after(10):
            assert [await typed.next(), await typed.next()] == ["one\n", "two\n"]


async def test_it_ends_while_a_line_is_waited_for(keyboard: int):
    with anyio.fail_after(10):
        async with open_standard_input() as typed, anyio.create_task_group() as group:
            group.start_soon(typed.next)
            await anyio.sleep(0.05)
            group.cancel_scope.cancel()
