"""Memories for tests: the real ones, on an SQLite file and vectors in memory."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

from myna.engines.base import Embedder
from myna.memory.opening import open_memories_with
from myna.memory.options import MemoryOptions
from myna.memory.sql_memories import SQLMemories
from myna.store.database import open_database
from myna.testing.embed import ScriptedEmbedder
from myna.testing.vectors import InMemoryVectors


@asynccontextmanager
async def open_memories_in(
    folder: Path,
    *,
    options: MemoryOptions | None = None,
    embedder: Embedder | None = None,
    vectors: InMemoryVectors | None = None,
) -> AsyncGenerator[SQLMemories]:
    """Memories in ``folder``. Unless told otherwise, texts that share words are near each other (`ScriptedEmbedder`).

    ``await memories.index.idle()`` waits until the vectors have all that was added.
    """
    used, held = embedder or ScriptedEmbedder(), vectors or InMemoryVectors()
    async with (
        open_database(folder / "myna.db") as database,
        open_memories_with(database, options or MemoryOptions(), lambda: nullcontext(held), lambda: used) as memories,
    ):
        yield memories
