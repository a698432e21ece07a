"""Vectors in the store's PostgreSQL, by its extension pgvector.

A question is compared with all vectors of its place: exact, and with 10,000 of them a few milliseconds. An index of
pgvector's would find less the fewer of all vectors are the user's.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager

import numpy as np
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from myna.core.errors import EngineUnavailable
from myna.core.ids import MemoryId
from myna.memory.vectors.base import MARK, MemoryVector, Near, Vector
from myna.store.database import Database

_EXTENSION = "CREATE EXTENSION IF NOT EXISTS vector"
_TABLE = """
CREATE TABLE IF NOT EXISTS memory_vectors (
    place TEXT, memory_id TEXT, version BIGINT NOT NULL, vector VECTOR NOT NULL, PRIMARY KEY (place, memory_id)
)
"""


class PgVectors:
    """A `myna.memory.vectors.base.Vectors`. Made by `open_pgvector`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def made_with(self) -> Vector | None:
        """The mark; None where nothing was made yet."""
        async with self._database.read() as connection:
            found = await connection.execute(
                text("SELECT CAST(vector AS TEXT) FROM memory_vectors WHERE place = :place"), {"place": MARK}
            )
            written = found.scalar()
        return None if written is None else np.fromstring(written.strip("[]"), np.float32, sep=",")

    async def begin(self, mark: Vector) -> None:
        """Forget everything, and keep the mark."""
        async with self._database.write() as connection:
            await connection.execute(text("DELETE FROM memory_vectors"))
        await self.upsert(MARK, [MemoryVector(MemoryId("mark"), 1, mark)])

    async def places(self) -> Sequence[str]:
        """Where there are vectors."""
        async with self._database.read() as connection:
            found = await connection.execute(
                text("SELECT DISTINCT place FROM memory_vectors WHERE place <> :mark"), {"mark": MARK}
            )
            return list(found.scalars())

    async def held(self, place: str) -> Mapping[MemoryId, int]:
        """What there is in a place."""
        async with self._database.read() as connection:
            found = await connection.execute(
                text("SELECT memory_id, version FROM memory_vectors WHERE place = :place"), {"place": place}
            )
            return {MemoryId(row.memory_id): row.version for row in found}

    async def upsert(self, place: str, vectors: Sequence[MemoryVector]) -> None:
        """Hold these."""
        rows = [
            {"place": place, "memory_id": each.memory_id, "version": each.version, "vector": _written(each.vector)}
            for each in vectors
        ]
        if not rows:
            return
        async with self._database.write() as connection:
            await connection.execute(
                text(
                    "INSERT INTO memory_vectors (place, memory_id, version, vector)"
                    " VALUES (:place, :memory_id, :version, CAST(CAST(:vector AS TEXT) AS VECTOR))"
                    " ON CONFLICT (place, memory_id) DO UPDATE SET version = EXCLUDED.version, vector = EXCLUDED.vector"
                ),
                rows,
            )

    async def delete(self, place: str, memory_ids: Sequence[MemoryId]) -> None:
        """They are gone."""
        async with self._database.write() as connection:
            await connection.execute(
                text("DELETE FROM memory_vectors WHERE place = :place AND memory_id = ANY(CAST(:ids AS TEXT[]))"),
                {"place": place, "ids": list(memory_ids)},
            )

    async def clear(self, place: str) -> None:
        """The whole place is gone."""
        async with self._database.write() as connection:
            await connection.execute(text("DELETE FROM memory_vectors WHERE place = :place"), {"place": place})

    async def query(self, place: str, vector: Vector, limit: int) -> Sequence[Near]:
        """The nearest."""
        async with self._database.read() as connection:
            found = await connection.execute(
                text(
                    "SELECT memory_id, version, 1 - (vector <=> CAST(CAST(:vector AS TEXT) AS VECTOR)) AS cosine"
                    " FROM memory_vectors WHERE place = :place ORDER BY cosine DESC LIMIT :most"
                ),
                {"place": place, "vector": _written(vector), "most": limit},
            )
            return [Near(MemoryId(row.memory_id), row.version, float(row.cosine)) for row in found]


@asynccontextmanager
async def open_pgvector(database: Database) -> AsyncGenerator[PgVectors]:
    """Vectors in this database.

    Raises:
        EngineUnavailable: The extension is not there, or may not be made.
    """
    try:
        for statement in (_EXTENSION, _TABLE):
            async with database.write() as connection:
                await connection.execute(text(statement))
    except DBAPIError as error:
        says = str(error.orig).partition("\n")[0]
        raise EngineUnavailable(
            f"pgvector cannot be used in the store's database: {says}.",
            hint="Install it for the server (Debian: postgresql-15-pgvector), and let an administrator run "
            "`CREATE EXTENSION vector` in the database.",
        ) from error
    yield PgVectors(database)


def _written(vector: Vector) -> str:
    return "[" + ",".join(format(float(value), ".8g") for value in vector) + "]"
