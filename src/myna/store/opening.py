"""Opening the store. SQLAlchemy takes a second to be imported, so only who opens a store waits for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio.to_thread

from myna.engines.task_group import open_task_group

if TYPE_CHECKING:
    from myna.store.sql import SQLStore


@asynccontextmanager
async def open_store(url: str | Path) -> AsyncGenerator[SQLStore]:
    """The store in the database that `myna.store.database.open_database` opens by this URL or path.

    Raises:
        BadConfig: Nothing can be opened by this URL.
        StoreUnavailable: The database is locked, may not be written, has no room, or does not answer.
        StoreUnusable: It is damaged, or of a newer Myna.
    """
    database: Any = await anyio.to_thread.run_sync(import_module, "myna.store.database")
    sql: Any = await anyio.to_thread.run_sync(import_module, "myna.store.sql")
    sweeping: Any = await anyio.to_thread.run_sync(import_module, "myna.store.sweeping")
    async with database.open_database(url) as opened, open_task_group() as tasks:
        tasks.start_soon(sweeping.sweep, opened)
        try:
            yield sql.SQLStore(opened)
        finally:
            tasks.cancel_scope.cancel()
