import sqlite3
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from traceback import format_exception

import anyio
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError
from tests.store.postgres import Postgres

from myna.core.errors import BadConfig, StoreUnavailable, StoreUnusable
from myna.core.ids import OWNER, ConversationId, new_conversation_id, new_message_id, new_turn_id
from myna.core.messages import Conversation, UserMessage
from myna.memory import tables as memory_tables
from myna.store import tables
from myna.store.database import Database, open_database
from myna.store.migrating import MOST_BACKUPS
from myna.store.sql import SQLStore

pytestmark = pytest.mark.anyio

NEVER = "postgresql://nobody@127.0.0.1:9/none"
"""The port of the service that throws everything away; nobody runs it."""


@asynccontextmanager
async def talking(url: str | Path, text_: str = "hello") -> AsyncGenerator[tuple[SQLStore, ConversationId]]:
    """A store with a conversation in it."""
    async with open_database(url) as database:
        store, conversation = SQLStore(database), Conversation(new_conversation_id(), "assistant")
        await store.create(conversation)
        await store.append(conversation.id, UserMessage(new_message_id(), new_turn_id(), text_))
        yield store, conversation.id


def make_old(file: Path) -> None:
    """A database of the first Myna that had one, with a conversation in it."""
    config = Config()
    config.set_main_option("script_location", "myna.store:migrations")
    config.set_main_option("path_separator", "os")
    engine = create_engine(f"sqlite:///{file}")
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        kept = (
            "INSERT INTO conversations (id, user_id, persona_id, title, begun_at, changed_at, revision) VALUES "
            "('conv_old', 'owner', 'assistant', 'old', '2026-01-01 00:00:00', '2026-01-01 00:00:00', 0)"
        )
        connection.execute(text(kept))
    engine.dispose()


async def test_the_migrations_make_the_tables_that_the_code_knows(url: str) -> None:
    def columns(connection: Connection) -> dict[str, set[str]]:
        there = inspect(connection)
        return {name: {column["name"] for column in there.get_columns(name)} for name in there.get_table_names()}

    assert memory_tables.metadata is tables.metadata
    async with open_database(url) as database, database.read() as connection:
        there = await connection.run_sync(columns)
    for table in tables.metadata.tables.values():
        assert there[table.name] == {column.name for column in table.columns}, table.name


async def test_what_was_kept_is_there_when_it_is_opened_again(url: str) -> None:
    async with talking(url) as (store, conversation_id):
        kept = await store.messages(conversation_id)
    async with open_database(url) as database:
        assert await SQLStore(database).messages(conversation_id) == kept


async def test_all_who_open_a_new_database_at_the_same_time_can_use_it(url: str) -> None:
    async def open_it() -> None:
        async with talking(url):
            pass

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(open_it)
    async with open_database(url) as database:
        assert len(await SQLStore(database).list(OWNER)) == 5


async def test_what_another_process_writes_is_seen_at_once(url: str) -> None:
    async with talking(url) as (store, conversation_id), open_database(url) as other_database:
        other = SQLStore(other_database)
        for number in range(5):
            assert (
                len(await store.messages(conversation_id))
                == len(await other.messages(conversation_id))
                == 2 * number + 1
            )
            await store.append(conversation_id, UserMessage(new_message_id(), new_turn_id(), "one"))
            await other.append(conversation_id, UserMessage(new_message_id(), new_turn_id(), "two"))
        await other.delete(OWNER, conversation_id)
        assert await store.find(conversation_id) is None


async def test_a_transaction_that_fails_has_not_happened(url: str) -> None:
    async with talking(url) as (store, conversation_id):
        with suppress(ZeroDivisionError):
            async with store.database.write() as connection:
                await connection.execute(text("DELETE FROM conversations"))
                raise ZeroDivisionError
        assert await store.find(conversation_id) is not None


async def test_a_database_of_a_newer_version_is_left_alone(url: str) -> None:
    async with talking(url) as (store, _), store.database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreUnusable, match="newer version of Myna") as told:
        async with open_database(url):
            pass
    assert "Update Myna" in told.value.hint


@pytest.mark.parametrize("damage", [b"not a database " * 100, b"SQLite format 3\x00" + b"\xff" * 4000])
async def test_a_damaged_file_is_told_and_left_alone(tmp_path: Path, damage: bytes) -> None:
    file = tmp_path / "myna.db"
    file.write_bytes(damage)
    with pytest.raises(StoreUnusable, match="damaged") as told:
        async with open_database(file):
            pass
    assert "Move it away" in told.value.hint
    assert file.read_bytes() == damage


async def test_damage_that_is_met_later_is_told(tmp_path: Path) -> None:
    file = tmp_path / "myna.db"
    async with talking(file, "hello " * 20_000) as (_, conversation_id):
        pass
    page = 4096
    whole = file.read_bytes()
    file.write_bytes(whole[: 4 * page] + b"\xff" * (len(whole) - 4 * page))
    with pytest.raises(StoreUnusable, match="damaged"):
        async with open_database(file) as database:
            await SQLStore(database).messages(conversation_id)


async def test_a_database_that_another_program_holds_is_told(tmp_path: Path) -> None:
    file = tmp_path / "myna.db"
    async with talking(file) as (store, conversation_id):
        with closing(sqlite3.connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="held by another program"):
                await store.append(conversation_id, UserMessage(new_message_id(), new_turn_id(), "one"))
            assert len(await store.messages(conversation_id)) == 1
        await store.append(conversation_id, UserMessage(new_message_id(), new_turn_id(), "two"))
        assert len(await store.messages(conversation_id)) == 2


async def test_a_new_database_that_another_program_holds_is_told(tmp_path: Path) -> None:
    file = tmp_path / "myna.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnavailable, match="held by another program"):
            async with open_database(file, patience_s=0.1):
                pass
        other.execute("ROLLBACK")
        async with open_database(file):
            pass


async def test_a_full_disk_is_told_and_nothing_is_half_there(tmp_path: Path) -> None:
    async with talking(tmp_path / "myna.db") as (store, conversation_id):

        def fill(connection: Connection) -> None:
            pages = connection.execute(text("PRAGMA page_count")).scalar_one()
            connection.execute(text(f"PRAGMA max_page_count = {pages + 2}"))

        await store.database.writing(fill)
        with pytest.raises(StoreUnavailable, match="disk is full"):
            await store.append(conversation_id, UserMessage(new_message_id(), new_turn_id(), "much " * 50_000))
        assert len(await store.messages(conversation_id)) == 1
        await store.append(conversation_id, UserMessage(new_message_id(), new_turn_id(), "little"))


async def test_a_file_that_may_only_be_read_is_told(tmp_path: Path) -> None:
    async with talking(tmp_path / "myna.db") as (store, conversation_id):
        # Root may write whatever the rights say.
        await store.database.writing(lambda connection: connection.execute(text("PRAGMA query_only = ON")))
        with pytest.raises(StoreUnavailable, match="may not be written"):
            await store.append(conversation_id, UserMessage(new_message_id(), new_turn_id(), "one"))


async def test_an_error_does_not_tell_what_was_said(url: str) -> None:
    async with talking(url) as (store, conversation_id):
        async with store.database.write() as connection:
            await connection.execute(text("ALTER TABLE messages RENAME COLUMN kind TO sort"))
        said = str(new_message_id())  # nowhere in the source, which is in the traceback
        with pytest.raises(DBAPIError) as told:
            await store.append(conversation_id, UserMessage(new_message_id(), new_turn_id(), said))
    assert said not in "".join(format_exception(told.value))


@pytest.mark.parametrize("under", ["file/myna.db", "file/deep/myna.db"])
async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, under: str) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable, match="cannot be made") as told:
        async with open_database(tmp_path / under):
            pass
    assert "MYNA_HOME" in told.value.hint


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("mysql://host/name", "mysql"),
        ("sqlite://", "no file"),
        ("sqlite:///:memory:", "no file"),
        ("postgresql://host:port/name", "no URL"),
    ],
)
async def test_an_url_that_cannot_be_used_is_told(url: str, told: str) -> None:
    with pytest.raises(BadConfig, match=told):
        async with open_database(url):
            pass


async def test_a_folder_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="is a folder"):
        async with open_database(tmp_path):
            pass


async def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    with pytest.raises(StoreUnavailable, match="does not answer") as told:
        async with open_database(NEVER.replace("nobody@", "nobody:hunter2@")):
            pass
    assert "hunter2" not in str(told.value)
    assert "store.url" in told.value.hint


async def test_a_database_that_the_server_does_not_have_is_told(postgres: Postgres) -> None:
    with pytest.raises(StoreUnavailable, match="does not exist"):
        async with open_database(f"postgresql://postgres@/nothing?host={postgres.folder}"):
            pass


async def test_without_its_driver_it_is_told_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys, anyio; sys.modules['asyncpg'] = None\n"
        "from myna.store.opening import open_store\n"
        "async def main():\n    async with open_store('postgresql://host/name'): pass\n"
        "anyio.run(main)"
    )
    done = await anyio.run_process([sys.executable, "-c", code], cwd=tmp_path, check=False)
    assert b"BadConfig" in done.stderr
    assert b"pip install 'myna[postgres]'" in done.stderr


async def test_an_old_database_is_copied_before_it_is_changed(tmp_path: Path) -> None:
    file = tmp_path / "myna.db"
    make_old(file)
    async with open_database(file) as database:
        assert await SQLStore(database).find(ConversationId("conv_old")) is not None
        (backup,) = database.backups()
    with closing(sqlite3.connect(backup)) as copy:
        assert copy.execute("SELECT title FROM conversations").fetchall() == [("old",)]
        assert copy.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    async with open_database(file) as database:
        assert database.backups() == (backup,)


async def test_only_the_newest_copies_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "myna.db"
    (tmp_path / "backups").mkdir()
    for number in range(5):
        (tmp_path / "backups" / f"myna-2020010{number}T000000-0001.db").touch()
    (tmp_path / "backups" / "myna-20200101T000000-0001.half").touch()
    make_old(file)
    async with open_database(file) as database:
        names = [backup.name for backup in database.backups()]
    assert len(names) == MOST_BACKUPS
    assert names[0] == "myna-20200103T000000-0001.db"
    assert len(list((tmp_path / "backups").iterdir())) == MOST_BACKUPS


async def test_what_cannot_be_copied_is_not_changed(tmp_path: Path) -> None:
    file = tmp_path / "myna.db"
    make_old(file)
    (tmp_path / "backups").write_text("in the way")
    with pytest.raises(StoreUnavailable, match="cannot be copied"):
        async with open_database(file):
            pass
    with closing(sqlite3.connect(file)) as old:
        assert old.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]


async def test_a_migration_that_fails_has_changed_nothing(tmp_path: Path) -> None:
    file = tmp_path / "myna.db"
    make_old(file)
    with closing(sqlite3.connect(file)) as old:
        old.execute("CREATE TABLE memory_words (in_the_way TEXT)")
        old.commit()
    with pytest.raises(Exception, match="already exists"):
        async with open_database(file):
            pass
    with closing(sqlite3.connect(file)) as old:
        assert old.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
        assert not old.execute("SELECT name FROM sqlite_master WHERE name = 'memories'").fetchall()


def traces(database: Database) -> bytes:
    assert database.file is not None
    return b"".join(file.read_bytes() for file in database.file.parent.rglob("*") if file.is_file())


@pytest.mark.parametrize("whole", [True, False])
async def test_what_was_deleted_is_in_no_file_of_the_database(tmp_path: Path, whole: bool) -> None:
    file = tmp_path / "myna.db"
    make_old(file)
    async with talking(file, "nothing of interest") as (store, _):
        secret = Conversation(new_conversation_id(), "assistant", title="Xanadu")
        await store.create(secret)
        messages = [UserMessage(new_message_id(), new_turn_id(), f"my code is zebrafish {n}") for n in range(50)]
        for message in messages:
            await store.append(secret.id, message)
        assert b"zebrafish" in traces(store.database)
        if whole:
            await store.delete(OWNER, secret.id)
            assert b"Xanadu" not in traces(store.database)
        else:
            for message in messages:
                await store.remove(secret.id, message.id)
        assert b"zebrafish" not in traces(store.database)
        assert not store.database.backups()
        assert len(await store.search(OWNER, "interest")) == 1
