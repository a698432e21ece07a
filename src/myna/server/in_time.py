"""How long the store may take for what a request asks of it."""

from collections.abc import Awaitable
from typing import TypeVar

import anyio

from myna.core.errors import StoreUnavailable

T = TypeVar("T")

STORE_S = 10.0
"""How long the store may take for an answer."""
DELETE_S = 60.0
"""The same for deleting and forgetting, which leave no trace in the file of the database."""


async def in_time(work: Awaitable[T], answer_s: float = STORE_S) -> T:
    """What the store gives.

    Raises:
        StoreUnavailable: It gives nothing in time.
        MynaError: What is wrong.
    """
    try:
        with anyio.fail_after(answer_s):
            return await work
    except TimeoutError:
        raise StoreUnavailable(
            f"The store did not answer within {answer_s:g} s.", hint="Look after its disk."
        ) from None
