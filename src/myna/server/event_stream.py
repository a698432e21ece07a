"""Server-sent events as an answer."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import anyio
from fastapi import Response
from starlette.types import Receive, Scope, Send

from myna.core.errors import MynaError
from myna.engines.task_group import open_task_group
from myna.server.connection import cancel_when_gone

KEEP_ALIVE_S = 10.0
"""After such a silence a comment is sent: proxies and clients take a silent connection for a dead one."""

KEEP_ALIVE = b": still at it\n\n"


class EventStream(Response):
    """Sends events as they come, and stops their making when the client goes away.

    An error before the first event is raised, and so is answered with its status. A later one is told as an event.

    Args:
        events: Whole events, each with its empty line. Closed in any case.
        failed: The event that tells an error.
        limit_s: How long all of it may take, a client that does not read included.
    """

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes], *, failed: Callable[[MynaError], bytes], limit_s: float) -> None:
        super().__init__(headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events
        self._failed = failed
        self._limit_s = limit_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, as ASGI has it."""
        line = _Line(send, self)
        async with open_task_group() as group, aclosing(self._events):
            group.cancel_scope.deadline = anyio.current_time() + self._limit_s
            group.start_soon(cancel_when_gone, receive, group.cancel_scope)
            group.start_soon(line.keep_alive)
            try:
                async for event in self._events:
                    await line.write(event)
            except MynaError as error:
                if not line.begun:
                    raise
                await line.write(self._failed(error))
            await line.end()
            group.cancel_scope.cancel()


class _Line:
    """What was sent to the client, and when."""

    def __init__(self, send: Send, head: Response) -> None:
        self._send = send
        self._head = head
        self._lock = anyio.Lock(fast_acquire=True)
        self._last_at = anyio.current_time()
        self.begun = False
        self._ended = False

    async def write(self, data: bytes) -> None:
        async with self._lock:
            await self._write(data)

    async def end(self) -> None:
        async with self._lock:
            self._ended = True
            await self._write(b"")
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def keep_alive(self) -> None:
        while not self._ended:
            await anyio.sleep_until(self._last_at + KEEP_ALIVE_S)
            async with self._lock:  # a client that reads slowly may have had it until the end
                if not self._ended and anyio.current_time() >= self._last_at + KEEP_ALIVE_S:
                    await self._write(KEEP_ALIVE)

    async def _write(self, data: bytes) -> None:
        if not self.begun:
            self.begun = True
            head = {"status": self._head.status_code, "headers": self._head.raw_headers}
            await self._send({"type": "http.response.start", **head})
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        self._last_at = anyio.current_time()
