import math
from collections.abc import AsyncGenerator, Sequence
from typing import Any, TypeAlias

import anyio
import pytest

from myna.core.errors import EngineRefused, MynaError
from myna.server.event_stream import KEEP_ALIVE, KEEP_ALIVE_S, EventStream
from myna.testing.clock import on_virtual_clock

Step: TypeAlias = bytes | float | MynaError
"""An event, so many seconds without any, or a failure."""


class Making:
    """Makes events, and knows whether it was ended."""

    def __init__(self, *steps: Step) -> None:
        self.steps: Sequence[Step] = steps
        self.ended = False

    async def events(self) -> AsyncGenerator[bytes]:
        try:
            for step in self.steps:
                match step:
                    case bytes():
                        yield step
                    case MynaError():
                        raise step
                    case _:
                        await anyio.sleep(step)
        finally:
            self.ended = True


class Client:
    """An ASGI client that leaves after ``leaves_s``, and takes ``reads_s`` to read a piece."""

    def __init__(self, leaves_s: float = math.inf, reads_s: float = 0.0) -> None:
        self.leaves_s = leaves_s
        self.reads_s = reads_s
        self.got: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        await anyio.sleep(self.leaves_s)
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await anyio.sleep(self.reads_s)
        self.got.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.got)


async def stream(making: Making, client: Client, limit_s: float = 1000.0) -> None:
    answer = EventStream(making.events(), failed=lambda error: error.message.encode(), limit_s=limit_s)
    await answer({"type": "http"}, client.receive, client.send)


@on_virtual_clock
async def test_events_are_sent_as_they_come_and_then_the_answer_ends() -> None:
    client = Client()
    await stream(Making(b"one", 1.0, b"two"), client)
    start, *_, end = client.got
    assert start["status"] == 200
    assert (b"content-type", b"text/event-stream; charset=utf-8") in start["headers"]
    assert client.body == b"onetwo"
    assert end == {"type": "http.response.body", "body": b"", "more_body": False}


@on_virtual_clock
async def test_silence_is_filled_with_comments_from_the_beginning_on() -> None:
    client = Client()
    await stream(Making(2.5 * KEEP_ALIVE_S, b"one", 1.5 * KEEP_ALIVE_S, b"two"), client)
    assert client.body == KEEP_ALIVE * 2 + b"one" + KEEP_ALIVE + b"two"


@on_virtual_clock
async def test_a_failure_before_the_first_event_keeps_its_status() -> None:
    client = Client()
    with pytest.raises(EngineRefused):
        await stream(Making(1.0, EngineRefused("no")), client)
    assert client.got == []


@on_virtual_clock
async def test_nothing_follows_the_end_however_slowly_it_is_read() -> None:
    client = Client(reads_s=1.5 * KEEP_ALIVE_S)
    await stream(Making(b"one"), client)
    assert client.body == b"one"
    assert [message.get("more_body") for message in client.got] == [None, True, True, False]


@pytest.mark.parametrize("before", [b"one", 1.5 * KEEP_ALIVE_S])
def test_a_failure_after_something_was_sent_is_an_event(before: Step) -> None:
    @on_virtual_clock
    async def ask() -> None:
        client = Client()
        await stream(Making(before, EngineRefused("no")), client)
        assert client.body.endswith(b"no")
        assert client.got[-1]["more_body"] is False

    ask()


@pytest.mark.parametrize("steps", [(math.inf,), (b"one", math.inf), (b"one",) * 10])
def test_when_the_client_leaves_nothing_more_is_made(steps: Sequence[Step]) -> None:
    @on_virtual_clock
    async def ask() -> None:
        making = Making(*steps)
        await stream(making, Client(leaves_s=3.5, reads_s=1.0))
        assert making.ended

    ask()


@on_virtual_clock
async def test_a_client_that_does_not_read_is_given_up() -> None:
    making = Making(b"one", b"two")
    client = Client(reads_s=math.inf)
    with anyio.fail_after(61):
        await stream(making, client, limit_s=60)
    assert making.ended
