"""Statements that are compiled once: what is kept, read and raised is as SQLAlchemy has it."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import Connection, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from myna.store.database import open_database
from myna.store.prepared import Prepared
from myna.store.tables import conversations

pytestmark = pytest.mark.anyio

SAID_AT = datetime(2026, 3, 2, 9, 30, tzinfo=timezone(timedelta(hours=8)))
KEPT = {
    "id": "conv_1",
    "user_id": "ann",
    "persona_id": "p",
    "title": "O'Hara 🐒",
    "begun_at": SAID_AT,
    "changed_at": SAID_AT,
    "revision": 1,
}
ADD = Prepared(insert(conversations), *KEPT)
OF = select(conversations.c.title).where(conversations.c.id == bindparam("of"))
RISE = Prepared(
    update(conversations)
    .where(conversations.c.id == bindparam("of"))
    .values(revision=conversations.c.revision + 7)
    .returning(conversations.c.revision)
)


async def test_what_is_kept_is_what_sqlalchemy_reads(tmp_path: Path) -> None:
    def work(connection: Connection) -> None:
        assert ADD.run(connection, KEPT) == 1
        row = connection.execute(select(conversations)).mappings().one()
        assert row == KEPT | {"begun_at": SAID_AT.astimezone(UTC), "changed_at": SAID_AT.astimezone(UTC)}
        assert Prepared(OF).first(connection, {"of": "conv_1"}) == (KEPT["title"],)
        assert Prepared(OF).first(connection, {"of": "conv_2"}) is None
        assert RISE.first(connection, {"of": "conv_1"}) == (8,)
        assert RISE.first(connection, {"of": "conv_2"}) is None

    async with open_database(tmp_path / "myna.db") as database:
        await database.writing(work)


async def test_what_fails_undoes_all_and_is_raised_as_sqlalchemy_would(tmp_path: Path) -> None:
    def twice(connection: Connection) -> None:
        ADD.run(connection, KEPT)
        ADD.run(connection, KEPT)

    async with open_database(tmp_path / "myna.db") as database:
        with pytest.raises(IntegrityError) as raised:
            await database.writing(twice)
        assert "O'Hara" not in str(raised.value), "errors go into the log"
        count = select(func.count()).select_from(conversations)
        assert await database.reading(lambda connection: connection.execute(count).scalar_one()) == 0
