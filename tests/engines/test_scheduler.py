import threading
from collections.abc import AsyncGenerator

import anyio
import pytest

from myna.core.errors import Busy, Closed
from myna.engines.scheduler import Scheduler, Urgency, open_scheduler

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scheduler() -> AsyncGenerator[Scheduler]:
    async with open_scheduler({"cpu": 1}, queue_limit=3) as scheduler:
        yield scheduler


async def until(condition: object) -> None:
    with anyio.fail_after(5):
        while not (callable(condition) and condition()):
            await anyio.sleep(0.001)


async def test_a_call_returns_what_it_returns(scheduler: Scheduler) -> None:
    assert await scheduler.run(lambda: 42) == 42


async def test_a_call_raises_what_it_raises(scheduler: Scheduler) -> None:
    def divide() -> float:
        return 1 / 0

    with pytest.raises(ZeroDivisionError):
        await scheduler.run(divide)
    assert await scheduler.run(lambda: "alive") == "alive"


async def test_a_slot_is_free_when_its_thread_has_returned_not_when_its_caller_has_left(scheduler: Scheduler) -> None:
    let_go = threading.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(scheduler.run, let_go.wait)
        await until(lambda: scheduler.load()["cpu"].busy == 1)
        group.cancel_scope.cancel()
    assert scheduler.load()["cpu"].busy == 1
    with anyio.move_on_after(0.05) as waited:
        await scheduler.run(lambda: "too early")
    assert waited.cancelled_caught
    let_go.set()
    await until(lambda: scheduler.load()["cpu"].busy == 0)
    assert await scheduler.run(lambda: "in time") == "in time"


async def test_a_call_whose_caller_left_before_it_began_never_begins(scheduler: Scheduler) -> None:
    let_go, began = threading.Event(), threading.Event()
    async with anyio.create_task_group() as group:
        group.start_soon(scheduler.run, let_go.wait)
        await until(lambda: scheduler.load()["cpu"].busy == 1)
        with anyio.move_on_after(0.01):
            await scheduler.run(began.set)
        let_go.set()
    await scheduler.run(lambda: None)
    assert not began.is_set()


async def test_the_urgent_goes_first_and_equals_in_order_of_arrival(scheduler: Scheduler) -> None:
    let_go = threading.Event()
    order: list[str] = []
    async with anyio.create_task_group() as group:
        group.start_soon(scheduler.run, let_go.wait)
        await until(lambda: scheduler.load()["cpu"].busy == 1)

        async def ask(name: str, urgency: Urgency) -> None:
            await scheduler.run(lambda: order.append(name), urgency=urgency)

        for count, (name, urgency) in enumerate(
            [("partial", Urgency.PARTIAL), ("first", Urgency.SPEAKING), ("second", Urgency.SPEAKING)], start=1
        ):
            group.start_soon(ask, name, urgency)
            await until(lambda count=count: scheduler.load()["cpu"].waiting == count)
        let_go.set()
    assert order == ["first", "second", "partial"]


async def test_a_full_queue_says_so_at_once(scheduler: Scheduler) -> None:
    let_go = threading.Event()
    async with anyio.create_task_group() as group:
        for count in range(4):
            group.start_soon(scheduler.run, let_go.wait)
            await until(lambda count=count: scheduler.load()["cpu"].waiting + scheduler.load()["cpu"].busy == count + 1)
        with pytest.raises(Busy, match="3 jobs already wait"):
            await scheduler.run(lambda: None)
        let_go.set()


async def test_closing_leaves_running_calls_behind_and_tells_their_callers() -> None:
    let_go = threading.Event()
    told: list[type[BaseException]] = []

    async def ask(scheduler: Scheduler) -> None:
        try:
            await scheduler.run(let_go.wait)
        except Closed as error:
            told.append(type(error))

    async with anyio.create_task_group() as callers, open_scheduler({"cpu": 1}) as scheduler:
        callers.start_soon(ask, scheduler)
        callers.start_soon(ask, scheduler)
        await until(lambda: scheduler.load()["cpu"].waiting == 1)
    assert told == [Closed, Closed]
    with pytest.raises(Closed):
        await scheduler.run(lambda: None)
    let_go.set()
