"""Killed while memories are added, edited and forgotten: nothing that was told is lost, and vectors agree with SQL."""

import random
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest

from myna.core.ids import MemoryId, UserId
from myna.memory.base import Scope
from myna.memory.opening import open_memories
from myna.memory.options import MemoryOptions
from myna.memory.vectors.base import place_of
from myna.memory.vectors.chroma import open_chroma
from myna.store.database import open_database
from myna.testing.embed import ScriptedEmbedder

ROUNDS = 2
START_S = 60.0
ROOT = Path(__file__).parents[2]

ANNE = Scope(UserId("anne"))

WORK = """
import itertools, random, sys
from pathlib import Path
import anyio
from tests.memory.test_killed import ANNE
from myna.memory.base import NewMemory
from myna.memory.opening import open_memories
from myna.memory.options import MemoryOptions
from myna.store.database import open_database
from myna.testing.embed import ScriptedEmbedder

async def main(folder):
    embedder, ids = ScriptedEmbedder(dimensions=32), []
    async with (
        open_database(folder / "myna.db") as database,
        open_memories(database, MemoryOptions(), folder, lambda: embedder) as memories,
    ):
        await memories.index.idle()
        for number in itertools.count():
            added = await memories.add(ANNE, NewMemory(f"fact {random.random()} {number}"))
            print("added", added.id, flush=True)
            ids.append(added.id)
            if number % 3 == 1:
                await memories.edit(ANNE, ids[-2], f"edited {random.random()}")
            if number % 4 == 3:
                gone = ids.pop(random.randrange(len(ids)))
                print("forgetting", gone, flush=True)
                await memories.forget(ANNE, [gone])
                print("forgotten", gone, flush=True)

anyio.run(main, Path(sys.argv[1]))
"""


def work_until_killed(folder: Path, after_s: float) -> list[tuple[str, MemoryId]]:
    """What the process said before it was killed."""
    process = subprocess.Popen([sys.executable, "-c", WORK, str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    with process, process.stdout as said:
        lines = [said.readline()]
        time.sleep(after_s)
        process.kill()
        lines += said.readlines()
    return [(what, MemoryId(memory_id)) for what, _, memory_id in (line.strip().partition(" ") for line in lines)]


@pytest.mark.anyio
async def test_nothing_is_lost_and_vectors_agree_with_sql(tmp_path: Path) -> None:
    added, forgotten, maybe = set[MemoryId](), set[MemoryId](), set[MemoryId]()
    embedder = ScriptedEmbedder(dimensions=32)
    for number in range(ROUNDS):
        for what, memory_id in work_until_killed(tmp_path, random.Random(number).uniform(0.05, 0.6)):
            {"added": added, "forgetting": maybe, "forgotten": forgotten}[what].add(memory_id)
        with anyio.fail_after(START_S):
            async with (
                open_database(tmp_path / "myna.db") as database,
                open_memories(database, MemoryOptions(), tmp_path, lambda: embedder) as memories,
            ):
                await memories.index.idle()
                kept = {each.id for each in await memories.all(ANNE, limit=10_000)}
                assert added - maybe <= kept
                assert not forgotten & kept
                found = {each.memory.id for each in await memories.nearest(ANNE, "fact", limit=10_000)}
                assert found == kept
            async with open_chroma(tmp_path) as vectors:
                assert set(await vectors.held(place_of(ANNE))) == kept
    assert added
    assert forgotten
