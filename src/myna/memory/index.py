"""The vectors of memories, kept in line with SQL: opened, compared, made again, and asked within a bounded time.

One task owns the vectors and brings them in line. SQL says what they lack (`tables.vector_work`): that is written in
the transaction that changes a memory, so whatever dies, and whenever, it is found again. At the start and after each
failure they are compared with all memories besides. Until they are there, and whenever they fail, memories are found by
words alone.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, TypeAlias

import anyio
import numpy as np
from sqlalchemy import Row, and_, delete, exists, insert, select

from myna.core.errors import EngineTimeout, EngineUnavailable, MynaError
from myna.core.ids import MemoryId, UserId
from myna.engines.base import Embedder
from myna.memory.base import Scope
from myna.memory.meaning import LONGEST_QUESTION, Meaning, learn_meaning
from myna.memory.tables import memories, vector_work
from myna.memory.vectors.base import MemoryVector, Near, Vectors, place_of
from myna.store.database import Database

log = logging.getLogger(__name__)

NEAR_S = 0.3
"""How long a question waits for its meaning; then words have to do."""
DROP_S = 1.0
"""How long forgetting waits for the vectors. What they do not do in time is done later."""
OPEN_S, CALL_S = 60.0, 30.0
"""How long opening the vectors may take, and each call while nobody waits."""
EMBED_S = 300.0
"""How long the embedder may take for some memories: others go first, and the machine may be slow."""
LOOK_S = 5.0
"""How often it is looked for what other processes have changed, in seconds."""
COMPARE_S = 3600.0
"""How often vectors are compared with SQL though nothing failed, in seconds."""
AGAIN_S = (1.0, 60.0)
"""After the first failure, and after many, it is tried again in so many seconds."""
AT_ONCE = 32
"""So many memories are embedded before their vectors are written."""
SAME = 0.99
"""The cosine of two marks of the same embedding, from here on."""

OpenVectors: TypeAlias = Callable[[], AbstractAsyncContextManager[Vectors]]


@dataclass(frozen=True, slots=True)
class IndexState:
    """How vectors stand: ``off`` by the settings, else not there yet, there, or not to be had, and why."""

    status: Literal["off", "loading", "ready", "failed"]
    problem: MynaError | None = None


class VectorIndex:
    """Finds memories by meaning. `run` has to run in a task of its own.

    Args:
        database: Where the memories are.
        open_vectors: Opens what holds the vectors; None: memories are found by words alone.
        embedder: Gives the one that is there now; None if there is none, or not yet.
    """

    def __init__(
        self, database: Database, open_vectors: OpenVectors | None, embedder: Callable[[], Embedder | None]
    ) -> None:
        self.state = IndexState("off" if open_vectors is None else "loading")
        self._database = database
        self._open_vectors = open_vectors
        self._embedder = embedder
        self._meaning: Meaning | None = None
        self._vectors: Vectors | None = None
        self._writing = anyio.Lock()
        self._waiting = anyio.Event()
        self._idle = anyio.Event()
        self._failed: MynaError | None = None

    def work(self) -> None:
        """Something has changed: look at it now."""
        self._waiting.set()

    async def idle(self) -> None:
        """Wait until the vectors have all that SQL has."""
        if self.state.status != "off":
            self._idle = anyio.Event()
            self.work()
            await self._idle.wait()

    async def near(self, scope: Scope, text: str, limit: int) -> Sequence[Near] | None:
        """The memories that are nearest in meaning, the nearest first; None where that cannot be told in time."""
        vectors, meaning, text = self._vectors, self._meaning, text[:LONGEST_QUESTION].strip()
        if vectors is None or meaning is None or self._embedder() is not meaning.embedder or not text:
            return None
        with anyio.move_on_after(NEAR_S), suppress(MynaError):  # of the embedder, which tells by itself how it is
            (vector,) = await meaning.of([text], "query")
            try:
                return await vectors.query(place_of(scope), vector, limit)
            except MynaError as error:
                self._give_up(error)
        return None

    async def drop(self, scope: Scope, memory_ids: Sequence[MemoryId]) -> None:
        """These are gone, now if that can be, else as soon as it can. Never fails."""
        vectors = self._vectors
        if vectors is not None:
            with anyio.move_on_after(DROP_S):
                try:
                    async with self._writing:
                        await vectors.delete(place_of(scope), memory_ids)
                        await self._done(memory_ids)
                except MynaError as error:
                    self._give_up(error)
                return
            log.warning("The vectors of forgotten memories are still there; they will be deleted later.")
        self.work()

    async def run(self) -> None:
        """Keep vectors in line with SQL, until cancelled."""
        if self._open_vectors is None:
            return
        again_s = AGAIN_S[0]
        while True:
            problem = await self._keep_open(self._open_vectors)
            if self.state.status == "ready":
                again_s = AGAIN_S[0]
            self._lost(problem)
            await anyio.sleep(again_s)
            again_s = min(AGAIN_S[1], 2 * again_s)

    async def _keep_open(self, open_vectors: OpenVectors) -> MynaError:
        """Open the vectors and keep them in line until they fail; gives why."""
        try:
            with anyio.fail_after(OPEN_S) as opening:
                async with open_vectors() as vectors:
                    opening.deadline = float("inf")
                    await self._keep(vectors)
        except TimeoutError:
            return EngineTimeout("What makes or holds the vectors of memories does not answer.")
        except MynaError as error:
            return error
        except Exception as error:  # packages of others stand behind this door, and know no errors of ours
            log.debug("vectors of memories", exc_info=True)
            return EngineUnavailable(f"The vectors of memories failed: {type(error).__name__}: {error}.")

    def _give_up(self, error: MynaError) -> None:
        """The vectors failed somebody else than their owner, who is told."""
        self._failed, self._vectors = error, None
        self._waiting.set()

    def _lost(self, error: MynaError) -> None:
        self._vectors = None
        if self.state.problem is None or str(self.state.problem) != str(error):
            log.warning("Memories are found by words alone: %s", error)
        self.state = IndexState("failed", error)

    async def _keep(self, vectors: Vectors) -> NoReturn:
        """Bring these vectors in line again and again, until they fail."""
        compared_at = -COMPARE_S
        while True:
            self._waiting = anyio.Event()
            meaning = await self._learn()
            if meaning is not None and (
                self._vectors is None or anyio.current_time() - compared_at > COMPARE_S or meaning is not self._meaning
            ):
                await self._compare(vectors, meaning)
                compared_at = anyio.current_time()
                self._meaning, self._vectors = meaning, vectors
            if meaning is not None:
                await self._catch_up(vectors, meaning)
                self.state = IndexState("ready")
                if not self._waiting.is_set():
                    self._idle.set()
            with anyio.move_on_after(LOOK_S if meaning is not None else 1.0):
                await self._waiting.wait()
            if self._failed is not None:
                failed, self._failed = self._failed, None
                raise failed

    async def _learn(self) -> Meaning | None:
        """The meaning of the embedder that is there now."""
        embedder = self._embedder()
        if embedder is None or (self._meaning is not None and self._meaning.embedder is embedder):
            return self._meaning if embedder is not None else None
        with anyio.fail_after(EMBED_S):
            return await learn_meaning(embedder)

    async def _compare(self, vectors: Vectors, meaning: Meaning) -> None:
        """Note what vectors lack and delete what they should not have; all of it, if they are of another embedding."""
        with _in_time():
            mark = await vectors.made_with()
        if mark is None or mark.shape != meaning.mark.shape or float(np.dot(mark, meaning.mark)) < SAME:
            if mark is not None:
                log.info("The vectors of memories were made with another embedding; they are made again.")
            with _in_time():
                await vectors.begin(meaning.mark)
        async with self._database.read() as connection:
            rows = await connection.execute(select(memories.c.user_id, memories.c.persona_id).distinct())
            scopes = [Scope(UserId(row.user_id), row.persona_id or None) for row in rows]
        known = {place_of(scope) for scope in scopes}
        with _in_time():
            places = await vectors.places()
        for place in places:
            if place not in known:
                with _in_time():
                    await vectors.clear(place)
        for scope in scopes:
            await self._compare_scope(vectors, scope)

    async def _compare_scope(self, vectors: Vectors, scope: Scope) -> None:
        async with self._writing:
            with _in_time():
                held = await vectors.held(place_of(scope))
            here = and_(memories.c.user_id == scope.user_id, memories.c.persona_id == (scope.persona_id or ""))
            async with self._database.read() as connection:
                rows = await connection.execute(select(memories.c.id, memories.c.version).where(here))
                kept = {MemoryId(row.id): int(row.version) for row in rows}
            foreign = [memory_id for memory_id in held if memory_id not in kept]
            if foreign:
                with _in_time():
                    await vectors.delete(place_of(scope), foreign)
        lacking = [memory_id for memory_id, version in kept.items() if held.get(memory_id) != version]
        for place in range(0, len(lacking), 1000):
            some = lacking[place : place + 1000]
            async with self._database.write() as connection:
                noted = select(memories.c.id, memories.c.user_id, memories.c.persona_id).where(
                    memories.c.id.in_(some), ~exists().where(vector_work.c.memory_id == memories.c.id)
                )
                await connection.execute(insert(vector_work).from_select(["memory_id", "user_id", "persona_id"], noted))

    async def _catch_up(self, vectors: Vectors, meaning: Meaning) -> None:
        """Do what there is to do."""
        done, told_at = 0, anyio.current_time()
        while some := await self._some_work():
            await self._bring_in_line(vectors, meaning, some)
            done += len(some)
            if anyio.current_time() - told_at > LOOK_S:
                log.info("Memories are embedded: %d so far.", done)
                told_at = anyio.current_time()
            if self._failed is not None:
                return
        if done > 1000:
            log.info("Memories are embedded: all of %d.", done)

    async def _some_work(self) -> Sequence[Row[Any]]:
        wanted = (
            select(vector_work, memories.c.text, memories.c.version)
            .outerjoin(memories, memories.c.id == vector_work.c.memory_id)
            .order_by(memories.c.number.desc().nulls_first())
            .limit(AT_ONCE)
        )
        async with self._database.read() as connection:
            return (await connection.execute(wanted)).all()

    async def _bring_in_line(self, vectors: Vectors, meaning: Meaning, some: Sequence[Row[Any]]) -> None:
        there = [row for row in some if row.text is not None]
        with anyio.fail_after(EMBED_S):
            made = await meaning.of([row.text for row in there], "passage") if there else ()
        async with self._writing:
            versions = await self._versions([row.memory_id for row in some])
            places: dict[str, tuple[list[MemoryVector], list[MemoryId]]] = {}
            for row in some:
                scope = Scope(UserId(row.user_id), row.persona_id or None)
                places.setdefault(place_of(scope), ([], []))
                if row.memory_id not in versions:
                    places[place_of(scope)][1].append(MemoryId(row.memory_id))
            for row, vector in zip(there, made, strict=True):
                if versions.get(row.memory_id) == row.version:
                    scope = Scope(UserId(row.user_id), row.persona_id or None)
                    places[place_of(scope)][0].append(MemoryVector(MemoryId(row.memory_id), row.version, vector))
            for place, (new, gone) in places.items():
                with _in_time():
                    if gone:
                        await vectors.delete(place, gone)
                    if new:
                        await vectors.upsert(place, new)
                await self._done(gone, [(each.memory_id, each.version) for each in new])

    async def _versions(self, memory_ids: Sequence[str]) -> Mapping[str, int]:
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(memories.c.id, memories.c.version).where(memories.c.id.in_(memory_ids))
            )
            return {row.id: row.version for row in rows}

    async def _done(self, gone: Sequence[MemoryId], made: Sequence[tuple[MemoryId, int]] = ()) -> None:
        """Note that this needs no more work; what was changed meanwhile does."""
        async with self._database.write() as connection:
            for place in range(0, len(gone), 1000):
                some = gone[place : place + 1000]
                await connection.execute(delete(vector_work).where(vector_work.c.memory_id.in_(some)))
            for memory_id, version in made:
                same = exists().where(memories.c.id == memory_id, memories.c.version == version)
                await connection.execute(delete(vector_work).where(vector_work.c.memory_id == memory_id, same))


def _in_time() -> AbstractContextManager[anyio.CancelScope]:
    return anyio.fail_after(CALL_S)
