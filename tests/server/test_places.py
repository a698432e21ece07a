import anyio
import pytest

from myna.core.errors import Busy
from myna.core.ids import ConversationId
from myna.server.places import CLEAR_S, Places
from myna.testing.clock import on_virtual_clock

KITCHEN, HALL, ATTIC = ConversationId("kitchen"), ConversationId("hall"), ConversationId("attic")


@on_virtual_clock
async def test_there_are_so_many_places_and_one_that_is_left_is_free_again() -> None:
    places = Places(2)
    async with places.take(KITCHEN):
        async with places.take(HALL):
            assert places.taken == 2
            with pytest.raises(Busy, match="2 places"):
                async with places.take(ATTIC):
                    pass
        async with places.take(ATTIC):
            assert places.taken == 2
    assert places.taken == 0


@on_virtual_clock
async def test_who_comes_back_takes_over_also_when_all_places_are_taken() -> None:
    places = Places(1)
    told: list[str] = []

    async def talk(name: str, seconds: float) -> None:
        async with places.take(KITCHEN) as place:
            with place.scope:
                told.append(f"{name} talks")
                await anyio.sleep(seconds)
                told.append(f"{name} is done")
            if place.taken_over:
                told.append(f"{name} leaves")

    async with anyio.create_task_group() as group:
        for name in ("first", "second", "third"):
            group.start_soon(talk, name, 10.0)
            await anyio.sleep(1)
    assert told == [
        "first talks",
        "first leaves",
        "second talks",
        "second leaves",
        "third talks",
        "third is done",
    ]
    assert places.taken == 0


@on_virtual_clock
async def test_who_comes_while_another_one_waits_is_the_one_who_stays() -> None:
    places = Places(1)
    stayed: list[str] = []

    async def talk(name: str) -> None:
        async with places.take(KITCHEN) as place:
            with place.scope:
                await anyio.sleep(10)
                stayed.append(name)
            with anyio.CancelScope(shield=True):
                await anyio.sleep(1)  # an engine lets go slowly

    async with anyio.create_task_group() as group:
        for name in ("first", "second", "third"):
            group.start_soon(talk, name)
            await anyio.sleep(0.1)
    assert len(stayed) == 1


@on_virtual_clock
async def test_a_place_that_is_taken_over_is_not_given_to_another_between() -> None:
    places = Places(1)

    async def go_on() -> None:
        async with places.take(KITCHEN):
            await anyio.sleep(1)

    async with anyio.create_task_group() as group:
        async with places.take(KITCHEN):
            group.start_soon(go_on)
            await anyio.sleep(0.1)
        assert places.taken == 1
        with pytest.raises(Busy, match="1 places"):
            async with places.take(HALL):
                pass
    assert places.taken == 0


@on_virtual_clock
async def test_one_that_does_not_leave_keeps_its_place_and_nobody_waits_for_ever() -> None:
    places = Places(5)

    async def stuck() -> None:
        async with places.take(KITCHEN):
            with anyio.CancelScope(shield=True):
                await anyio.sleep(CLEAR_S * 2)

    async with anyio.create_task_group() as group:
        group.start_soon(stuck)
        await anyio.sleep(0.1)
        with pytest.raises(Busy, match="does not end"):
            async with places.take(KITCHEN):
                pass
        assert places.taken == 1


@on_virtual_clock
async def test_a_conversation_is_free_when_nobody_is_live_in_it() -> None:
    places = Places(1)
    async with places.take(KITCHEN):
        places.check_free(HALL)
        with pytest.raises(Busy, match="kitchen"):
            places.check_free(KITCHEN)
    places.check_free(KITCHEN)
