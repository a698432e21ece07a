"""What a session's owner is told: nothing lost, nothing out of order, nobody waiting for ever."""

import anyio
import pytest

from myna.session.inbox import Inbox
from myna.testing.clock import on_virtual_clock


@on_virtual_clock
async def test_letters_come_in_order_and_who_writes_more_than_fits_waits() -> None:
    inbox, taken = Inbox[int](2), list[int]()

    async def write() -> None:
        for number in range(6):
            await inbox.put(number)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(write)
        await anyio.wait_all_tasks_blocked()
        assert (len(inbox), inbox.next, inbox.post(9)) == (2, 0, False)
        for _ in range(6):
            taken.append(await inbox.take())
    assert taken == [0, 1, 2, 3, 4, 5]
    assert inbox.next is None


@on_virtual_clock
async def test_who_leaves_takes_no_letter_along() -> None:
    inbox = Inbox[str](2)
    with anyio.move_on_after(1):
        await inbox.take()
    async with anyio.create_task_group() as tasks:

        async def read() -> None:
            assert await inbox.take() == "one"

        tasks.start_soon(read)
        await anyio.wait_all_tasks_blocked()
        assert inbox.post("one")
    with anyio.move_on_after(1):
        for _ in range(3):
            await inbox.put("two")
    assert [inbox.take_next(), inbox.take_next(), inbox.next] == ["two", "two", None]


@on_virtual_clock
async def test_a_closed_one_is_emptied_and_takes_no_more() -> None:
    inbox = Inbox[str](1)
    inbox.post("kept")
    async with anyio.create_task_group() as tasks:

        async def write() -> None:
            with pytest.raises(anyio.ClosedResourceError):
                await inbox.put("late")

        tasks.start_soon(write)
        await anyio.wait_all_tasks_blocked()
        inbox.close()
    with pytest.raises(anyio.ClosedResourceError):
        inbox.post("late")
    assert await inbox.take() == "kept"
    assert not inbox
