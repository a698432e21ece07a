"""The lines that the user types."""

import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from myna.engines.task_group import open_task_group


class Typed(Protocol):
    """Where lines come from."""

    @property
    def asks(self) -> bool:
        """Whether somebody sits there who can be asked."""
        ...

    async def next(self) -> str | None:
        """The next line; None at the end of input. Cancelled waiting for it, none is lost: it is for who asks next."""
        ...


class StandardInput:
    """Standard input. Made by `open_standard_input`; for one reader at a time."""

    def __init__(self, tasks: TaskGroup) -> None:
        self._tasks = tasks
        self._reading = False
        self._send, self._lines = anyio.create_memory_object_stream[str](1)

    @property
    def asks(self) -> bool:
        """Whether it is a terminal."""
        return sys.stdin.isatty()

    async def next(self) -> str | None:
        """The next line; see `Typed`. A read that nobody waits for any more cannot be called back, so it goes on."""
        if not self._reading and not self._lines.statistics().current_buffer_used:
            self._reading = True
            self._tasks.start_soon(self._read)
        return await self._lines.receive() or None

    async def _read(self) -> None:
        line = await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
        self._reading = False
        self._send.send_nowait(line)

    def close(self) -> None:
        """Nobody asks any more."""
        self._send.close()
        self._lines.close()


@asynccontextmanager
async def open_standard_input() -> AsyncGenerator[StandardInput]:
    """Standard input, line by line."""
    async with open_task_group() as tasks:
        lines = StandardInput(tasks)
        try:
            yield lines
        finally:
            tasks.cancel_scope.cancel()
            lines.close()
