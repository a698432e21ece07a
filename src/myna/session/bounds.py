"""Bounded waits: nothing that an engine does, or does not do, holds a session."""

import logging
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import anyio

from myna.core.errors import EngineTimeout, EngineUnavailable, MynaError
from myna.engines.base import FailedOver, Loading

log = logging.getLogger(__name__)

T = TypeVar("T")

LOADING_S = 3600.0
"""How long a model may be loaded while a reply waits for it: for an engine that does not bound that itself."""

CLOSE_S = 1.0
"""How long an engine may take to let go of a request that was given up."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a session waits, in seconds.

    Attributes:
        hear_s: For the transcript of an utterance.
        first_token_s: For the first piece of a reply; a long prompt on a slow machine takes a while.
        idle_s: Between two pieces of a reply.
        reply_s: For a whole reply of the LLM, the time not counted in which its voice holds it back.
        speak_s: For each piece of a segment's audio.
    """

    hear_s: float = 60.0
    first_token_s: float = 30.0
    idle_s: float = 15.0
    reply_s: float = 60.0
    speak_s: float = 30.0


async def within(seconds: float, work: Awaitable[T], what: str) -> T:
    """What ``work`` gives.

    Raises:
        EngineTimeout: It gave nothing within so many seconds; it was cancelled.
    """
    try:
        with anyio.fail_after(seconds):
            return await work
    except TimeoutError:
        raise _late(what, seconds) from None
    except MynaError:
        raise
    except Exception as error:  # a door: the engine may be a package of others, which knows no errors of ours
        raise _failed(what) from error


async def pieces(
    stream: AsyncGenerator[T], *, first_s: float, idle_s: float, total_s: float, what: str
) -> AsyncGenerator[T]:
    """The items of ``stream``, which is closed when this generator is.

    While a model is loaded (`Loading`), until the next item, no time runs but `LOADING_S`. When another engine has
    taken over (`FailedOver`), the next item is a first one again.

    Raises:
        EngineTimeout: The first item took longer than ``first_s``, a later one than ``idle_s``, or all of them than
            ``total_s``. What the caller does between two items, such as speaking them, is not the stream's time.
    """
    left_s = total_s
    wait_s = first_s
    loads = False
    async with _closing(stream):
        while True:
            allowed_s = LOADING_S if loads else max(0.0, min(wait_s, left_s))
            asked_s = anyio.current_time()
            try:
                with anyio.fail_after(allowed_s):
                    item = await anext(stream)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise _late(what, allowed_s if loads or allowed_s == wait_s else total_s) from None
            except MynaError:
                raise
            except Exception as error:  # the same door, for streams
                raise _failed(what) from error
            left_s -= 0.0 if loads else anyio.current_time() - asked_s
            yield item
            loads = isinstance(item, Loading)
            wait_s = first_s if loads or isinstance(item, FailedOver) else idle_s


@asynccontextmanager
async def _closing(stream: AsyncGenerator[T]) -> AsyncGenerator[None]:
    try:
        yield
    finally:
        with anyio.move_on_after(CLOSE_S, shield=True):
            try:
                await stream.aclose()
            except Exception:  # nobody waits for what it gives any more
                log.exception("a stream did not close")


def _failed(what: str) -> EngineUnavailable:
    """Of an exception that is none of ours: behind the door are the packages of others."""
    log.exception("%s", what)  # noqa: LOG004 - called by handlers
    return EngineUnavailable(f"{what} failed.", hint="The log has the details.")


def _late(what: str, seconds: float) -> EngineTimeout:
    return EngineTimeout(
        f"{what} did not answer within {seconds:g} s.",
        hint="Try again; a smaller model or a longer limit in the [session] settings helps on a slow machine.",
    )
