import random
import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from functools import partial
from itertools import pairwise

import anyio
import pytest

from myna.core.context import working_on
from myna.core.errors import Busy, Closed
from myna.engines.scheduler import DeviceLoad, Scheduler, Urgency, open_scheduler
from myna.testing.clock import on_virtual_clock

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
    assert scheduler.load()["cpu"] == DeviceLoad(slots=1, busy=1, waiting=0, abandoned=1)
    with anyio.move_on_after(0.05) as waited:
        await scheduler.run(lambda: "too early")
    assert waited.cancelled_caught
    assert scheduler.load()["cpu"] == DeviceLoad(slots=1, busy=1, waiting=0, abandoned=1)
    let_go.set()
    await until(lambda: scheduler.load()["cpu"] == DeviceLoad(slots=1, busy=0, waiting=0, abandoned=0))
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


async def order_of(scheduler: Scheduler, asked: Sequence[tuple[str, Urgency, str]]) -> list[str]:
    """In which order jobs are done that were asked for, with a name, an urgency and an owner, while the slot was busy.

    One that is refused is not among them.
    """
    let_go = threading.Event()
    order: list[str] = []

    async def ask(name: str, urgency: Urgency, owner: str) -> None:
        working_on(conversation_id=owner)
        with suppress(Busy):
            await scheduler.run(lambda: order.append(name), urgency=urgency)

    async with anyio.create_task_group() as group:
        group.start_soon(scheduler.run, let_go.wait)
        await until(lambda: scheduler.load()["cpu"].busy == 1)
        for name, urgency, owner in asked:
            group.start_soon(ask, name, urgency, owner)
            await anyio.wait_all_tasks_blocked()
        let_go.set()
    return order


async def test_finals_wait_for_what_is_looked_up_alone_and_partials_for_all_that_somebody_waits_for(
    scheduler: Scheduler,
) -> None:
    asked = [
        ("partial", Urgency.PARTIAL, "a"),
        ("next words", Urgency.SPEAKING, "b"),
        ("first words", Urgency.FIRST_WORDS, "c"),
        ("final", Urgency.HEARING, "e"),
        ("question", Urgency.RECALLING, "f"),
    ]
    assert await order_of(scheduler, asked) == [
        "question",
        "final",
        "first words",
        "next words",
        "partial",
    ]


async def test_conversations_are_served_in_turn_however_much_one_of_them_asks(scheduler: Scheduler) -> None:
    asked = [(name, Urgency.SPEAKING, name[0]) for name in ("a1", "a2", "a3", "b1", "c1")]
    assert await order_of(scheduler, asked) == ["a1", "b1", "c1", "a2", "a3"]


async def test_requests_that_are_no_conversation_are_served_in_turn_too() -> None:
    async with open_scheduler({"cpu": 1}) as scheduler:
        let_go, order = threading.Event(), list[str]()

        async def ask(name: str) -> None:
            working_on(request_id=name[0])
            await scheduler.run(lambda: order.append(name))

        async with anyio.create_task_group() as group:
            group.start_soon(scheduler.run, let_go.wait)
            await until(lambda: scheduler.load()["cpu"].busy == 1)
            for name in ("a1", "a2", "b1"):
                group.start_soon(ask, name)
                await anyio.wait_all_tasks_blocked()
            let_go.set()
    assert order == ["a1", "b1", "a2"]


async def test_a_final_finds_a_place_in_a_queue_that_is_full_of_partials(scheduler: Scheduler) -> None:
    asked = [(name, Urgency.PARTIAL, name[0]) for name in ("a1", "a2", "b1", "a3", "c1")]
    assert await order_of(scheduler, [*asked, ("d1", Urgency.HEARING, "d")]) == ["d1", "a1", "b1", "c1", "a2"]


async def test_partials_and_background_work_leave_a_slot_to_what_is_urgent() -> None:
    let_go = threading.Event()
    async with open_scheduler({"cpu": 2}) as scheduler, anyio.create_task_group() as group:
        for urgency in (Urgency.PARTIAL, Urgency.BACKGROUND):
            group.start_soon(partial(scheduler.run, let_go.wait, urgency=urgency))
        await until(lambda: scheduler.load()["cpu"].busy == 1)
        assert scheduler.load()["cpu"].waiting == 1
        assert await scheduler.run(lambda: "final", urgency=Urgency.HEARING) == "final"
        assert scheduler.load()["cpu"].waiting == 1
        let_go.set()


async def test_whatever_comes_when_all_of_it_gets_done() -> None:
    async with open_scheduler({"cpu": 3}) as scheduler:
        for seed in range(20):
            choose = random.Random(seed)
            done: list[Urgency] = []
            asked = [choose.choice(list(Urgency)) for _ in range(40)]
            with anyio.fail_after(10):
                async with anyio.create_task_group() as group:
                    for urgency in asked:
                        group.start_soon(partial(scheduler.run, partial(done.append, urgency), urgency=urgency))
                        await anyio.sleep(choose.choice([0, 0, 0.0005]))
            assert sorted(done) == sorted(asked)


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
    """Notes what it is told, and when, on the event loop's clock."""

    def __init__(self) -> None:
        self.told: list[tuple[str, float]] = []
        self._born = anyio.current_time()

    def _note(self, what: str) -> None:
        self.told.append((what, anyio.current_time() - self._born))

    def pause(self) -> None:
        self._note("pause")

    def resume(self) -> None:
        self._note("resume")

    @property
    def resting(self) -> bool:
        return bool(self.told) and self.told[-1][0] == "pause"


@pytest.mark.parametrize("urgent", [Urgency.RECALLING, Urgency.FIRST_WORDS])
async def test_a_neighbour_rests_for_what_is_looked_up_and_first_words_and_nothing_else(urgent: Urgency) -> None:
    neighbour = Neighbour()
    async with open_scheduler({"cpu": 2}) as scheduler:
        with scheduler.beside(neighbour):
            for urgency in (Urgency.SPEAKING, Urgency.HEARING):
                assert await scheduler.run(lambda: list(neighbour.told), urgency=urgency) == []
            let_go = threading.Event()
            async with anyio.create_task_group() as group:
                for _ in range(2):
                    group.start_soon(partial(scheduler.run, let_go.wait, urgency=urgent))
                await until(lambda: scheduler.load()["cpu"].busy == 2 and neighbour.resting)
                let_go.set()
            await until(lambda: not neighbour.resting)
        assert [what for what, _ in neighbour.told] == ["pause", "resume", "resume"]


async def test_a_neighbour_goes_on_when_the_call_failed() -> None:
    neighbour, let_go = Neighbour(), threading.Event()

    def fail() -> float:
        let_go.wait()
        return 1 / 0

    async def ask(scheduler: Scheduler) -> None:
        with pytest.raises(ZeroDivisionError):
            await scheduler.run(fail, urgency=Urgency.FIRST_WORDS)

    async with open_scheduler({"cpu": 1}) as scheduler, anyio.create_task_group() as group:
        with scheduler.beside(neighbour):
            group.start_soon(ask, scheduler)
            await until(lambda: neighbour.resting)
            let_go.set()
            await until(lambda: not neighbour.resting)


@on_virtual_clock
async def test_a_neighbour_rests_three_seconds_at_most_and_is_awake_as_long_whatever_hangs() -> None:
    neighbour, let_go = Neighbour(), threading.Event()
    async with open_scheduler({"cpu": 1}) as scheduler, anyio.create_task_group() as group:
        with scheduler.beside(neighbour):
            group.start_soon(partial(scheduler.run, let_go.wait, urgency=Urgency.FIRST_WORDS))
            await anyio.sleep(13)
            assert [what for what, _ in neighbour.told] == ["pause", "resume", "pause", "resume", "pause"]
            assert [at for _, at in neighbour.told] == pytest.approx([0, 3, 6, 9, 12], abs=0.001)
            let_go.set()


@pytest.mark.parametrize("slots", [1, 2])
def test_first_words_without_end_leave_a_neighbour_half_of_the_time(slots: int) -> None:
    @on_virtual_clock
    async def run() -> None:
        neighbour, lasted = Neighbour(), list[float]()
        async with open_scheduler({"cpu": slots}) as scheduler, anyio.create_task_group() as group:

            async def speak_on(offset_s: float) -> None:
                await anyio.sleep(offset_s)
                while True:  # no more than microseconds, or nothing at all, between two of them
                    let_go = threading.Event()
                    async with anyio.create_task_group() as one:
                        one.start_soon(partial(scheduler.run, let_go.wait, urgency=Urgency.FIRST_WORDS))
                        try:
                            await anyio.sleep(1)
                        finally:
                            let_go.set()  # the last time too: threads outlive the test

            with scheduler.beside(neighbour):
                for slot in range(slots):
                    group.start_soon(speak_on, slot / slots)
                await anyio.sleep(60)
                lasted += [after - before for (_, before), (_, after) in pairwise(neighbour.told)]
                group.cancel_scope.cancel()
        rests, wakes = lasted[::2], lasted[1::2]
        assert len(rests) >= 8
        assert max(rests) < 3.001
        assert all(awake > rested - 0.001 for rested, awake in zip(rests, wakes, strict=False))

    run()


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
