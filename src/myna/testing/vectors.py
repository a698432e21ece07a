"""Vectors in memory: exact, and gone when the process ends."""

from collections.abc import Mapping, Sequence

import numpy as np

from myna.core.errors import MynaError
from myna.core.ids import MemoryId
from myna.memory.vectors.base import MemoryVector, Near, Vector


class InMemoryVectors:
    """A `myna.memory.vectors.base.Vectors`.

    Attributes:
        failing: What every method raises from now on; None: they work.
    """

    def __init__(self) -> None:
        self.failing: MynaError | None = None
        self._mark: Vector | None = None
        self._places: dict[str, dict[MemoryId, MemoryVector]] = {}

    async def made_with(self) -> Vector | None:
        """The mark that `begin` was given."""
        self._work()
        return self._mark

    async def begin(self, mark: Vector) -> None:
        """Forget everything."""
        self._work()
        self._mark = mark
        self._places.clear()

    async def places(self) -> Sequence[str]:
        """Where there are vectors."""
        self._work()
        return list(self._places)

    async def held(self, place: str) -> Mapping[MemoryId, int]:
        """What there is in a place."""
        self._work()
        return {memory_id: vector.version for memory_id, vector in self._places.get(place, {}).items()}

    def all(self, place: str) -> Mapping[MemoryId, MemoryVector]:
        """What there is in a place, with its vectors."""
        return dict(self._places.get(place, {}))

    async def upsert(self, place: str, vectors: Sequence[MemoryVector]) -> None:
        """Hold these."""
        self._work()
        self._places.setdefault(place, {}).update({vector.memory_id: vector for vector in vectors})

    async def delete(self, place: str, memory_ids: Sequence[MemoryId]) -> None:
        """They are gone."""
        self._work()
        for memory_id in memory_ids:
            self._places.get(place, {}).pop(memory_id, None)

    async def clear(self, place: str) -> None:
        """The whole place is gone."""
        self._work()
        self._places.pop(place, None)

    async def query(self, place: str, vector: Vector, limit: int) -> Sequence[Near]:
        """The nearest."""
        self._work()
        held = list(self._places.get(place, {}).values())
        if not held:
            return []
        cosines = np.array([each.vector for each in held]) @ vector
        best = ((held[int(at)], float(cosines[at])) for at in np.argsort(-cosines)[:limit])
        return [Near(each.memory_id, each.version, cosine) for each, cosine in best]

    def _work(self) -> None:
        if self.failing is not None:
            raise self.failing
