from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Literal

import anyio
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from myna.core.errors import EngineUnavailable
from myna.core.ids import MemoryId, UserId
from myna.engines.base import Embedder
from myna.memory.base import NewMemory, Scope
from myna.memory.index import AGAIN_S, NEAR_S
from myna.memory.opening import open_memories, open_memories_with
from myna.memory.options import MemoryOptions
from myna.memory.sql_memories import SQLMemories
from myna.memory.vectors.base import MemoryVector, Vectors, place_of
from myna.store.database import Database, open_database
from myna.testing.embed import ScriptedEmbedder
from myna.testing.llm import HANG, Pause
from myna.testing.vectors import InMemoryVectors

pytestmark = pytest.mark.anyio

ANNE, BERT = Scope(UserId("anne")), Scope(UserId("bert"))
PATIENCE_S = 30.0


class OneDirection:
    """An embedder to which everything means the same."""

    @property
    def dimensions(self) -> int:
        return 8

    async def embed(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> NDArray[np.float32]:
        return np.tile(np.eye(1, 8, dtype=np.float32), (len(texts), 1))


@asynccontextmanager
async def opened(
    folder: Path, vectors: InMemoryVectors, embedder: Embedder | None = None
) -> AsyncGenerator[SQLMemories]:
    used = embedder or ScriptedEmbedder()

    @asynccontextmanager
    async def open_vectors() -> AsyncGenerator[Vectors]:
        await vectors.places()  # raises where it is to fail
        yield vectors

    async with (
        open_database(folder / "myna.db") as database,
        open_memories_with(database, MemoryOptions(), open_vectors, lambda: used) as memories,
    ):
        yield memories


async def until(true: Callable[[], bool]) -> None:
    with anyio.fail_after(PATIENCE_S):
        while not true():
            await anyio.sleep(0.01)


async def test_what_was_added_while_there_were_no_vectors_is_embedded_at_the_next_start(tmp_path: Path) -> None:
    vectors = InMemoryVectors()
    vectors.failing = EngineUnavailable("Gone.")
    async with opened(tmp_path, vectors) as memories:
        added = [await memories.add(ANNE, NewMemory(f"likes tea number{number}")) for number in range(50)]
        await until(lambda: memories.index.state.status == "failed")
        assert [each.memory for each in await memories.recall(ANNE, "number7", limit=1)] == [added[7]]
    vectors.failing = None
    async with opened(tmp_path, vectors) as memories:
        await memories.index.idle()
        assert dict(await vectors.held(place_of(ANNE))) == dict.fromkeys((each.id for each in added), 1)


async def test_vectors_that_fail_are_opened_again_and_have_everything(tmp_path: Path) -> None:
    vectors = InMemoryVectors()
    async with opened(tmp_path, vectors) as memories:
        first = await memories.add(ANNE, NewMemory("likes tea"))
        await memories.index.idle()
        vectors.failing = EngineUnavailable("Gone.")
        assert [each.memory for each in await memories.recall(ANNE, "likes tea", limit=3)] == [first]
        second = await memories.add(ANNE, NewMemory("plays violin"))
        await memories.forget(ANNE, [first.id])
        await until(lambda: memories.index.state.status == "failed")
        vectors.failing = None
        with anyio.fail_after(PATIENCE_S + AGAIN_S[1]):
            await memories.index.idle()
        assert dict(await vectors.held(place_of(ANNE))) == {second.id: 1}
        assert memories.index.state.problem is None


async def test_what_was_forgotten_is_gone_from_the_vectors_at_once(tmp_path: Path) -> None:
    vectors = InMemoryVectors()
    async with opened(tmp_path, vectors) as memories:
        added = [await memories.add(scope, NewMemory("likes tea")) for scope in (ANNE, BERT)]
        await memories.index.idle()
        await memories.forget(ANNE, [added[0].id])
        assert await vectors.held(place_of(ANNE)) == {}
        await memories.forget_all(BERT.user_id)
        assert await vectors.held(place_of(BERT)) == {}


async def test_what_was_forgotten_while_the_vectors_failed_is_gone_after_the_next_start(tmp_path: Path) -> None:
    vectors = InMemoryVectors()
    async with opened(tmp_path, vectors) as memories:
        added = await memories.add(ANNE, NewMemory("likes tea"))
        await memories.index.idle()
        vectors.failing = EngineUnavailable("Gone.")
        assert await memories.forget(ANNE, [added.id]) == 1
    vectors.failing = None
    assert added.id in await vectors.held(place_of(ANNE))
    async with opened(tmp_path, vectors) as memories:
        await memories.index.idle()
    assert await vectors.held(place_of(ANNE)) == {}


async def test_vectors_of_another_embedding_are_made_again(tmp_path: Path) -> None:
    vectors = InMemoryVectors()
    for embedder in (ScriptedEmbedder(dimensions=16), OneDirection(), ScriptedEmbedder(dimensions=32)):
        async with opened(tmp_path, vectors, embedder) as memories:
            added = await memories.add(ANNE, NewMemory("likes tea"))
            await memories.index.idle()
            assert dict(await vectors.held(place_of(ANNE))) == {added.id: 1}
            mark = await vectors.made_with()
            assert mark is not None
            assert mark.shape == (embedder.dimensions,)


async def test_what_the_vectors_lack_or_have_too_much_is_put_right(tmp_path: Path) -> None:
    vectors = InMemoryVectors()
    async with opened(tmp_path, vectors) as memories:
        added = [await memories.add(ANNE, NewMemory(f"likes tea number{number}")) for number in range(5)]
        await memories.index.idle()
    here = place_of(ANNE)
    await vectors.delete(here, [added[0].id])
    old = vectors.all(here)[added[1].id]
    foreign, newer = MemoryVector(MemoryId("mem_foreign"), 1, old.vector), replace(old, version=9)
    await vectors.upsert(here, [foreign, newer])
    await vectors.upsert(place_of(BERT), [old])
    async with opened(tmp_path, vectors) as memories:
        await memories.index.idle()
    assert dict(await vectors.held(here)) == dict.fromkeys((each.id for each in added), 1)
    assert await vectors.places() == [here]


async def test_an_edited_memory_is_embedded_again(tmp_path: Path) -> None:
    vectors = InMemoryVectors()
    async with opened(tmp_path, vectors) as memories:
        added = await memories.add(ANNE, NewMemory("likes tea"))
        await memories.index.idle()
        await memories.edit(ANNE, added.id, "plays violin")
        await memories.index.idle()
        assert dict(await vectors.held(place_of(ANNE))) == {added.id: 2}


async def test_an_embedder_that_takes_too_long_is_not_waited_for(tmp_path: Path) -> None:
    embedder = ScriptedEmbedder(*[[Pause(0)]] * 49, [HANG])  # the means, and the one memory
    async with opened(tmp_path, InMemoryVectors(), embedder) as memories:
        added = await memories.add(ANNE, NewMemory("likes tea"))
        await memories.index.idle()
        assert len(embedder.calls) == 49
        with anyio.fail_after(PATIENCE_S):
            assert [each.memory for each in await memories.recall(ANNE, "likes tea", limit=3)] == [added]
        assert embedder.calls[-1].kind == "query"
    assert NEAR_S < 1


async def test_an_embedder_that_fails_leaves_words(tmp_path: Path) -> None:
    async with opened(tmp_path, InMemoryVectors(), ScriptedEmbedder([EngineUnavailable("Gone.")])) as memories:
        added = await memories.add(ANNE, NewMemory("likes tea"))
        assert [each.memory for each in await memories.recall(ANNE, "likes tea", limit=3)] == [added]
        await until(lambda: memories.index.state.status == "failed")


async def test_without_vectors_by_the_settings_nothing_waits(tmp_path: Path) -> None:
    async with (
        open_database(tmp_path / "myna.db") as database,
        open_memories(database, MemoryOptions(vectors="none"), tmp_path, ScriptedEmbedder) as memories,
    ):
        await memories.add(ANNE, NewMemory("likes tea"))
        await memories.index.idle()
        assert memories.index.state.status == "off"
        assert not (tmp_path / "chroma").exists()


async def test_a_second_process_finds_by_words_and_says_why(tmp_path: Path) -> None:
    def open_it(database: Database) -> AbstractAsyncContextManager[SQLMemories]:
        embedder = ScriptedEmbedder()
        return open_memories(database, MemoryOptions(), tmp_path, lambda: embedder)

    async with open_database(tmp_path / "myna.db") as database, open_it(database) as first:
        await first.index.idle()
        async with open_it(database) as second:
            added = await second.add(ANNE, NewMemory("likes tea"))
            await until(lambda: second.index.state.status == "failed")
            assert "Another process" in str(second.index.state.problem)
            assert [each.memory for each in await second.recall(ANNE, "likes tea", limit=3)] == [added]
        await first.index.idle()  # what the second has added, the first embeds
        assert [each.memory for each in await first.nearest(ANNE, "likes tea", limit=1)] == [added]


USERS = [Scope(UserId(name), persona) for name in ("anne", "bert", "cleo") for persona in (None, "wukong")]
WORDS = ("tea", "milk", "violin", "peanuts", "小白", "生日")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kept=st.lists(st.tuples(st.sampled_from(USERS), st.lists(st.sampled_from(WORDS), min_size=1)), max_size=20),
    asked=st.lists(st.tuples(st.sampled_from(USERS), st.lists(st.sampled_from(WORDS))), min_size=25, max_size=25),
)
def test_nobody_is_told_anything_of_another(
    tmp_path_factory: pytest.TempPathFactory, kept: list[tuple[Scope, list[str]]], asked: list[tuple[Scope, list[str]]]
) -> None:
    async def main() -> None:
        async with opened(tmp_path_factory.mktemp("memories"), InMemoryVectors()) as memories:
            for scope, words in kept:
                await memories.add(scope, NewMemory(" ".join(words)[:100]))
            await memories.index.idle()
            for scope, words in asked:
                for found in (
                    await memories.recall(scope, " ".join(words), limit=9),
                    await memories.nearest(scope, " ".join(words), limit=9),
                ):
                    assert {each.memory.scope for each in found} <= {scope}

    anyio.run(main)
