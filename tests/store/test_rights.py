import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from tests.store.test_database import make_old

from myna.store.opening import open_store

pytestmark = [pytest.mark.anyio, pytest.mark.skipif(os.name != "posix", reason="rights are kept otherwise here")]


def open_to_others(folder: Path) -> list[str]:
    return [str(path) for path in (folder, *folder.rglob("*")) if path.stat().st_mode & 0o077]


async def test_a_new_database_and_its_folder_are_for_nobody_else(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        async with open_store(str(tmp_path / "data" / "myna.db")):
            assert (tmp_path / "data" / "myna.db-wal").exists()
            assert not open_to_others(tmp_path / "data")
    finally:
        os.umask(before)


async def test_one_that_is_there_is_closed_to_others_with_its_log_and_backups(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        folder = tmp_path / "data"
        folder.mkdir()
        make_old(folder / "myna.db")
        async with open_store(folder / "myna.db") as store:
            (backup,) = store.database.backups()
            backup.chmod(0o644)
            (folder / "myna.db").chmod(0o644)
        folder.chmod(0o755)
        with closing(sqlite3.connect(folder / "myna.db")) as other:
            other.execute("INSERT INTO turns SELECT * FROM turns")
            assert (folder / "myna.db-wal").exists()
            async with open_store(folder / "myna.db"):
                assert not open_to_others(folder)
    finally:
        os.umask(before)


async def test_a_folder_that_somebody_named_keeps_its_rights(tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    async with open_store(str(folder / "myna.db")):
        assert open_to_others(folder) == [str(folder)]
