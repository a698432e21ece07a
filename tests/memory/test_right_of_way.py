import gc
import weakref

import anyio

from myna.memory.right_of_way import LONGEST_TURN_S, QUIET_S, RightOfWay
from myna.testing.clock import on_virtual_clock


@on_virtual_clock
async def test_nobody_talks_so_work_begins_at_once() -> None:
    began = anyio.current_time()
    await RightOfWay().wait()
    assert anyio.current_time() == began


@on_virtual_clock
async def test_work_waits_until_it_has_been_quiet() -> None:
    way = RightOfWay()
    began = anyio.current_time()
    way.begin("one")
    way.begin("other")

    async def talk() -> None:
        await anyio.sleep(10)
        way.end("one")
        await anyio.sleep(10)
        way.end("other")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(talk)
        await way.wait()
    assert 20 + QUIET_S <= anyio.current_time() - began <= 21 + QUIET_S


@on_virtual_clock
async def test_who_begins_to_talk_stops_the_work() -> None:
    way = RightOfWay()

    async def talk() -> None:
        await anyio.sleep(3)
        with way.taken():
            pass

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(talk)
        async with way.work(60) as work:
            await anyio.sleep(30)
        assert work.cancelled_caught
        assert anyio.current_time() < work.deadline


@on_virtual_clock
async def test_work_has_a_limit() -> None:
    way = RightOfWay()
    async with way.work(5) as work:
        await anyio.sleep_forever()
    assert work.deadline <= anyio.current_time()


@on_virtual_clock
async def test_who_never_ends_has_gone_away() -> None:
    way = RightOfWay()
    began = anyio.current_time()
    way.begin("somebody")
    await way.wait()
    assert LONGEST_TURN_S <= anyio.current_time() - began <= LONGEST_TURN_S + 1


@on_virtual_clock
async def test_who_has_gone_away_is_forgotten_when_others_talk() -> None:
    class Somebody:
        pass

    way, somebody = RightOfWay(), Somebody()
    gone = weakref.ref(somebody)
    way.begin(somebody)
    del somebody
    await anyio.sleep(LONGEST_TURN_S + 1)
    way.begin("other")
    gc.collect()
    assert gone() is None
