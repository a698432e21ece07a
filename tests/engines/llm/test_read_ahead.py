import anyio

from myna.engines.base import LLMMessage, LLMRequest
from myna.engines.llm.read_ahead import ReadAhead
from myna.testing.clock import on_virtual_clock

PROMPT = (LLMMessage("system", "You are a bird."), LLMMessage("user", ""))
SAME = LLMRequest((PROMPT[0], LLMMessage("user", "Sing!")))
OTHER = LLMRequest((LLMMessage("user", "Sing!"),))


async def read(ahead: ReadAhead, copies: int) -> int:
    """Read for 2 s a copy; how many were made."""
    made = 0
    with ahead.scope:
        for _ in range(copies):
            await anyio.sleep(2)
            ahead.copied()
            made += 1
    ahead.copied()
    return made


async def waited_s(request: LLMRequest, *, asks_after_s: float, copies: int) -> tuple[float, float]:
    """How long the request waits, and when the reading has ended."""
    ahead = ReadAhead(PROMPT)
    waited, ended_at = 0.0, float("inf")

    async def read_all() -> None:
        nonlocal ended_at
        await read(ahead, copies)
        ended_at = anyio.current_time() - began

    began = anyio.current_time()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read_all)
        await anyio.sleep(asks_after_s)
        await ahead.make_way_for(request)
        waited = anyio.current_time() - began - asks_after_s
    return waited, ended_at


@on_virtual_clock
async def test_a_request_with_the_same_beginning_waits_for_what_it_would_have_to_read_itself() -> None:
    assert await waited_s(SAME, asks_after_s=0.5, copies=3) == (1.5, 2.0)


@on_virtual_clock
async def test_a_request_that_finds_a_copy_does_not_wait_for_more() -> None:
    assert await waited_s(SAME, asks_after_s=3, copies=3) == (0, 3.0)


@on_virtual_clock
async def test_any_other_request_stops_the_reading_and_does_not_wait() -> None:
    assert await waited_s(OTHER, asks_after_s=0.5, copies=3) == (0, 0.5)


@on_virtual_clock
async def test_who_waits_is_let_go_when_another_stops_the_reading() -> None:
    ahead = ReadAhead(PROMPT)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read, ahead, 1)
        tasks.start_soon(ahead.make_way_for, SAME)
        await anyio.sleep(0.1)
        await ahead.make_way_for(OTHER)
    assert anyio.current_time() < 2
