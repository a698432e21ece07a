"""What was forgotten is in no file that Myna keeps."""

from pathlib import Path

import pytest

from myna.core.ids import UserId
from myna.memory.base import NewMemory, Scope
from myna.memory.opening import open_memories
from myna.memory.options import MemoryOptions
from myna.store.database import open_database
from myna.testing.embed import ScriptedEmbedder

ANNE = Scope(UserId("anne"))
SECRET = "Zanzibar"


def holding(folder: Path, text: str) -> list[str]:
    """The files that have this text, in whatever case."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path.name for path in files if text.casefold().encode() in path.read_bytes().lower()]


@pytest.mark.anyio
async def test_a_forgotten_text_is_gone_from_all_files_at_once(tmp_path: Path) -> None:
    embedder = ScriptedEmbedder()
    async with (
        open_database(tmp_path / "myna.db") as database,
        open_memories(database, MemoryOptions(), tmp_path, lambda: embedder) as memories,
    ):
        for number in range(20):
            await memories.add(ANNE, NewMemory(f"likes tea number{number}"))
        gone = await memories.add(ANNE, NewMemory(f"was born in {SECRET}"))
        await memories.index.idle()
        assert holding(tmp_path, SECRET)
        await memories.edit(ANNE, gone.id, f"was born near {SECRET}")
        await memories.forget(ANNE, [gone.id])
        assert holding(tmp_path, SECRET) == []
