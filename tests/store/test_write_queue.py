"""Writing to SQLite: who waits, who is done along with others, and who leaves."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from sqlite3 import connect

import anyio
import pytest
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

from myna.core.errors import StoreUnavailable
from myna.store.database import open_database
from myna.store.write_queue import AT_ONCE, WriteQueue, open_write_queue

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def numbers(folder: Path) -> AsyncGenerator[tuple[WriteQueue, Path]]:
    """A table of numbers, none of them twice."""
    file = folder / "numbers.db"
    async with open_database(file):  # as it is opened everywhere: the log beside the file
        pass
    engine = create_engine(f"sqlite:///{file}", connect_args={"timeout": 0.05})
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE numbers (number INTEGER PRIMARY KEY)"))
    try:
        with open_write_queue(engine) as queue:
            yield queue, file
    finally:
        engine.dispose()


def kept(file: Path) -> list[int]:
    with closing(connect(file)) as connection:
        return [number for (number,) in connection.execute("SELECT number FROM numbers ORDER BY rowid")]


def keep(number: int, connection: Connection) -> int:
    connection.execute(text("INSERT INTO numbers VALUES (:number)"), {"number": number})
    return number


class Writers:
    """Tasks that write a number each, and which thread did it when."""

    def __init__(self, queue: WriteQueue) -> None:
        self.queue = queue
        self.order: list[int] = []
        self.got: dict[int, int | Exception] = {}
        self.scopes: dict[int, anyio.CancelScope] = {}
        self.let_go = threading.Event()
        self.let_go.set()
        self.begun = threading.Event()

    async def write(self, number: int) -> None:
        def work(connection: Connection) -> int:
            self.begun.set()
            assert self.let_go.wait(10)
            self.order.append(number)
            return keep(number, connection)

        with anyio.CancelScope() as self.scopes[number]:
            try:
                self.got[number] = await self.queue.do(work)
            except (IntegrityError, OperationalError, StoreUnavailable) as error:
                self.got[number] = error


async def until(come: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not come():
            await anyio.sleep(0.001)


async def test_all_are_done_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    async with numbers(tmp_path) as (queue, file):
        writers = Writers(queue)
        many = range(3 * AT_ONCE + 1)
        async with anyio.create_task_group() as group:
            for number in many:
                group.start_soon(writers.write, number)
        assert writers.order == list(many)
        assert writers.got == {number: number for number in many}
        assert kept(file) == list(many)
        assert await queue.do(lambda connection: keep(1000, connection)) == 1000  # and it is free again


async def test_one_that_fails_leaves_nothing_and_the_others_alone(tmp_path: Path) -> None:
    async with numbers(tmp_path) as (queue, file):

        async def fail() -> None:
            def work(connection: Connection) -> None:
                keep(7, connection)
                keep(7, connection)

            with pytest.raises(IntegrityError):
                await queue.do(work)

        writers = Writers(queue)
        async with anyio.create_task_group() as group:
            group.start_soon(writers.write, 1)
            group.start_soon(fail)
            group.start_soon(writers.write, 2)
        assert kept(file) == [1, 2]


async def test_who_leaves_before_it_has_begun_writes_nothing(tmp_path: Path) -> None:
    async with numbers(tmp_path) as (queue, file), anyio.create_task_group() as group:
        writers = Writers(queue)
        writers.let_go.clear()
        group.start_soon(writers.write, 1)
        await until(writers.begun.is_set)
        for number in (2, 3):
            group.start_soon(writers.write, number)
            await anyio.wait_all_tasks_blocked()
        writers.scopes[2].cancel()
        await anyio.wait_all_tasks_blocked()
        writers.let_go.set()
        await until(lambda: 3 in writers.got)
        assert kept(file) == [1, 3]


async def test_who_leaves_when_it_has_begun_waits_for_it_and_the_others_do_not_notice(tmp_path: Path) -> None:
    async with numbers(tmp_path) as (queue, file), anyio.create_task_group() as group:
        writers = Writers(queue)
        async with queue.alone():
            for number in (1, 2, 3):
                group.start_soon(writers.write, number)
                await anyio.wait_all_tasks_blocked()
            writers.let_go.clear()
        await until(writers.begun.is_set)
        writers.scopes[1].cancel()
        writers.scopes[2].cancel()
        await anyio.wait_all_tasks_blocked()
        writers.let_go.set()
        await until(lambda: 3 in writers.got)
        assert kept(file) == [1, 2, 3]


async def test_who_leaves_while_another_way_is_taken_lets_the_next_one(tmp_path: Path) -> None:
    async with numbers(tmp_path) as (queue, file), anyio.create_task_group() as group:
        writers = Writers(queue)
        async with queue.alone():
            for number in (1, 2):
                group.start_soon(writers.write, number)
                await anyio.wait_all_tasks_blocked()
            writers.scopes[1].cancel()
            await anyio.wait_all_tasks_blocked()
        await until(lambda: 2 in writers.got)
        assert kept(file) == [2]


async def test_who_is_cancelled_by_asyncio_itself_has_it_written_once(tmp_path: Path) -> None:
    async with numbers(tmp_path) as (queue, file):
        writers = Writers(queue)
        writers.let_go.clear()
        first = asyncio.create_task(writers.write(1))  # which no shield of anyio's keeps from being cancelled
        await until(writers.begun.is_set)
        second = asyncio.create_task(writers.write(2))
        await anyio.wait_all_tasks_blocked()
        for _ in range(2):
            first.cancel()
            await anyio.wait_all_tasks_blocked()
        writers.let_go.set()
        await second
        assert (writers.got, kept(file)) == ({2: 2}, [1, 2])


async def test_a_closed_one_does_what_it_has_begun_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    async with numbers(tmp_path) as (queue, file):
        writers = Writers(queue)
        writers.let_go.clear()
        with anyio.fail_after(10):
            async with anyio.create_task_group() as group:
                group.start_soon(writers.write, 1)
                await until(writers.begun.is_set)
                group.start_soon(writers.write, 2)
                await anyio.wait_all_tasks_blocked()
                queue.close()
                writers.let_go.set()
            await writers.write(3)
        assert [type(writers.got[number]) for number in (1, 2, 3)] == [int, StoreUnavailable, StoreUnavailable]
        assert kept(file) == [1]


async def test_while_another_program_writes_each_is_told_for_itself_and_may_leave(tmp_path: Path) -> None:
    async with numbers(tmp_path) as (queue, file):
        writers = Writers(queue)
        with closing(connect(file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            async with anyio.create_task_group() as group:
                for number in (1, 2, 3):
                    group.start_soon(writers.write, number)
                await until(lambda: 1 in writers.got)
                writers.scopes[3].cancel()
            assert [type(writers.got.get(number)) for number in (1, 2, 3)] == [
                OperationalError,
                OperationalError,
                type(None),
            ]
            other.execute("ROLLBACK")
        await writers.write(4)
        assert kept(file) == [4]
