"""On a real PostgreSQL. Debian 12 has no package of pgvector: where the extension is missing, only that is tested."""

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.store.postgres import Postgres, run_postgres

from myna.core.errors import BadConfig, EngineUnavailable
from myna.memory.opening import open_memories
from myna.memory.options import MemoryOptions
from myna.memory.vectors.base import Vectors
from myna.memory.vectors.pgvector import open_pgvector
from myna.store.database import Database, open_database
from myna.testing.conformance.vectors import VectorsConformance


@pytest.fixture(scope="module")
def postgres() -> Generator[Postgres]:
    with run_postgres() as server:
        yield server


@asynccontextmanager
async def opened(postgres: Postgres, *, extension: bool) -> AsyncGenerator[Database]:
    """A new database, where the server has the extension or has it not, as is wanted; else the test is skipped."""
    async with open_database(postgres.new_database()) as database:
        async with database.read() as connection:
            found = await connection.execute(text("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"))
            there = found.first() is not None
        if there is not extension:
            pytest.skip(f"this PostgreSQL has {'' if there else 'not '}the extension pgvector")
        yield database


class TestPgVectors(VectorsConformance):
    @pytest.fixture
    async def vectors(self, anyio_backend: str, postgres: Postgres) -> AsyncGenerator[Vectors]:
        async with opened(postgres, extension=True) as database, open_pgvector(database) as vectors:
            yield vectors


@pytest.mark.anyio
async def test_an_extension_that_is_missing_is_told(postgres: Postgres) -> None:
    async with opened(postgres, extension=False) as database:
        with pytest.raises(EngineUnavailable, match="pgvector cannot be used") as told:
            async with open_pgvector(database):
                pass
        assert "CREATE EXTENSION vector" in told.value.hint


@pytest.mark.anyio
async def test_pgvector_needs_the_store_to_be_a_postgresql(tmp_path: Path) -> None:
    async with open_database(tmp_path / "myna.db") as database:
        with pytest.raises(BadConfig, match="the store is no PostgreSQL"):
            async with open_memories(database, MemoryOptions(vectors="pgvector"), tmp_path, lambda: None):
                pass
