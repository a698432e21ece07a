"""The body of an answer as it comes from the network: event by event, and never for ever."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress

import anyio
import httpx

from myna.engines.llm.chat_completions import DONE
from myna.engines.llm.sse import EventDecoder

DRAIN_S = 0.25
"""How long the end of a stream may take after its last event; with it the connection can be used again."""
MAX_BODY_BYTES = 8 << 20


async def parts(response: httpx.Response, idle_s: float) -> AsyncGenerator[bytes]:
    """The JSON of each event, or of the one answer of a server that does not stream.

    Raises:
        httpx.ReadTimeout: No event came for ``idle_s``, be it that comments kept the connection alive.
    """
    if response.headers.get("content-type", "").startswith("application/json"):
        yield await read(response, idle_s)
        return
    decoder = EventDecoder()
    chunks = response.aiter_bytes()
    deadline = anyio.current_time() + idle_s
    while chunk := await _next(chunks, deadline):
        for event in decoder.feed(chunk):
            deadline = anyio.current_time() + idle_s
            yield event
            if event == DONE:
                with anyio.move_on_after(DRAIN_S), suppress(httpx.TransportError):
                    async for _ in chunks:
                        pass
                return
    for event in decoder.finish():
        if event == DONE or event.endswith(b"}"):  # else it broke off
            yield event


async def _next(chunks: AsyncIterator[bytes], deadline: float) -> bytes:
    with anyio.CancelScope(deadline=deadline):
        return await anext(chunks, b"")
    raise httpx.ReadTimeout("no event")


async def read(response: httpx.Response, within_s: float) -> bytes:
    """The body of an answer that is no stream, as far as it is of a sensible size.

    Raises:
        httpx.ReadTimeout: It was not whole in time, be it that it came byte by byte.
    """
    body = b""
    with anyio.CancelScope(deadline=anyio.current_time() + within_s):
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                break
        return body
    raise httpx.ReadTimeout("no end")
