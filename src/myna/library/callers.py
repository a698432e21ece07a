"""What callers bring with them into the library's event loop: their functions, and the loop that they belong to."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

import anyio.to_thread

from myna.core.errors import Closed
from myna.core.tools import JSON, ToolCall, ToolResult, ToolSpec
from myna.library.event_loop import contained
from myna.tools.base import Tool

Confirm: TypeAlias = Callable[[ToolCall], bool | Awaitable[bool]]
"""Is asked whether a tool may run. It may block, as ``input`` does, or be async."""

NOBODY_TO_ASK = ToolResult(
    "It was not run: it needs the user's leave, and there is nobody to ask. Say what you wanted to do.", "refused"
)
NOT_ALLOWED = ToolResult("It was not run: the user does not allow it. Go on without.", "refused")


@dataclass(frozen=True, slots=True)
class InCallersLoop:
    """A tool that is called in the event loop of whoever asked the agent: what it uses may belong to that loop."""

    tool: Tool
    loop: asyncio.AbstractEventLoop

    @property
    def spec(self) -> ToolSpec:
        """The tool's."""
        return self.tool.spec

    @property
    def timeout_s(self) -> float:
        """The tool's."""
        return self.tool.timeout_s

    @property
    def confirm(self) -> bool:
        """The tool's."""
        return self.tool.confirm

    @property
    def cancellable(self) -> bool:
        """The tool's."""
        return self.tool.cancellable

    def check(self, arguments: JSON) -> JSON:
        """As the tool does."""
        return self.tool.check(arguments)

    def mask(self, arguments: JSON) -> JSON:
        """As the tool does."""
        return self.tool.mask(arguments)

    async def call(self, arguments: JSON) -> object:
        """As the tool does, there."""
        return await _in(self.loop, lambda: self.tool.call(arguments))


async def _in(loop: asyncio.AbstractEventLoop, work: Callable[[], Awaitable[object]]) -> object:
    if loop is asyncio.get_running_loop():
        return await work()
    if loop.is_closed():
        raise Closed("The event loop that asked has ended.")

    async def there() -> object:
        return await work()

    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(there(), loop))


async def allowed(
    confirm: Confirm | None, call: ToolCall, callers_loop: asyncio.AbstractEventLoop | None
) -> ToolResult | None:
    """None if ``call`` may run, else what the model is told. An async ``confirm`` is asked in the caller's loop."""
    if confirm is None:
        return NOBODY_TO_ASK
    with contained():
        if inspect.iscoroutinefunction(confirm):
            answer = await _in(callers_loop or asyncio.get_running_loop(), lambda: confirm(call))
        else:
            answer = await anyio.to_thread.run_sync(confirm, call, abandon_on_cancel=True)
            if inspect.isawaitable(answer):
                waiting = answer
                answer = await _in(callers_loop or asyncio.get_running_loop(), lambda: waiting)
    return None if answer else NOT_ALLOWED
