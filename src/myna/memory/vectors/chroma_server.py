"""Vectors in a Chroma server, over its HTTP API (v2).

Chroma's own client is not used: it takes a second and 100 MB to import, waits for ever, and leaves connections open.
A server serves several processes of one Myna. What else it holds is left alone; two Mynas need a server each.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx
import numpy as np
from pydantic import BaseModel, TypeAdapter, ValidationError

from myna.core.errors import EngineRefused, EngineTimeout, EngineUnavailable
from myna.core.ids import MemoryId
from myna.memory.vectors.base import BREADTH, MARK, OURS, PAGE, MemoryVector, Near, Vector

T = TypeVar("T")

CONNECT_S, ANSWER_S = 5.0, 20.0
"""How long the server may take to take a connection, and to answer."""
_PATH = "/api/v2/tenants/default_tenant/databases/default_database/collections"


class _Collection(BaseModel):
    id: str
    name: str


class _About(BaseModel):
    version: int = 0


class _Got(BaseModel):
    ids: list[str]
    metadatas: list[_About | None] | None = None
    embeddings: list[list[float]] | None = None


class _Found(BaseModel):
    ids: list[list[str]]
    metadatas: list[list[_About | None]]
    distances: list[list[float]]


_COLLECTION, _COLLECTIONS = TypeAdapter(_Collection), TypeAdapter(list[_Collection])
_GOT, _FOUND, _COUNT = TypeAdapter(_Got), TypeAdapter(_Found), TypeAdapter(int)


class ChromaServerVectors:
    """A `myna.memory.vectors.base.Vectors`. Made by `open_chroma_server`."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url
        self._known: dict[str, str] = {}

    async def made_with(self) -> Vector | None:
        """The mark; None where nothing was made yet."""
        if (collection := await self._find(MARK)) is None:
            return None
        body = {"ids": ["mark"], "include": ["embeddings"]}
        got = self._read(_GOT, await self._ask("POST", f"/{collection}/get", body))
        return np.array(got.embeddings[0], np.float32) if got.embeddings else None

    async def begin(self, mark: Vector) -> None:
        """Forget everything, and keep the mark."""
        for name in await self._names():
            await self.clear(name)
        await self.upsert(MARK, [MemoryVector(MemoryId("mark"), 1, mark)])

    async def places(self) -> Sequence[str]:
        """The collections."""
        return [name for name in await self._names() if name != MARK]

    async def held(self, place: str) -> Mapping[MemoryId, int]:
        """What a collection holds."""
        held: dict[MemoryId, int] = {}
        collection = await self._find(place)
        while collection is not None:
            body = {"include": ["metadatas"], "limit": PAGE, "offset": len(held)}
            got = self._read(_GOT, await self._ask("POST", f"/{collection}/get", body))
            abouts = got.metadatas or [None] * len(got.ids)
            held |= {MemoryId(each): (about or _About()).version for each, about in zip(got.ids, abouts, strict=True)}
            if len(got.ids) < PAGE:
                break
        return held

    async def upsert(self, place: str, vectors: Sequence[MemoryVector]) -> None:
        """Hold these."""
        if (collection := await self._find(place)) is None:
            index = {"hnsw": {"space": "cosine", "ef_search": BREADTH}}
            body = {"name": place, "get_or_create": True, "configuration": index}
            collection = self._read(_COLLECTION, await self._ask("POST", "", body)).id
            self._known[place] = collection
        for at in range(0, len(vectors), PAGE):
            some = vectors[at : at + PAGE]
            body = {
                "ids": [each.memory_id for each in some],
                "embeddings": [each.vector.tolist() for each in some],
                "metadatas": [{"version": each.version} for each in some],
            }
            await self._ask("POST", f"/{collection}/upsert", body)

    async def delete(self, place: str, memory_ids: Sequence[MemoryId]) -> None:
        """They are gone; with the last of them the collection."""
        if (collection := await self._find(place)) is None:
            return
        for at in range(0, len(memory_ids), PAGE):
            await self._ask("POST", f"/{collection}/delete", {"ids": list(memory_ids[at : at + PAGE])})
        if self._read(_COUNT, await self._ask("GET", f"/{collection}/count")) == 0:
            await self.clear(place)

    async def clear(self, place: str) -> None:
        """The collection is gone."""
        self._known.pop(place, None)
        await self._ask("DELETE", f"/{place}", missing=True)

    async def query(self, place: str, vector: Vector, limit: int) -> Sequence[Near]:
        """The nearest, as far as Chroma's index finds them."""
        if (collection := await self._find(place)) is None:
            return []
        body = {"query_embeddings": [vector.tolist()], "n_results": limit, "include": ["distances", "metadatas"]}
        found = self._read(_FOUND, await self._ask("POST", f"/{collection}/query", body))
        rows = zip(found.ids[0], found.metadatas[0], found.distances[0], strict=True)
        return [Near(MemoryId(id_), (about or _About()).version, 1 - distance) for id_, about, distance in rows]

    async def _names(self) -> Sequence[str]:
        names: list[str] = []
        while True:
            page = self._read(_COLLECTIONS, await self._ask("GET", f"?limit={PAGE}&offset={len(names)}"))
            names += [each.name for each in page]
            if len(page) < PAGE:
                return [name for name in names if name.startswith(OURS)]

    async def _find(self, name: str) -> str | None:
        if name not in self._known:
            answer = await self._ask("GET", f"/{name}", missing=True)
            if answer is None:
                return None
            self._known[name] = self._read(_COLLECTION, answer).id
        return self._known[name]

    async def _ask(
        self, method: str, path: str, body: Mapping[str, object] | None = None, *, missing: bool = False
    ) -> bytes | None:
        """The body of the answer; None if there is no such thing, and that may be (``missing``)."""
        try:
            answer = await self._client.request(method, f"{_PATH}{path}", json=body)
        except httpx.TimeoutException as error:
            raise EngineTimeout(
                f"The Chroma server at {self._url} does not answer.", hint="See that it runs."
            ) from error
        except httpx.HTTPError as error:
            raise EngineUnavailable(
                f"The Chroma server at {self._url} is out of reach: {error or type(error).__name__}.",
                hint="Start it (`chroma run`), or see to memory.vectors.",
            ) from error
        if answer.is_success:
            return answer.content
        if missing and answer.status_code == 404:
            return None
        self._known.clear()  # another process may have made its collections anew
        hint = "See to memory.chroma_token." if answer.status_code in {401, 403} else "It must be Chroma 1.0 or newer."
        raise EngineRefused(
            f"The Chroma server at {self._url} answered with status {answer.status_code}: {answer.text[:200]}",
            hint=hint,
        )

    def _read(self, kind: TypeAdapter[T], content: bytes | None) -> T:
        try:
            return kind.validate_json(content or b"")
        except ValidationError as error:
            raise EngineRefused(
                f"What the server at {self._url} answers is not Chroma's.", hint="See to memory.vectors."
            ) from error


@asynccontextmanager
async def open_chroma_server(url: str, token: str) -> AsyncGenerator[ChromaServerVectors]:
    """Vectors in the server at ``url``.

    Raises:
        EngineError: It is out of reach, or refuses.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    timeout = httpx.Timeout(ANSWER_S, connect=CONNECT_S)
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout, trust_env=False) as client:
        vectors = ChromaServerVectors(client, url)
        await vectors.made_with()
        yield vectors
