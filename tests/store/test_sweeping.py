import sqlite3
from contextlib import closing
from pathlib import Path

import anyio
import pytest
from sqlalchemy import text

from myna.core.ids import OWNER, ConversationId, MessageId, TurnId
from myna.core.messages import Conversation, UserMessage
from myna.store.opening import open_store
from myna.store.sql import SQLStore
from myna.store.sweeping import sweep

pytestmark = pytest.mark.anyio

KITCHEN = Conversation(ConversationId("kitchen"), "assistant")
PATIENCE_S = 10.0


async def keep_a_secret(store: SQLStore) -> Path:
    """Have it said that the code is zebrafish; give the folder of the database, which has a backup with that."""
    await store.create(KITCHEN)
    await store.append(KITCHEN.id, UserMessage(MessageId("1"), TurnId("1"), "my code is zebrafish"))
    assert store.database.file is not None
    folder = store.database.file.parent
    (folder / "backups").mkdir()
    (folder / "backups" / "myna-20260101T000000-0001.db").write_text("zebrafish")
    (folder / "backups" / "myna-test-20260101T000000-0001.db").write_text("of another database")
    return folder


def traces(folder: Path) -> list[str]:
    return [file.name for file in folder.rglob("*") if file.is_file() and b"zebrafish" in file.read_bytes()]


async def swept(store: SQLStore) -> None:
    with anyio.fail_after(PATIENCE_S):
        while store.database.has_traces():
            await anyio.sleep(0.01)


async def test_what_a_killed_process_deleted_is_swept_away_by_the_next_one(tmp_path: Path) -> None:
    async with open_store(tmp_path / "myna.db") as store:
        folder = await keep_a_secret(store)
        async with store.database.write() as connection:  # and here it is killed
            await connection.run_sync(store.database.mark_traces)
            await connection.execute(text("DELETE FROM message_words"))
            await connection.execute(text("DELETE FROM messages"))
    assert traces(folder)
    async with open_store(tmp_path / "myna.db") as store:
        await swept(store)
        assert not traces(folder)
        assert [file.name for file in (folder / "backups").iterdir()] == ["myna-test-20260101T000000-0001.db"]


async def test_a_log_that_somebody_read_is_swept_away_later(tmp_path: Path) -> None:
    async with open_store(tmp_path / "myna.db") as store:
        folder = await keep_a_secret(store)
        with closing(sqlite3.connect(tmp_path / "myna.db", isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM messages").fetchall()
            await store.delete(OWNER, KITCHEN.id)
            assert store.database.has_traces()
            assert traces(folder)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sweep, store.database)
            await swept(store)
            tasks.cancel_scope.cancel()
        assert not traces(folder)


async def test_what_was_deleted_undisturbed_leaves_nothing_to_sweep(tmp_path: Path) -> None:
    async with open_store(tmp_path / "myna.db") as store:
        folder = await keep_a_secret(store)
        await store.delete(OWNER, KITCHEN.id)
        assert not store.database.has_traces()
        assert not traces(folder)
        assert (folder / "backups" / "myna-test-20260101T000000-0001.db").exists()


async def test_a_database_has_its_backups_whatever_its_name_is(tmp_path: Path) -> None:
    async with open_store(tmp_path / "my[na].db") as store:
        (tmp_path / "backups").mkdir()
        (tmp_path / "backups" / "my[na]-20260101T000000-0001.db").touch()
        assert len(store.database.backups()) == 1
