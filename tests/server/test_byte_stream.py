from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

from myna.core.errors import EngineRefused
from myna.server.byte_stream import UNREAD_S, ByteStream
from myna.testing.clock import on_virtual_clock

SCOPE: dict[str, Any] = {"type": "http"}


@dataclass
class Client:
    """Takes what is sent, each piece after so long, and goes away after so long."""

    reads_in_s: float = 0.0
    gone_after_s: float = float("inf")
    taken: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    async def receive(self) -> dict[str, Any]:
        await anyio.sleep(self.gone_after_s)
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await anyio.sleep(self.reads_in_s)
        self.taken.append(message)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.taken)

    @property
    def whole(self) -> bool:
        return bool(self.taken) and self.taken[-1].get("more_body") is False


@dataclass
class Pieces:
    """Makes pieces and notes when it was closed."""

    steps: list[bytes | float | EngineRefused]
    closed: bool = False

    async def make(self) -> AsyncGenerator[bytes]:
        try:
            for step in self.steps:
                if isinstance(step, bytes):
                    yield step
                elif isinstance(step, EngineRefused):
                    raise step
                else:
                    await anyio.sleep(step)
        finally:
            self.closed = True


@on_virtual_clock
async def test_the_pieces_come_in_order_and_then_the_end() -> None:
    pieces, client = Pieces([b"a", 5.0, b"b"]), Client()
    await ByteStream(pieces.make(), "audio/wav")(SCOPE, client.receive, client.send)
    assert (client.taken[0]["status"], client.body, client.whole) == (200, b"ab", True)
    assert (b"content-type", b"audio/wav") in client.taken[0]["headers"]
    assert b"content-length" not in dict(client.taken[0]["headers"])
    assert pieces.closed


@on_virtual_clock
async def test_an_error_before_the_first_piece_is_raised_and_nothing_was_sent() -> None:
    pieces, client = Pieces([1.0, EngineRefused("no")]), Client()
    with pytest.raises(EngineRefused):
        await ByteStream(pieces.make(), "audio/wav")(SCOPE, client.receive, client.send)
    assert client.taken == []


@on_virtual_clock
async def test_after_a_later_error_the_answer_has_no_end() -> None:
    pieces, client = Pieces([b"a", EngineRefused("no")]), Client()
    await ByteStream(pieces.make(), "audio/wav")(SCOPE, client.receive, client.send)
    assert (client.body, client.whole) == (b"a", False)


def test_what_an_engine_says_of_its_failure_is_content_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    @on_virtual_clock
    async def ask() -> None:
        client = Client()
        pieces = Pieces([b"a", EngineRefused("cannot say: I am ill")])
        await ByteStream(pieces.make(), "audio/wav")(SCOPE, client.receive, client.send)

    caplog.set_level("DEBUG", "myna")
    ask()
    assert "engine_refused" in caplog.text
    assert "ill" not in caplog.text
    assert [record.__dict__.get("content") for record in caplog.records] == [None, "cannot say: I am ill"]


@on_virtual_clock
async def test_a_client_that_goes_away_stops_the_making() -> None:
    pieces, client = Pieces([b"a", 3600.0, b"b"]), Client(gone_after_s=10)
    began = anyio.current_time()
    await ByteStream(pieces.make(), "audio/wav")(SCOPE, client.receive, client.send)
    assert anyio.current_time() - began == 10
    assert (client.body, pieces.closed) == (b"a", True)


@on_virtual_clock
async def test_a_client_that_pauses_for_minutes_gets_it_all() -> None:
    pieces, client = Pieces([b"a", b"b", b"c"]), Client(reads_in_s=UNREAD_S - 1)
    await ByteStream(pieces.make(), "audio/wav")(SCOPE, client.receive, client.send)
    assert (client.body, client.whole) == (b"abc", True)


@on_virtual_clock
async def test_a_client_that_never_reads_is_given_up() -> None:
    pieces, client = Pieces([b"a", b"b"]), Client(reads_in_s=float("inf"))
    began = anyio.current_time()
    await ByteStream(pieces.make(), "audio/wav")(SCOPE, client.receive, client.send)
    assert anyio.current_time() - began == UNREAD_S
    assert pieces.closed
