import anyio
import pytest

from myna.core.errors import BadInput, Busy, Closed, EngineRefused
from myna.server.idempotency import KEPT_S, KeyReused, checked_key, open_idempotency
from myna.testing.clock import on_virtual_clock

ASKED, ELSE = b"this", b"something else"


def size(answer: str) -> int:
    return len(answer)


class Work:
    """Takes its time, and counts how often it was done."""

    def __init__(self, seconds: float = 1.0, fails: int = 0) -> None:
        self.seconds = seconds
        self.fails = fails
        self.begun = 0
        self.ended = 0

    async def __call__(self) -> str:
        self.begun += 1
        await anyio.sleep(self.seconds)
        self.ended += 1
        if self.ended <= self.fails:
            raise EngineRefused("no")
        return f"answer {self.ended}"


@on_virtual_clock
async def test_the_first_answer_is_given_again_for_ten_minutes() -> None:
    work = Work()
    async with open_idempotency(size) as kept:
        assert await kept.once("key", ASKED, work) == ("answer 1", False)
        await anyio.sleep(KEPT_S - 0.1)
        assert await kept.once("key", ASKED, work) == ("answer 1", True)
        await anyio.sleep(0.2)
        assert await kept.once("key", ASKED, work) == ("answer 2", False)


@on_virtual_clock
async def test_those_who_ask_while_it_is_made_wait_for_it() -> None:
    work = Work()
    told: list[tuple[str, bool]] = []
    async with open_idempotency(size) as kept:

        async def ask() -> None:
            told.append(await kept.once("key", ASKED, work))

        async with anyio.create_task_group() as group:
            for _ in range(50):
                group.start_soon(ask)
    assert work.begun == 1
    assert sorted(told) == [("answer 1", False)] + [("answer 1", True)] * 49


@pytest.mark.parametrize("after_s", [0.5, 2.0])
def test_another_request_must_not_use_the_key(after_s: float) -> None:
    @on_virtual_clock
    async def ask() -> None:
        work = Work()
        async with open_idempotency(size) as kept, anyio.create_task_group() as group:
            group.start_soon(kept.once, "key", ASKED, work)
            await anyio.sleep(after_s)
            with pytest.raises(KeyReused):
                await kept.once("key", ELSE, work)
        assert work.begun == 1

    ask()


@on_virtual_clock
async def test_a_failure_is_for_all_who_waited_and_the_next_request_tries_anew() -> None:
    work = Work(fails=1)
    failed: list[bool] = []
    async with open_idempotency(size) as kept:

        async def ask() -> None:
            with pytest.raises(EngineRefused):
                await kept.once("key", ASKED, work)
            failed.append(True)

        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(ask)
        assert (work.begun, len(failed)) == (1, 3)
        assert await kept.once("key", ASKED, work) == ("answer 2", False)


@on_virtual_clock
async def test_after_a_failure_the_key_may_be_used_for_another_request() -> None:
    work = Work(fails=1)
    async with open_idempotency(size) as kept:
        with pytest.raises(EngineRefused):
            await kept.once("key", ASKED, work)
        assert await kept.once("key", ELSE, work) == ("answer 2", False)


@on_virtual_clock
async def test_the_first_to_ask_may_leave_without_harm_to_who_waits() -> None:
    work = Work()
    async with open_idempotency(size) as kept, anyio.create_task_group() as others:
        with anyio.move_on_after(0.5):
            await kept.once("key", ASKED, work)
        others.start_soon(kept.once, "key", ASKED, work)
        await anyio.sleep(1)
        assert await kept.once("key", ASKED, work) == ("answer 1", True)
    assert work.begun == 1


@on_virtual_clock
async def test_the_oldest_answers_make_way_for_new_ones() -> None:
    work = Work()
    async with open_idempotency(size, most=2) as kept:
        for key in ("first", "second", "third"):
            await kept.once(key, ASKED, work)
        assert await kept.once("third", ASKED, work) == ("answer 3", True)
        assert await kept.once("second", ASKED, work) == ("answer 2", True)
        assert await kept.once("first", ASKED, work) == ("answer 4", False)


@on_virtual_clock
async def test_answers_take_no_more_room_than_there_is() -> None:
    work = Work()
    async with open_idempotency(size, room=2 * len("answer 1")) as kept:
        for key in ("first", "second", "third"):
            await kept.once(key, ASKED, work)
        assert await kept.once("second", ASKED, work) == ("answer 2", True)
        assert await kept.once("first", ASKED, work) == ("answer 4", False)


@on_virtual_clock
async def test_no_more_keys_than_the_limit_are_worked_on() -> None:
    work = Work()
    async with open_idempotency(size, most=1) as kept, anyio.create_task_group() as group:
        group.start_soon(kept.once, "first", ASKED, work)
        await anyio.sleep(0.5)
        with pytest.raises(Busy):
            await kept.once("second", ASKED, work)


@on_virtual_clock
async def test_who_waits_when_the_server_stops_is_told() -> None:
    closed: list[bool] = []
    async with anyio.create_task_group() as group, open_idempotency(size) as kept:

        async def ask() -> None:
            with pytest.raises(Closed):
                await kept.once("key", ASKED, Work(seconds=1000))
            closed.append(True)

        group.start_soon(ask)
        await anyio.sleep(1)
    assert closed


@pytest.mark.parametrize("value", ["", " \t", "x" * 256, "a\x00b", "a\nb"])
def test_a_key_must_be_a_key(value: str) -> None:
    with pytest.raises(BadInput, match="1 to 255 printable"):
        checked_key(value)


def test_blanks_around_a_key_are_no_part_of_it() -> None:
    assert checked_key(" session:utterance:hash ") == "session:utterance:hash"
