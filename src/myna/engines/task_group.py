"""Task groups that context managers hold on behalf of others."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import anyio
from anyio.abc import TaskGroup


@asynccontextmanager
async def open_task_group() -> AsyncGenerator[TaskGroup]:
    """An anyio task group, but a single error comes out as itself and not in a group.

    What runs under ``async with open_engines(…)`` can so catch its own `MynaError` around it, and need not know that a
    task group is inside.
    """
    try:
        async with anyio.create_task_group() as group:
            yield group
    except BaseExceptionGroup as errors:
        error = _only(errors)
        raise error from error.__cause__


def _only(error: BaseException) -> BaseException:
    """The one error that stands in a group, in groups within groups too; the group itself if there are several."""
    if isinstance(error, BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", error)
        return _only(group.exceptions[0]) if len(group.exceptions) == 1 else group
    return error
