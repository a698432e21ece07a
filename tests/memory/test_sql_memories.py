from collections.abc import AsyncGenerator
from contextlib import nullcontext
from pathlib import Path

import pytest
from tests.store.postgres import Postgres

from myna.memory.base import Memories
from myna.memory.opening import open_memories, open_memories_with
from myna.memory.options import MemoryOptions
from myna.store.database import open_database
from myna.testing.conformance.memories import MemoriesConformance
from myna.testing.embed import ScriptedEmbedder
from myna.testing.memory import open_memories_in
from myna.testing.vectors import InMemoryVectors


class TestByWordsAlone(MemoriesConformance):
    @pytest.fixture
    async def memories(self, anyio_backend: str, tmp_path: Path) -> AsyncGenerator[Memories]:
        async with (
            open_database(tmp_path / "myna.db") as database,
            open_memories(database, MemoryOptions(vectors="none"), tmp_path, lambda: None) as memories,
        ):
            yield memories


class TestByMeaningAndWords(MemoriesConformance):
    @pytest.fixture
    async def memories(self, anyio_backend: str, tmp_path: Path) -> AsyncGenerator[Memories]:
        async with open_memories_in(tmp_path) as memories:
            await memories.index.idle()
            yield memories


class TestInPostgres(MemoriesConformance):
    @pytest.fixture
    async def memories(self, anyio_backend: str, postgres: Postgres) -> AsyncGenerator[Memories]:
        held, embedder = InMemoryVectors(), ScriptedEmbedder()
        async with (
            open_database(postgres.new_database()) as database,
            open_memories_with(database, MemoryOptions(), lambda: nullcontext(held), lambda: embedder) as memories,
        ):
            yield memories
