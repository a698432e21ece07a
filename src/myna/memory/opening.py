"""Opening the memories of a process."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from myna.core.errors import BadConfig
from myna.engines.base import Embedder
from myna.engines.task_group import open_task_group
from myna.memory.index import OpenVectors, VectorIndex
from myna.memory.options import MemoryOptions
from myna.memory.sql_memories import SQLMemories
from myna.memory.vectors.chroma import open_chroma
from myna.memory.vectors.chroma_server import open_chroma_server
from myna.memory.vectors.pgvector import open_pgvector
from myna.store.database import Database


@asynccontextmanager
async def open_memories(
    database: Database,
    options: MemoryOptions,
    folder: Path,
    embedder: Callable[[], Embedder | None],
    *,
    by_words: bool = False,
) -> AsyncGenerator[SQLMemories]:
    """The memories in a database. Vectors are opened, and made where they lack, in the background.

    Args:
        database: Where the memories are; they are the truth.
        options: The section ``[memory]``. That memory is off is the business of who asks it.
        folder: The data folder; Chroma has a folder in it.
        embedder: Gives the one that is there now; None if there is none, or not yet.
        by_words: Vectors are not opened here; what has to be embedded is left to a process that opens them.

    Raises:
        BadConfig: Vectors are to be in the store's PostgreSQL, and it is none.
    """
    vectors = None if by_words else _vectors(database, options, folder)
    async with open_memories_with(database, options, vectors, embedder) as memories:
        yield memories


@asynccontextmanager
async def open_memories_with(
    database: Database,
    options: MemoryOptions,
    open_vectors: OpenVectors | None,
    embedder: Callable[[], Embedder | None],
) -> AsyncGenerator[SQLMemories]:
    """As `open_memories`, with other vectors."""
    index = VectorIndex(database, open_vectors, embedder)
    async with open_task_group() as tasks:
        tasks.start_soon(index.run)
        try:
            yield SQLMemories(database, options, index)
        finally:
            tasks.cancel_scope.cancel()


def _vectors(database: Database, options: MemoryOptions, folder: Path) -> OpenVectors | None:
    match options.vectors:
        case "none":
            return None
        case "chroma":
            return partial(open_chroma, folder)
        case "pgvector" if database.is_sqlite:
            raise BadConfig(
                "memory.vectors is pgvector, but the store is no PostgreSQL.",
                hint="Set store.url to a PostgreSQL, or memory.vectors to chroma.",
            )
        case "pgvector":
            return partial(open_pgvector, database)
        case url:
            return partial(
                open_chroma_server, url, options.chroma_token.get_secret_value() if options.chroma_token else ""
            )
