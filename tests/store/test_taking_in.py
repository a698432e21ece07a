"""Whole conversations come in, in parts that nobody sees before the last."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
from sqlalchemy import select, update

from myna.core.errors import UnknownName
from myna.core.ids import OWNER, ConversationId, MessageId, TurnId
from myna.core.messages import Conversation, UserMessage
from myna.store import taking_in
from myna.store.base import KeptTurn
from myna.store.database import Database, open_database
from myna.store.sql import SQLStore
from myna.store.tables import conversations, messages

pytestmark = pytest.mark.anyio

TALK = Conversation(ConversationId("talk"), "wukong")
SAID = [UserMessage(MessageId(f"m{n}"), TurnId(f"t{n}"), f"tea {n}") for n in range(3 * taking_in.MOST_AT_ONCE)]


class Watched:
    """A database that calls ``between`` after each transaction that writes."""

    def __init__(self, database: Database, between: Callable[[int], Any]) -> None:
        self._database = database
        self._between = between
        self._written = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def writing(self, work: Callable[[Any], Any]) -> Any:
        given = await self._database.writing(work)
        self._written += 1
        await self._between(self._written)
        return given


async def rows_in(database: Database) -> int:
    return len(await database.reading(lambda connection: connection.execute(select(messages.c.number)).all()))


async def test_nobody_sees_any_of_it_before_the_last_part_is_there(url: str) -> None:
    async with open_database(url) as database:
        store = SQLStore(database)
        seen: list[tuple[int, int]] = []

        async def look(_: int) -> None:
            listed, found = await store.list(OWNER), await store.search(OWNER, "tea", limit=1000)
            seen.append((len(listed), len(found)))
            if not listed:
                with pytest.raises(UnknownName):
                    await store.rename(OWNER, TALK.id, "mine")

        watched: Any = Watched(database, look)
        await taking_in.take_in(watched, TALK, SAID, {}, ())
        assert seen == [(0, 0), (0, 0), (1, len(SAID))]
        assert await store.messages(TALK.id) == tuple(SAID)


async def test_long_messages_come_one_at_a_time(url: str) -> None:
    async with open_database(url) as database:
        written: list[int] = []

        async def count(number: int) -> None:
            written.append(number)

        watched: Any = Watched(database, count)
        long = [UserMessage(one.id, one.turn_id, "tea " * taking_in.MOST_CHARACTERS) for one in SAID[:3]]
        await taking_in.take_in(watched, TALK, long, {}, ())
        assert len(written) == 3


async def test_a_greeting_and_its_turn_come_at_once(url: str) -> None:
    async with open_database(url) as database:
        written: list[int] = []

        async def count(number: int) -> None:
            written.append(number)

        watched: Any = Watched(database, count)
        turn = KeptTurn(SAID[0].turn_id, "completed", datetime.now(UTC), {}, ())
        await taking_in.take_in(watched, TALK, SAID[:1], {}, [turn])
        assert len(written) == 1
        assert [kept.id for kept in await SQLStore(database).turns(TALK.id)] == [turn.id]


@pytest.mark.parametrize("fault", [RuntimeError("a fault"), None])
async def test_of_what_fails_or_is_given_up_nothing_stays(url: str, fault: Exception | None) -> None:
    async with open_database(url) as database:
        with anyio.CancelScope() as scope:

            async def stop(number: int) -> None:
                if number == 2 and fault is None:
                    scope.cancel()
                    await anyio.sleep(1)
                elif number == 2 and fault is not None:
                    raise fault

            watched: Any = Watched(database, stop)
            with suppress(RuntimeError):
                await taking_in.take_in(watched, TALK, SAID, {}, ())
        assert await rows_in(database) == 0
        assert await SQLStore(database).find(TALK.id) is None


async def test_what_a_killed_process_left_is_removed_but_not_what_still_comes(url: str) -> None:
    async with open_database(url) as database:

        async def die(number: int) -> None:
            if number == 2:
                raise SystemExit

        watched: Any = Watched(database, die)
        watched._database = _Dies(database)
        with pytest.raises(SystemExit):
            await taking_in.take_in(watched, TALK, SAID, {}, ())
        left = await rows_in(database)
        assert left == 2 * taking_in.MOST_AT_ONCE
        await taking_in.remove_left(database)
        assert await rows_in(database) == left, "it may still be coming"
        long_ago = datetime.now(UTC) - taking_in.STALE - timedelta(seconds=1)
        await database.writing(lambda connection: connection.execute(update(conversations).values(begun_at=long_ago)))
        await SQLStore(database).create(other := Conversation(ConversationId("other"), "wukong"))
        await taking_in.remove_left(database)
        assert await rows_in(database) == 0
        assert await SQLStore(database).find(TALK.id) is None
        assert await SQLStore(database).find(other.id) == other


class _Dies:
    """A database that nothing is written to any more once a process has died."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._written = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._database, name)

    async def writing(self, work: Callable[[Any], Any]) -> Any:
        self._written += 1
        return await self._database.writing(work) if self._written <= 2 else None
