"""Tests on a virtual clock: hours pass in milliseconds, and always in the same order.

Needs trio. For scripted engines only: the clock jumps whenever every task waits, also while a real thread works.
"""

import functools
from collections.abc import Awaitable, Callable
from typing import ParamSpec

import trio
import trio.testing

P = ParamSpec("P")


def on_virtual_clock(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """Make a plain test of an async one; whatever waits by anyio's or trio's clock waits virtually."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        clock = trio.testing.MockClock(autojump_threshold=0)
        trio.run(functools.partial(test, *args, **kwargs), clock=clock)

    return run
