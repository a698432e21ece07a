"""Vectors in Chroma, in a folder that one process has at a time.

A collection for each place, since a query with a filter is slower, and finds less the fewer vectors the filter leaves.
Chroma is imported when it is opened, in a thread: that takes a second and more. It is given vectors and never texts.

Its telemetry is off: nothing of Myna's leaves the machine. Chroma reads its settings from the environment and from a
file ``.env`` as well; those that would have it export traces are set here, which goes before both.
"""

import logging
import shutil
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import anyio
import numpy as np
from filelock import FileLock, Timeout

from myna.core.errors import EngineUnavailable
from myna.core.ids import MemoryId
from myna.engines.abandoned import run_abandonable
from myna.memory.vectors.base import BREADTH, MARK, PAGE, MemoryVector, Near, Vector

T = TypeVar("T")

log = logging.getLogger(__name__)

FOLDER = "chroma"
CLOSE_S = 5.0
"""How long closing may take. What is left then ends with the process."""


class ChromaVectors:
    """A `myna.memory.vectors.base.Vectors`. Made by `open_chroma`.

    One call at a time: queries are never beside a write.
    """

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - chromadb is imported when it is opened
        self._client = client
        self._one = anyio.CapacityLimiter(1)
        self._known: dict[str, Any] = {}

    async def made_with(self) -> Vector | None:
        """The mark; None where nothing was made yet."""
        return await self._do(self._made_with)

    async def begin(self, mark: Vector) -> None:
        """Forget everything, and keep the mark: last, so that what was half forgotten is forgotten again."""

        def begin() -> None:
            for name in self._names():
                self._remove(name)
            self._open(MARK).upsert(ids=["mark"], embeddings=[mark], metadatas=[{"version": 1}])

        await self._do(begin)

    async def places(self) -> Sequence[str]:
        """The collections."""
        return await self._do(lambda: [name for name in self._names() if name != MARK])

    async def held(self, place: str) -> Mapping[MemoryId, int]:
        """What a collection holds."""
        held: dict[MemoryId, int] = {}

        def page() -> int:
            collection = self._find(place)
            if collection is None:
                return 0
            got = collection.get(include=["metadatas"], limit=PAGE, offset=len(held))
            found = dict(zip(got["ids"], got["metadatas"], strict=True))
            held.update({MemoryId(each): int(about["version"]) for each, about in found.items()})
            return len(found)

        while await self._do(page) == PAGE:
            pass
        return held

    async def upsert(self, place: str, vectors: Sequence[MemoryVector]) -> None:
        """Hold these."""
        await self._do(
            lambda: self._open(place).upsert(
                ids=[each.memory_id for each in vectors],
                embeddings=[each.vector for each in vectors],
                metadatas=[{"version": each.version} for each in vectors],
            )
        )

    async def delete(self, place: str, memory_ids: Sequence[MemoryId]) -> None:
        """They are gone; with the last of them the collection, and with it all that its index had of them."""

        def delete() -> None:
            collection = self._find(place)
            if collection is None:
                return
            for at in range(0, len(memory_ids), PAGE):
                collection.delete(ids=list(memory_ids[at : at + PAGE]))
            if collection.count() == 0:
                self._remove(place)

        await self._do(delete)

    async def clear(self, place: str) -> None:
        """The collection is gone."""
        await self._do(lambda: self._remove(place))

    async def query(self, place: str, vector: Vector, limit: int) -> Sequence[Near]:
        """The nearest, as far as Chroma's index finds them."""

        def query() -> Sequence[Near]:
            collection = self._find(place)
            if collection is None:
                return []
            found = collection.query(query_embeddings=[vector], n_results=limit, include=["distances", "metadatas"])
            rows = zip(found["ids"][0], found["metadatas"][0], found["distances"][0], strict=True)
            return [Near(MemoryId(id_), int(about["version"]), 1 - float(distance)) for id_, about, distance in rows]

        return await self._do(query)

    def _made_with(self) -> Vector | None:
        collection = self._find(MARK)
        if collection is None:
            return None
        got = collection.get(ids=["mark"], include=["embeddings"])
        return np.asarray(got["embeddings"][0], np.float32) if got["ids"] else None

    def _names(self) -> Sequence[str]:
        names: list[str] = []
        while page := self._client.list_collections(limit=PAGE, offset=len(names)):
            names += [each.name for each in page]
        return names

    def _find(self, name: str) -> Any | None:  # noqa: ANN401 - see above
        from chromadb.errors import NotFoundError  # noqa: PLC0415 - heavy; it is there when this is called

        if name not in self._known:
            with suppress(NotFoundError):
                self._known[name] = self._client.get_collection(name, embedding_function=None)
        return self._known.get(name)

    def _open(self, name: str) -> Any:  # noqa: ANN401 - see above
        if (found := self._find(name)) is None:
            index = {"space": "cosine", "ef_search": BREADTH}
            found = self._client.get_or_create_collection(name, embedding_function=None, configuration={"hnsw": index})
            self._known[name] = found
        return found

    def _remove(self, name: str) -> None:
        from chromadb.errors import NotFoundError  # noqa: PLC0415 - see above

        self._known.pop(name, None)
        with suppress(NotFoundError):
            self._client.delete_collection(name)

    async def _do(self, call: Callable[[], T]) -> T:
        return await run_abandonable(lambda: _told(call), limiter=self._one)


@asynccontextmanager
async def open_chroma(folder: Path) -> AsyncGenerator[ChromaVectors]:
    """Chroma in ``folder``, which is made; one that Chroma cannot read is thrown away and made anew.

    Raises:
        EngineUnavailable: Another process has it, or it cannot be opened.
    """
    path = folder / FOLDER
    lock = FileLock(folder / f"{FOLDER}.lock", thread_local=False, is_singleton=False)
    try:
        await anyio.Path(folder).mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise EngineUnavailable(
            f"Another process has the vectors of memories in {path}.",
            hint="One process at a time finds memories by meaning; a Chroma server (memory.vectors) serves several.",
        ) from None
    except OSError as error:
        raise EngineUnavailable(
            f"{folder} cannot be written: {error.strerror}.", hint="See to its rights, or let MYNA_HOME name another."
        ) from error
    client: Any = None
    try:
        client = await run_abandonable(lambda: _told(lambda: _open_folder(path)))
        yield ChromaVectors(client)
    finally:
        with anyio.move_on_after(CLOSE_S, shield=True):
            if client is not None:
                await run_abandonable(client.close)
        lock.release()


def _open_folder(path: Path) -> Any:  # noqa: ANN401 - chromadb is imported here
    import chromadb  # noqa: PLC0415 - heavy

    def open_() -> Any:  # noqa: ANN401 - see above
        client: Any = chromadb.PersistentClient(path, settings=_settings())
        try:
            for collection in client.list_collections():  # all of it has to be readable
                collection.get(limit=1, include=["embeddings"])
        except BaseException:
            client.close()
            raise
        return client

    try:
        return _told(open_)
    except EngineUnavailable as error:
        log.warning("The vectors of memories in %s are unusable and will be made again. %s", path, error)
        _forget_client(path)
        with suppress(OSError):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        try:
            return _told(open_)
        except EngineUnavailable:
            _forget_client(path)
            raise


def _forget_client(path: Path) -> None:
    """Chroma remembers for each folder a client that did not even start, and would give that one again."""
    from chromadb.api.shared_system_client import SharedSystemClient  # noqa: PLC0415 - heavy

    systems: dict[str, Any] = getattr(SharedSystemClient, "_identifier_to_system", {})
    systems.pop(str(path), None)


def _settings() -> Any:  # noqa: ANN401 - see above
    from chromadb.config import Settings  # noqa: PLC0415 - heavy

    return Settings(
        anonymized_telemetry=False,
        chroma_api_impl="chromadb.api.rust.RustBindingsAPI",
        chroma_product_telemetry_impl="chromadb.telemetry.product.posthog.Posthog",
        chroma_otel_collection_endpoint="",
        chroma_otel_granularity="none",
        allow_reset=False,
        migrations="apply",
    )


def _told(call: Callable[[], T]) -> T:
    """What Chroma raises is one of our errors; it panics, too, which Python hands on as no `Exception`."""
    try:
        return call()
    except EngineUnavailable:
        raise
    except Exception as error:
        raise EngineUnavailable(f"Chroma failed: {type(error).__name__}: {error}.") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise EngineUnavailable(f"Chroma panicked: {error}.") from error
