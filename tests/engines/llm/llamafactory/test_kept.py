"""What is kept up there is tried again; how soon depends on what went wrong."""

from itertools import pairwise

import anyio
import pytest

from myna.core.errors import BadConfig, EngineUnavailable
from myna.engines.llm.llamafactory import faults
from myna.engines.llm.llamafactory.kept import REFUSED_S, Kept
from myna.engines.llm.llamafactory.options import LlamaFactoryOptions
from myna.testing.clock import on_virtual_clock

HOUR_S = 3600.0


def kept() -> Kept[str]:
    return Kept[str](LlamaFactoryOptions(host="gpu"))


async def tries(error: Exception) -> list[float]:
    """When it is tried within an hour, while somebody asks all the time."""
    it, times = kept(), list[float]()

    async def run() -> None:
        times.append(anyio.current_time())
        raise error

    async def ask() -> None:
        while True:
            with pytest.raises(type(error)):
                await it.get()
            await anyio.sleep(10)

    with anyio.move_on_after(HOUR_S):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await it.keep(run)
    return times


@on_virtual_clock
async def test_after_a_refused_login_it_is_left_alone_for_ten_minutes_whoever_asks():
    times = await tries(faults.login_refused("gpu", "no"))
    assert min(after - before for before, after in pairwise(times)) >= REFUSED_S
    assert len(times) >= 5


@on_virtual_clock
async def test_who_asks_for_what_is_out_of_reach_has_it_tried_again():
    assert len(await tries(faults.unreachable("gpu", "no"))) > 100


@on_virtual_clock
async def test_a_setting_that_cannot_be_used_ends_it_at_the_beginning():
    async def run() -> None:
        raise BadConfig("There is no file key.")

    with pytest.raises(BadConfig), anyio.move_on_after(HOUR_S):
        await kept().keep(run)


@on_virtual_clock
async def test_once_it_was_up_it_is_tried_again_whatever_happens():
    it, errors = kept(), [EngineUnavailable("lost"), BadConfig("There is no file key."), EngineUnavailable("lost")]

    async def run() -> None:
        if len(errors) == 1:
            assert isinstance(it.problem, EngineUnavailable)
            assert it.problem.message == "There is no file key."
        if len(errors) != 2:
            it.is_up("here")
        if not errors:
            await anyio.sleep_forever()
        raise errors.pop(0)

    with anyio.move_on_after(HOUR_S):
        await it.keep(run)
    assert errors == []
    assert it.problem is None
    assert it.now == "here"
