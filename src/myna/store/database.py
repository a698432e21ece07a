"""The database: opened, brought up to date, and its failures told.

SQLite in one file (write-ahead log), or PostgreSQL. What was written when a method returns survives the end of the
process, however it ends. When the power fails, PostgreSQL loses nothing; SQLite may lose the newest transactions
(``synchronous=NORMAL``: they are with the operating system, but it has not been waited for the disk), and is never
damaged by it.
"""

import contextlib
import importlib.util
import sqlite3
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from myna.core.errors import BadConfig, StoreUnavailable
from myna.store.failures import told
from myna.store.migrating import backups_of, bring_up_to_date, remove_backups
from myna.store.prepared import straight
from myna.store.rights import keep_private, make_file, make_private
from myna.store.write_queue import WriteQueue, open_write_queue

T = TypeVar("T")

BUSY_S = 0.8
"""So long SQLite waits for another process that writes, in seconds: a session that is closed writes twice in 2 s."""

LOG_S = 0.2
"""So long who forgets the log waits for those who read, in seconds: meanwhile nobody can write."""

CLOSE_S = 5.0
"""So long closing may take, in seconds."""

_TRACES = "PRAGMA user_version"
"""Other than 0 while what was deleted may still be in the log or in backups; a number that each deletion changes."""

# The parameters of statements are what users said, and errors go into the log.
_SQLITE: dict[str, Any] = {"pool_timeout": BUSY_S, "connect_args": {"timeout": BUSY_S}, "hide_parameters": True}


@dataclass(frozen=True, slots=True)
class Database:
    """An open database. Made by `open_database`.

    Attributes:
        file: Where it is; None for PostgreSQL.
    """

    engine: AsyncEngine
    file: Path | None
    _threads: Engine | None
    _glances: sqlite3.Connection | None
    _writes: WriteQueue | None

    @property
    def is_sqlite(self) -> bool:
        """Whether it is SQLite, and not PostgreSQL."""
        return self.file is not None

    @asynccontextmanager
    async def read(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that reads.

        Raises:
            StoreError: What is wrong with the database.
        """
        with told(self.engine.url), _whole(self.engine):
            async with self.engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def write(self) -> AsyncGenerator[AsyncConnection]:
        """A transaction that writes; it is safe when this is left, or nothing of it has happened.

        Raises:
            StoreError: What is wrong with the database.
        """
        with told(self.engine.url):
            if self._writes is None:
                async with self.engine.begin() as connection:
                    yield connection
                return
            async with self._writes.alone():
                with _whole(self.engine):
                    async with self.engine.connect() as connection:
                        await connection.execution_options(begin="BEGIN IMMEDIATE")
                        async with connection.begin():
                            yield connection

    async def reading(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` reads. In SQLite it sees one state of the database, in PostgreSQL each statement the newest.

        Raises:
            StoreError: What is wrong with the database.
        """
        with told(self.engine.url):
            if self._threads is None:
                alone = self.engine.execution_options(isolation_level="AUTOCOMMIT")  # two ways to the server less
                async with alone.connect() as connection:
                    return await connection.run_sync(work)
            return await self._in_thread(work, "BEGIN")

    async def writing(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` gives, done in a transaction that writes; as `write`, at a fraction of its cost with SQLite.

        Raises:
            StoreError: What is wrong with the database.
        """
        with told(self.engine.url):
            if self._writes is None:
                async with self.engine.begin() as connection:
                    return await connection.run_sync(work)
            return await self._writes.do(work)

    async def _in_thread(self, work: Callable[[Connection], T], begin: str | None) -> T:
        def run() -> T:
            assert self._threads is not None  # noqa: S101 - asked before
            with self._threads.connect() as connection:
                connection.execution_options(begin=begin)
                with connection.begin():
                    return work(connection)

        return await anyio.to_thread.run_sync(run)  # which is waited for, whoever leaves, as in `write`

    def glance(self, statement: str, *given: str) -> Sequence[tuple[Any, ...]] | None:
        """What a short SELECT finds, without leaving the event loop: some 20 µs in place of a millisecond.

        For rows that were just written or read, and so are in memory. In SQLite who reads waits for nobody. None where
        this does not work, as with PostgreSQL: then use `read`.
        """
        if self._glances is None:
            return None
        try:
            return self._glances.execute(statement, given).fetchall()
        except sqlite3.Error:  # `read` tells what it is
            return None

    def backups(self) -> Sequence[Path]:
        """The copies that were made of it before migrations, the oldest first."""
        return () if self.file is None else tuple(backups_of(self.file))

    async def leave_no_trace(self) -> None:
        """What was deleted is gone from its log, and with its backups too. Call it after deleting.

        Whoever reads meanwhile can keep the log alive: then `has_traces` says so, until this is called again, or the
        database is closed.
        """
        if self.file is None or self._writes is None:
            return
        seen = await self.reading(_traces)
        await anyio.to_thread.run_sync(remove_backups, self.file)
        with told(self.engine.url):
            async with self._writes.alone():
                gone = await self._in_thread(_forget_log, begin=None)
        if gone and seen:
            with contextlib.suppress(StoreUnavailable):  # it is held: who sweeps comes again
                await self.writing(partial(_unmark, seen=seen))

    def mark_traces(self, connection: Connection) -> None:
        """This transaction deletes what is to leave no trace: if `leave_no_trace` never comes, it is known."""
        if self.is_sqlite:
            _mark(connection, _traces(connection) % (1 << 30) + 1)

    def has_traces(self) -> bool:
        """Whether what was deleted may be in the log or in backups still."""
        return bool((seen := self.glance(_TRACES)) and seen[0][0])


@asynccontextmanager
async def open_database(url: str | Path, *, patience_s: float = 15.0) -> AsyncGenerator[Database]:
    """A database, made or brought up to date.

    Processes that open the same one at the same time wait for each other. Before an SQLite file that has something in
    it is brought up to date, it is copied beside itself, into the folder ``backups``.

    An SQLite file with all that belongs to it is nobody else's to read, and so is a folder that is made for it.

    Args:
        url: The path of an SQLite file, or an URL as ``postgresql://user:password@host/name``. A `Path` is in a folder
            of Myna's, which is nobody else's to look into from now on.
        patience_s: So long it waits for others who hold the database, in seconds.

    Raises:
        BadConfig: Nothing can be opened by this URL.
        StoreUnavailable: It is locked, may not be written, has no room, or does not answer.
        StoreUnusable: It is damaged, or of a newer Myna.
    """
    place = _place(url)
    file = Path(place.database) if place.drivername.startswith("sqlite") and place.database else None
    if file is not None:
        await anyio.to_thread.run_sync(partial(_make_ready, file, ours=isinstance(url, Path)))
    engine = _engine(place)
    try:
        with told(place):
            await bring_up_to_date(engine, file, patience_s)
        if file is None:
            yield Database(engine, None, None, None, None)
            return
        threads = _prepared(create_engine(place.set(drivername="sqlite"), **_SQLITE))
        try:
            with (
                told(place),
                contextlib.closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as glances,
                open_write_queue(threads) as writes,
            ):
                yield Database(engine, file, threads, glances, writes)
        finally:
            threads.dispose()
    finally:
        with anyio.move_on_after(CLOSE_S, shield=True):
            await engine.dispose()


def _traces(connection: Connection) -> int:
    return connection.exec_driver_sql(_TRACES).scalar_one()


def _mark(connection: Connection, traces: int) -> None:
    connection.exec_driver_sql(f"{_TRACES} = {traces}")


def _unmark(connection: Connection, seen: int) -> None:
    if _traces(connection) == seen:  # else others have deleted since
        _mark(connection, 0)


def _forget_log(connection: Connection) -> bool:
    """Empty the log; whether nobody was in the way."""
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(LOG_S * 1000)}").close()
    try:
        return connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0] == 0
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {round(BUSY_S * 1000)}").close()


def _whole(engine: AsyncEngine) -> anyio.CancelScope:
    """What is begun in SQLite is ended, whoever leaves; it waits for others `BUSY_S` at most.

    Its work is done in a thread that cannot be stopped: a connection that was left half-way would keep the file locked.
    asyncpg tells the server to stop, and needs none of this.
    """
    return anyio.CancelScope(shield=engine.dialect.name == "sqlite")


def _place(url: str | Path) -> URL:
    if isinstance(url, Path) or "://" not in url:
        return URL.create("sqlite+aiosqlite", database=str(Path(url).expanduser().absolute()))
    try:
        place = make_url(url)
    except (ArgumentError, ValueError):
        raise BadConfig(
            "store.url is no URL of a database.", hint="Write postgresql://user:password@host/name, or a path."
        ) from None
    kind = place.drivername.partition("+")[0]
    if kind == "sqlite":
        if not place.database or ":memory:" in place.database or place.query:
            raise BadConfig(f"store.url names no file: {place}.", hint="Write sqlite:///path/to/myna.db.")
        return _place(Path(place.database))
    if kind in ("postgresql", "postgres"):
        if importlib.util.find_spec("asyncpg") is None:
            raise BadConfig(
                "For PostgreSQL the package asyncpg is needed.", hint="Install it: pip install 'myna[postgres]'"
            )
        return place.set(drivername="postgresql+asyncpg")
    raise BadConfig(
        f"store.url names {kind}, which is no database that Myna can use.", hint="Use SQLite or PostgreSQL."
    )


def _engine(place: URL) -> AsyncEngine:
    if not place.drivername.startswith("sqlite"):
        return create_async_engine(
            place,
            pool_pre_ping=True,
            pool_timeout=10,
            connect_args={"timeout": 10, "command_timeout": 60},
            hide_parameters=True,
        )
    engine = create_async_engine(place, **_SQLITE)
    _prepared(engine.sync_engine)
    return engine


def _prepared(engine: Engine) -> Engine:
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: object) -> None:  # noqa: ANN401 - as DB-API has it
    connection.isolation_level = None  # transactions begin where SQLAlchemy begins them, not where sqlite3 guesses
    cursor = connection.cursor()
    for pragma in ("synchronous=NORMAL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    # Who writes says so at once: a transaction that has read fails where another has written meanwhile.
    if begin := connection.get_execution_options().get("begin", "BEGIN"):
        straight(connection, begin).close()


def _make_ready(file: Path, *, ours: bool) -> None:
    """Make the folder of a file, and see to the rights of all that is there; of the folder too, if it is ``ours``."""
    try:
        make_private(file.parent)
    except OSError as error:
        raise StoreUnavailable(
            f"The folder {file.parent} cannot be made: {error.strerror}.",
            hint="See to its rights, or let MYNA_HOME or store.url name another place.",
        ) from None
    if file.is_dir():
        raise BadConfig(f"{file} is a folder, and no database.", hint="Let store.url name a file in it.")
    make_file(file)
    for one in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm")), *backups_of(file)):
        keep_private(one)
    if ours:
        keep_private(file.parent)
