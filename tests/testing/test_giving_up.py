import anyio
import pytest

from myna.testing.clock import on_virtual_clock
from myna.testing.conformance.giving_up import LET_GO_S, give_up


async def shielded(seconds: float) -> None:
    with anyio.CancelScope(shield=True):
        await anyio.sleep(seconds)


@on_virtual_clock
async def test_who_holds_on_after_it_was_cancelled_is_found() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"held on for 29.0 s"):
        await give_up(shielded(30), after_s=1)


@on_virtual_clock
async def test_who_lets_go_is_not() -> None:
    await give_up(anyio.sleep(30), after_s=1)
    await give_up(shielded(LET_GO_S), after_s=1)
    await give_up(anyio.sleep(0.1), after_s=1)
