"""What every engine owes whoever gives a request up: to let go of it."""

from collections.abc import Awaitable

import anyio
import pytest

LET_GO_S = 10.0
"""An engine that holds on for longer shields itself, and with it the session that wants to close. Others take
milliseconds, and on a busy machine a second."""


async def give_up(work: Awaitable[object], after_s: float) -> None:
    """Cancel ``work`` after so many seconds; fails when it does not let go then."""
    began_s = anyio.current_time()
    with anyio.move_on_after(after_s) as scope:
        await work
    if scope.cancel_called and (held_s := anyio.current_time() - began_s - after_s) > LET_GO_S:
        pytest.fail(f"It held on for {held_s:.1f} s after it was cancelled; nothing in it may be shielded for long.")
