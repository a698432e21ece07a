import anyio
import pytest

from myna.session.pace import AHEAD_S, Pace
from myna.testing.clock import on_virtual_clock

FRAME_S = 0.1
FRAME = bytes(3200)


async def sent(pace: Pace, seconds: float, *, speed: float = 1.0) -> float:
    """Send so much audio at this speed; how long it was kept waiting."""
    waited_s = 0.0
    for _ in range(round(seconds / FRAME_S)):
        before = anyio.current_time()
        await pace.take(FRAME)
        waited_s += anyio.current_time() - before
        await anyio.sleep(FRAME_S / speed)
    return waited_s


async def catch_up_in(pace: Pace, seconds: float) -> None:
    await anyio.sleep(seconds)
    pace.lag(False)


@pytest.mark.parametrize("speed", [0.5, 1.0, 1.04])
@on_virtual_clock
async def test_a_microphone_never_waits_even_if_its_clock_is_a_little_fast(speed: float) -> None:
    pace = Pace()
    pace.lag(True)
    with anyio.fail_after(4000):
        assert await sent(pace, 1800, speed=speed) == 0
    assert not pace.ahead


@on_virtual_clock
async def test_a_microphone_whose_network_stood_still_does_not_wait_either() -> None:
    pace = Pace()
    pace.lag(True)
    with anyio.fail_after(100):
        for _ in range(5):
            assert await sent(pace, AHEAD_S - 1, speed=1e6) == 0
            await anyio.sleep(AHEAD_S - 1)


@on_virtual_clock
async def test_a_recording_waits_while_the_asr_lags_and_only_then() -> None:
    pace = Pace()
    assert await sent(pace, 60, speed=1e6) == 0
    assert pace.ahead
    pace.lag(True)
    async with anyio.create_task_group() as group:
        group.start_soon(catch_up_in, pace, 30.0)
        assert await sent(pace, 60, speed=1e6) == pytest.approx(30, abs=0.01)  # once, not for each frame
    assert not pace.waits


@on_virtual_clock
async def test_while_a_recording_waits_it_does_not_become_live() -> None:
    pace = Pace()
    await sent(pace, AHEAD_S + 1, speed=1e6)
    pace.lag(True)
    async with anyio.create_task_group() as group:
        group.start_soon(pace.take, FRAME)
        await anyio.sleep(1000)
        assert pace.waits
        assert pace.ahead
        pace.lag(False)
    assert pace.ahead
    await anyio.sleep(AHEAD_S)
    assert not pace.ahead


@on_virtual_clock
async def test_who_leaves_while_it_waits_is_not_waited_for() -> None:
    pace = Pace()
    await sent(pace, 60, speed=1e6)
    pace.lag(True)
    with anyio.move_on_after(1):
        await pace.take(FRAME)
    assert not pace.waits
