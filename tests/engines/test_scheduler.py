import threading
from collections.abc import AsyncGenerator
from functools import partial

import anyio
import pytest

from myna.core.errors import Busy, Closed
from myna.engines.scheduler import Scheduler, Urgency, open_scheduler

pytestmark = pytest.mark.anyio


@pytest.fixture
async def scheduler() -> AsyncGenerator[Scheduler]:
    async with open_scheduler({"cpu": 1}, queue_limit=5) as scheduler:
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

        asked = [
            ("partial", Urgency.PARTIAL),
            ("final", Urgency.HEARING),
            ("next words", Urgency.SPEAKING),
            ("first words", Urgency.FIRST_WORDS),
            ("first words of another", Urgency.FIRST_WORDS),
        ]
        for count, (name, urgency) in enumerate(asked, start=1):
            group.start_soon(ask, name, urgency)
            await until(lambda count=count: scheduler.load()["cpu"].waiting == count)
        let_go.set()
    assert order == ["first words", "first words of another", "next words", "final", "partial"]


async def test_who_works_in_steps_lets_another_in_after_each(scheduler: Scheduler) -> None:
    order: list[str] = []

    async def work(name: str, steps: int) -> None:
        for step in range(steps):
            await scheduler.run(lambda step=step: order.append(f"{name} {step}"))

    async with anyio.create_task_group() as group:
        group.start_soon(work, "long", 6)
        group.start_soon(work, "short", 2)
    assert order.index("short 1") <= 3


class Neighbour:
    def __init__(self) -> None:
        self.told: list[str] = []

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")


async def test_a_neighbour_rests_for_first_words_and_for_nothing_else() -> None:
    neighbour = Neighbour()
    async with open_scheduler({"cpu": 2}) as scheduler:
        with scheduler.beside(neighbour):
            for urgency in (Urgency.SPEAKING, Urgency.HEARING):
                assert await scheduler.run(lambda: list(neighbour.told), urgency=urgency) == []
            let_go = threading.Event()
            async with anyio.create_task_group() as group:
                for _ in range(2):
                    group.start_soon(partial(scheduler.run, let_go.wait, urgency=Urgency.FIRST_WORDS))
                await until(lambda: scheduler.load()["cpu"].busy == 2)
                assert neighbour.told == ["pause", "pause"]
                let_go.set()
            assert neighbour.told == ["pause", "pause", "resume"]
    assert neighbour.told[-1] == "resume"


async def test_a_neighbour_goes_on_when_the_call_failed_or_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("myna.engines.scheduler.LONGEST_REST_S", 0.01)
    neighbour, let_go = Neighbour(), threading.Event()
    async with open_scheduler({"cpu": 1}) as scheduler:
        with scheduler.beside(neighbour):
            with pytest.raises(ZeroDivisionError):
                await scheduler.run(lambda: 1 / 0, urgency=Urgency.FIRST_WORDS)
            assert neighbour.told == ["pause", "resume"]
            async with anyio.create_task_group() as group:
                group.start_soon(partial(scheduler.run, let_go.wait, urgency=Urgency.FIRST_WORDS))
                await until(lambda: neighbour.told == ["pause", "resume"] * 2)
                let_go.set()
    assert neighbour.told[-1] == "resume"


async def test_a_full_queue_says_so_at_once(scheduler: Scheduler) -> None:
    let_go = threading.Event()
    async with anyio.create_task_group() as group:
        for count in range(6):
            group.start_soon(scheduler.run, let_go.wait)
            await until(lambda count=count: scheduler.load()["cpu"].waiting + scheduler.load()["cpu"].busy == count + 1)
        with pytest.raises(Busy, match="5 jobs already wait"):
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


async def test_all_slots_work_at_a_time_after_a_rest() -> None:
    met = threading.Barrier(3)
    async with open_scheduler({"cpu": 3}) as scheduler:
        await scheduler.run(lambda: None)
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(scheduler.run, partial(met.wait, 5))
    assert not met.broken
