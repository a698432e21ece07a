"""What everything does that holds vectors."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from myna.core.ids import MemoryId
from myna.memory.base import Scope

Vector: TypeAlias = NDArray[np.float32]
"""A unit vector, shape ``(dimensions,)``."""

OURS = "myna-"
"""What the names of all places begin with."""
MARK = "myna-made-with"
"""The place of the mark of the embedding."""
PAGE = 1000
"""So many ids are read or written at a time."""
BREADTH = 200
"""How widely Chroma's index is searched (``ef_search``): with its default of 100 it misses more of the nearest."""


@dataclass(frozen=True, slots=True, eq=False)
class MemoryVector:
    """The vector of a memory; ``version`` says of which of its texts."""

    memory_id: MemoryId
    version: int
    vector: Vector


@dataclass(frozen=True, slots=True)
class Near:
    """A memory that was found, and the cosine between this version of its text and the question."""

    memory_id: MemoryId
    version: int
    cosine: float


class Vectors(Protocol):
    """Holds vectors, in *places*: one for each scope, and none knows of another (`place_of`).

    They are derived from the SQL store: what is lost is made again. No text is in them, and no name of a user.

    Raises `EngineError` from every method, and from whatever opens it, where it does not do its work. Whoever calls
    bounds the wait; a call that was given up may still take effect, or half of it, at which the next one may fail.
    """

    async def made_with(self) -> Vector | None:
        """The mark of the embedding that all vectors were made with; None where there are none yet."""
        ...

    async def begin(self, mark: Vector) -> None:
        """Forget everything; what comes is made with the embedding of this mark."""
        ...

    async def places(self) -> Sequence[str]:
        """The places in which there may be vectors."""
        ...

    async def held(self, place: str) -> Mapping[MemoryId, int]:
        """The memories in a place, with the versions of their texts."""
        ...

    async def upsert(self, place: str, vectors: Sequence[MemoryVector]) -> None:
        """Hold these; those of the same memories are replaced."""
        ...

    async def delete(self, place: str, memory_ids: Sequence[MemoryId]) -> None:
        """They are gone; no matter whether they were there."""
        ...

    async def clear(self, place: str) -> None:
        """The whole place is gone."""
        ...

    async def query(self, place: str, vector: Vector, limit: int) -> Sequence[Near]:
        """The nearest in a place, the nearest first. One that was forgotten meanwhile may be among them."""
        ...


def place_of(scope: Scope) -> str:
    """Where the vectors of a scope are: a name of 43 letters and digits that tells nobody whose they are."""
    return f"{OURS}{hashlib.sha256(repr((scope.user_id, scope.persona_id)).encode()).hexdigest()[:38]}"
