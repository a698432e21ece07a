"""What everything must do that holds vectors.

::

    class TestMyVectors(VectorsConformance):
        @pytest.fixture
        async def vectors(self, anyio_backend, tmp_path):
            async with open_my_vectors(tmp_path) as vectors:
                yield vectors
"""

from contextlib import suppress

import anyio
import numpy as np
import pytest

from myna.core.errors import EngineError
from myna.core.ids import MemoryId
from myna.memory.vectors.base import MemoryVector, Vector, Vectors

PATIENCE_S = 30.0
"""What takes longer hangs."""

HERE, THERE = f"myna-{'a' * 38}", f"myna-{'b' * 38}"


def vectors_of(count: int, *, dimensions: int = 16, seed: int = 0) -> list[Vector]:
    """Unit vectors by chance."""
    made = np.random.default_rng(seed).normal(size=(count, dimensions))
    return list((made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32))


def numbered(vectors: list[Vector], version: int = 1) -> list[MemoryVector]:
    """Each for a memory of its own."""
    return [MemoryVector(MemoryId(f"mem_{number}"), version, vector) for number, vector in enumerate(vectors)]


@pytest.mark.anyio
class VectorsConformance:
    """Derive from it and override the fixture ``vectors``: new ones for each test."""

    @pytest.fixture
    @classmethod
    def anyio_backend(cls) -> str:
        """The event loop that they run on."""
        return "asyncio"

    @pytest.fixture
    def vectors(self) -> Vectors:
        """The vectors, open and empty."""
        raise NotImplementedError("override the fixture vectors")

    async def test_they_tell_what_they_were_made_with(self, vectors: Vectors):
        assert await vectors.made_with() is None
        for mark in (vectors_of(1)[0], vectors_of(1, dimensions=8, seed=1)[0]):
            await vectors.begin(mark)
            made_with = await vectors.made_with()
            assert made_with is not None
            assert made_with == pytest.approx(mark, abs=1e-6)

    async def test_the_nearest_come_first_with_their_cosines(self, vectors: Vectors):
        made = vectors_of(50)
        await vectors.begin(made[0])
        await vectors.upsert(HERE, numbered(made))
        found = await vectors.query(HERE, made[7], 5)
        cosines = np.array(made) @ made[7]
        assert [each.memory_id for each in found] == [f"mem_{number}" for number in np.argsort(-cosines)[:5]]
        assert [each.cosine for each in found] == pytest.approx(np.sort(cosines)[::-1][:5], abs=1e-4)

    async def test_places_know_nothing_of_each_other(self, vectors: Vectors):
        made = vectors_of(2)
        await vectors.begin(made[0])
        await vectors.upsert(HERE, numbered(made[:1]))
        await vectors.upsert(THERE, [MemoryVector(MemoryId("mem_9"), 1, made[1])])
        assert sorted(await vectors.places()) == [HERE, THERE]
        assert [each.memory_id for each in await vectors.query(HERE, made[1], 9)] == ["mem_0"]
        assert dict(await vectors.held(THERE)) == {"mem_9": 1}
        await vectors.clear(HERE)
        assert await vectors.query(HERE, made[0], 9) == []
        assert await vectors.held(HERE) == {}
        assert [each.memory_id for each in await vectors.query(THERE, made[0], 9)] == ["mem_9"]

    async def test_a_place_that_was_never_used_is_empty(self, vectors: Vectors):
        await vectors.begin(vectors_of(1)[0])
        assert await vectors.query(HERE, vectors_of(1)[0], 3) == []
        assert await vectors.held(HERE) == {}
        await vectors.delete(HERE, [MemoryId("mem_0")])
        await vectors.clear(HERE)

    async def test_a_memory_has_one_vector_and_it_is_the_newest(self, vectors: Vectors):
        old, new = vectors_of(2)
        await vectors.begin(old)
        await vectors.upsert(HERE, numbered([old], version=1))
        await vectors.upsert(HERE, numbered([new], version=2))
        assert dict(await vectors.held(HERE)) == {"mem_0": 2}
        (found,) = await vectors.query(HERE, new, 9)
        assert found.version == 2
        assert found.cosine == pytest.approx(1, abs=1e-4)

    async def test_what_was_deleted_is_found_no_more(self, vectors: Vectors):
        made = vectors_of(20)
        await vectors.begin(made[0])
        await vectors.upsert(HERE, numbered(made))
        await vectors.delete(HERE, [MemoryId("mem_3"), MemoryId("mem_none")])
        assert len(await vectors.query(HERE, made[3], 50)) == 19
        assert "mem_3" not in await vectors.held(HERE)
        await vectors.delete(HERE, [MemoryId(f"mem_{number}") for number in range(20)])
        assert await vectors.query(HERE, made[3], 50) == []
        await vectors.upsert(HERE, numbered(made[:2]))
        assert len(await vectors.query(HERE, made[3], 50)) == 2

    async def test_beginning_forgets_everything_and_other_dimensions_may_follow(self, vectors: Vectors):
        await vectors.begin(vectors_of(1)[0])
        await vectors.upsert(HERE, numbered(vectors_of(3)))
        other = vectors_of(3, dimensions=8)
        await vectors.begin(other[0])
        assert await vectors.places() == []
        await vectors.upsert(HERE, numbered(other))
        assert [each.memory_id for each in await vectors.query(HERE, other[1], 1)] == ["mem_1"]

    async def test_all_that_is_held_is_told(self, vectors: Vectors):
        made = vectors_of(2500)
        await vectors.begin(made[0])
        await vectors.upsert(HERE, numbered(made))
        assert len(await vectors.held(HERE)) == 2500
        await vectors.delete(HERE, [each.memory_id for each in numbered(made)[:2400]])
        assert len(await vectors.held(HERE)) == 100
        assert len(await vectors.query(HERE, made[0], 200)) == 100

    async def test_who_leaves_leaves_them_usable(self, vectors: Vectors):
        made = vectors_of(100)
        await vectors.begin(made[0])
        for wait_ms in range(5):
            with anyio.move_on_after(wait_ms / 1000):
                await vectors.upsert(HERE, numbered(made))
            with anyio.move_on_after(wait_ms / 1000), suppress(EngineError):
                await vectors.query(HERE, made[0], 3)
        with anyio.fail_after(PATIENCE_S):
            await vectors.upsert(HERE, numbered(made))
            assert (await vectors.query(HERE, made[5], 1))[0].memory_id == "mem_5"
