"""Opening the memory of a process."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import anyio.to_thread

if TYPE_CHECKING:
    from pathlib import Path

    from myna.engines.opening import Engines
    from myna.memory.options import MemoryOptions
    from myna.memory.remembering import Remembering
    from myna.memory.sql_memories import SQLMemories
    from myna.store.sql import SQLStore


@asynccontextmanager
async def open_memory(
    store: SQLStore, options: MemoryOptions, folder: Path, engines: Engines
) -> AsyncGenerator[tuple[SQLMemories, Remembering]]:
    """What is remembered, in the store's database, and what remembers from now on.

    Its modules are imported here, in a thread: they bring SQLAlchemy, which takes a second.
    """
    opening: Any = await anyio.to_thread.run_sync(import_module, "myna.memory.opening")
    remembering: Any = await anyio.to_thread.run_sync(import_module, "myna.memory.remembering")
    journal: Any = await anyio.to_thread.run_sync(import_module, "myna.memory.journal")
    async with (
        opening.open_memories(
            store.database, options, folder, lambda: engines.embed if engines.is_up("embed") else None
        ) as memories,
        remembering.open_remembering(
            memories,
            lambda: engines.llm if engines.is_up("llm") else None,
            journal.SQLJournal(store.database),
            store=store,
        ) as begun,
    ):
        yield memories, begun
