"""Noticing that a client has gone away, so that nothing is generated for nobody."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio
from fastapi import Request, Response
from starlette.types import Receive

from myna.engines.task_group import open_task_group

T = TypeVar("T")

CLIENT_GONE = 499
"""Nobody reads it; nginx coined it for the access log."""


async def cancel_when_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    """Wait until the client has gone away, then cancel ``scope``. The body must have been read."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def while_connected(request: Request, work: Callable[[], Awaitable[T]]) -> T | Response:
    """What ``work`` gives; it is cancelled when the client goes away."""
    given: T | Response = Response(status_code=CLIENT_GONE)
    async with open_task_group() as group:
        group.start_soon(cancel_when_gone, request.receive, group.cancel_scope)
        given = await work()
        group.cancel_scope.cancel()
    return given
