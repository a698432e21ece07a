"""How a database is brought up to date when it is opened, and the copies that are made before.

Alembic runs the steps in ``migrations/`` that it lacks, in one transaction: all of them, or none.
"""

import contextlib
import re
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from myna.core.errors import StoreUnavailable, StoreUnusable
from myna.store.failures import name_of
from myna.store.rights import make_file, make_private

MOST_BACKUPS = 3
"""So many copies are kept; the oldest go first."""

_LOCK = 0x4D796E61
"""What processes of Myna lock in PostgreSQL while they migrate: a number of ours, no secret."""


async def bring_up_to_date(engine: AsyncEngine, file: Path | None, patience_s: float) -> None:
    """Run the migrations that a database lacks. SQLite's is copied first, unless it is new.

    Args:
        engine: The database.
        file: Where it is; None for PostgreSQL.
        patience_s: So long it waits for others who hold the database, in seconds.

    Raises:
        StoreUnusable: It is of a newer Myna.
        StoreUnavailable: It cannot be copied.
        DBAPIError: Of anything else that is wrong with it.
    """
    if file is None:
        await _migrate(engine, file, patience_s)
        return
    until = anyio.current_time() + patience_s
    while True:
        try:
            with anyio.CancelScope(shield=True):
                await _log_ahead(engine)
                await _migrate(engine, file, patience_s)
        except DBAPIError as error:
            if "locked" not in str(error.orig) or anyio.current_time() > until:
                raise
            await anyio.sleep(0.05)
        else:
            return


async def _log_ahead(engine: AsyncEngine) -> None:
    async with engine.connect() as connection:
        await connection.execution_options(begin=None)
        await connection.execute(text("PRAGMA journal_mode=WAL"))  # it stays with the file


async def _migrate(engine: AsyncEngine, file: Path | None, patience_s: float) -> None:
    """Run what the database lacks, all or nothing, alone."""
    async with engine.connect() as connection:
        was, head = await connection.run_sync(_revisions)
        if was == head:
            return
        await connection.rollback()
        await connection.execution_options(begin="BEGIN IMMEDIATE")
        async with connection.begin():
            if file is None:
                await connection.execute(text(f"SET LOCAL lock_timeout = {round(patience_s * 1000)}"))
                await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            was, head = await connection.run_sync(_revisions)
            if was == head:  # another process was faster
                return
            if was is not None and file is not None:
                await anyio.to_thread.run_sync(_back_up, file, was)
            await connection.run_sync(_upgrade)


def _revisions(connection: Connection) -> tuple[str | None, str]:
    """How far the database is, and how far this Myna is."""
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415 - heavy
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - heavy

    scripts = ScriptDirectory.from_config(_alembic())
    head = scripts.get_current_head()
    assert head is not None  # noqa: S101 - there is one step at least
    was = MigrationContext.configure(connection).get_current_revision()
    known = {step.revision for step in scripts.walk_revisions()}
    if was is not None and was not in known:
        raise StoreUnusable(
            f"The database {name_of(connection.engine.url)} was written by a newer version of Myna.",
            hint="Update Myna, or let store.url name another database.",
        )
    return was, head


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - heavy

    config = _alembic()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _alembic() -> Any:  # noqa: ANN401 - alembic is imported when it is needed
    from alembic.config import Config  # noqa: PLC0415 - heavy

    config = Config()
    config.set_main_option("script_location", "myna.store:migrations")
    config.set_main_option("path_separator", "os")
    return config


def backups_of(file: Path) -> list[Path]:
    """The copies of an SQLite file, the oldest first."""
    return sorted(_beside(file, "db"))


def _halves(file: Path) -> list[Path]:
    """Backups that a process did not end."""
    return _beside(file, "half.*")


def _beside(file: Path, suffix: str) -> list[Path]:
    """What `_back_up` made of this file, and not of one whose name begins alike."""
    name = re.compile(rf"{re.escape(file.stem)}-\d{{8}}T\d{{6}}-[^-.]+\.{suffix}")
    return [one for one in (file.parent / "backups").glob("*") if name.fullmatch(one.name)]


def _back_up(file: Path, revision: str) -> None:
    """Copy the database as it is now, log included; the copy is there whole or not at all."""
    folder = file.parent / "backups"
    copy = folder / f"{file.stem}-{datetime.now(UTC):%Y%m%dT%H%M%S}-{revision}.db"
    half = copy.with_suffix(".half")
    try:
        make_private(folder)
        _remove(_halves(file))
        make_file(half)
        with contextlib.closing(sqlite3.connect(file)) as old, contextlib.closing(sqlite3.connect(half)) as new:
            old.backup(new)
        half.replace(copy)
    except (OSError, sqlite3.Error) as error:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
        raise StoreUnavailable(
            f"The database {file} cannot be copied to {folder} before it is brought up to date: {error}.",
            hint="Make room there.",
        ) from None
    _remove(backups_of(file)[:-MOST_BACKUPS])


def remove_backups(file: Path) -> None:
    """Remove all copies of an SQLite file.

    Raises:
        StoreUnavailable: One cannot be removed.
    """
    try:
        _remove([*backups_of(file), *_halves(file)])
    except OSError as error:
        raise StoreUnavailable(
            f"The backups of {file} cannot be removed: {error}.", hint="Remove them, as what was deleted is in them."
        ) from None


def _remove(files: Sequence[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
