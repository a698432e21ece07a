"""``myna memory`` in a process of its own, while another holds the memories with their vectors."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from myna.core.ids import OWNER, MemoryId
from myna.memory.base import Memories, NewMemory, Scope
from myna.memory.opening import open_memories
from myna.memory.options import MemoryOptions
from myna.store.database import open_database
from myna.testing.embed import ScriptedEmbedder

pytestmark = pytest.mark.anyio

ALL = Scope(OWNER)


COMMANDS = """
import json, sys
from myna.cli.main import app
for words in json.loads(sys.argv[1]):
    app(["memory", *words], standalone_mode=False)
"""


async def myna(home: Path, *commands: Sequence[str]) -> str:
    """What these commands print, run one after another in one other process."""

    def run() -> str:
        environ = {**os.environ, "MYNA_HOME": str(home)}
        environ.pop("MYNA_TEST_WEIGHTS", None)
        ended = subprocess.run(
            [sys.executable, "-c", COMMANDS, json.dumps(commands)],
            cwd=home,
            env=environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    return await anyio.to_thread.run_sync(run)


async def recalled(memories: Memories, text: str) -> Sequence[str]:
    return [each.memory.text for each in await memories.recall(ALL, text, limit=5)]


async def test_what_is_changed_there_is_in_effect_here_at_once_and_in_the_vectors_soon(tmp_path: Path) -> None:
    data, embedder = tmp_path / "data", ScriptedEmbedder()
    async with (
        open_database(data / "myna.db") as database,
        open_memories(database, MemoryOptions(), data, lambda: embedder) as memories,
    ):
        spiders = await memories.add(ALL, NewMemory("Is afraid of large spiders"))
        tea = await memories.add(ALL, NewMemory("Likes green tea"))
        with anyio.fail_after(60):
            await memories.index.idle()
        assert await recalled(memories, "large spiders") == [spiders.text]

        told = await myna(
            tmp_path,
            ["forget", spiders.id, "--yes"],
            ["edit", tea.id, "Likes black coffee"],
            ["add", "Plays the violin"],
        )
        assert await recalled(memories, "large spiders") == []
        assert await recalled(memories, "green tea") == []  # its old vector may be there still
        added = MemoryId(told.splitlines()[-1].split()[0])
        with anyio.fail_after(60):
            await memories.index.idle()
            while await recalled(memories, "black coffee") != ["Likes black coffee"]:
                await anyio.sleep(0.1)
            assert await recalled(memories, "the violin") == ["Plays the violin"]
            while {each.memory_id for each in await memories.index.near(ALL, "violin", 10) or ()} != {tea.id, added}:
                await anyio.sleep(0.1)
