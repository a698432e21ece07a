import base64
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from typing import Any, cast

import anyio
import numpy as np
import pytest
from benchmarks.realtime_client import FRAME_MS, HUSHED, RATE, RealtimeClient, frames
from websockets.asyncio.client import ClientConnection

from myna.core.audio import HEARING_RATE
from myna.engines.samples import from_pcm16, to_pcm16
from myna.testing.clock import on_virtual_clock


class Line:
    """A socket of which the test is the other end."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self._give, self._come = anyio.create_memory_object_stream[str](100)

    async def send(self, message: str) -> None:
        self.sent.append(json.loads(message))

    def __aiter__(self) -> "Line":
        return self

    async def __anext__(self) -> str:
        return await self._come.receive()

    async def tell(self, kind: str, **fields: object) -> None:
        await self._give.send(json.dumps({"type": kind, **fields}))
        await anyio.wait_all_tasks_blocked()

    async def speak(self, seconds: float, item_id: str = "item") -> None:
        pcm = to_pcm16(np.full(round(seconds * RATE), 0.5, np.float32))
        await self.tell("response.output_audio.delta", item_id=item_id, delta=base64.b64encode(pcm).decode())

    def close(self) -> None:
        self._give.close()
        self._come.close()

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.sent if event["type"] == kind]


@asynccontextmanager
async def listening(line: Line, *, pauses: bool = False) -> AsyncGenerator[RealtimeClient]:
    client = RealtimeClient(cast(ClientConnection, line), pauses=pauses, loudspeaker=True)
    with closing(line):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.listen)
            yield client
            tasks.cancel_scope.cancel()


@on_virtual_clock
async def test_a_frame_leaves_every_20_ms_whether_anybody_speaks_or_not():
    line = Line()
    onset_s = 0.0
    async with listening(line) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(client.microphone)
        await anyio.sleep(0.99)
        onset_s = client.say(frames(np.full(HEARING_RATE // 10, 0.5, np.float32)))
        await anyio.sleep(1.001)
        tasks.cancel_scope.cancel()
    assert onset_s == pytest.approx(1.0)
    assert len(line.sent) == 99
    loud = [
        at for at, event in enumerate(line.sent) if np.abs(from_pcm16(base64.b64decode(event["audio"]))).max() > 0.1
    ]
    assert loud == [50, 51, 52, 53, 54]
    assert client.frame_s(1001) == pytest.approx(1.02)
    assert client.lateness_s() == pytest.approx([0] * 99)


@on_virtual_clock
async def test_a_client_that_pauses_plays_on_where_it_paused():
    line = Line()
    async with listening(line, pauses=True) as client:
        await line.speak(1.0)
        await anyio.sleep(0.25)
        await line.tell("myna.playback.paused", response_id="resp")
        await anyio.sleep(5)
        await line.tell("myna.playback.resumed", response_id="resp")
        await anyio.sleep(0.25)
        assert client.loudspeaker.played_ms == pytest.approx(500, abs=1)
        assert [event["audio_end_ms"] for event in line.told("myna.playback.played")] == [250]


@on_virtual_clock
async def test_a_plain_client_truncates_what_it_has_not_played():
    line = Line()
    async with listening(line) as client:
        await line.tell("response.created")
        await line.speak(1.0)
        await anyio.sleep(0.3)
        await line.tell("input_audio_buffer.speech_started")
        assert [cut.played_ms for cut in client.cuts] == [pytest.approx(300, abs=1)]
        assert [(event["item_id"], event["audio_end_ms"]) for event in line.told("conversation.item.truncate")] == [
            ("item", 300)
        ]
        assert not client.plays


@on_virtual_clock
async def test_a_plain_client_that_has_played_all_that_came_was_interrupted_all_the_same():
    line = Line()
    async with listening(line) as client:
        await line.tell("response.created")
        await line.speak(0.2)
        await anyio.sleep(1)
        await line.tell("response.done", response={"status": "cancelled"})
        await line.tell("input_audio_buffer.speech_started")
        assert [cut.played_ms for cut in client.cuts] == [200]
        assert len(line.told("conversation.item.truncate")) == 1


@on_virtual_clock
async def test_speech_behind_a_reply_cuts_nothing():
    line = Line()
    async with listening(line) as client:
        await line.tell("response.created")
        await line.speak(0.5)
        await line.tell("response.done", response={"status": "completed"})
        assert client.plays
        await anyio.sleep(1)
        await line.tell("input_audio_buffer.speech_started")
        assert not client.cuts


@on_virtual_clock
async def test_the_next_reply_is_counted_from_its_own_begin():
    line = Line()
    async with listening(line) as client:
        await line.speak(0.5)
        await anyio.sleep(1)
        await line.speak(1.0, "next")
        await anyio.sleep(0.2)
        assert client.loudspeaker.played_ms == pytest.approx(200, abs=1)
        assert len(client.received["next"]) == 2 * RATE


@on_virtual_clock
async def test_an_error_of_the_server_is_raised():
    line = Line()
    async with listening(line) as client:
        await line.tell("error", error={"message": "no"})
        with pytest.raises(RuntimeError, match="no"):
            await client.until(lambda come: come.type == "session.updated", since_s=0, within_s=1)


@on_virtual_clock
async def test_what_does_not_come_is_waited_for_no_longer_than_allowed():
    async with listening(Line()) as client:
        began_s = anyio.current_time()
        assert await client.until(lambda _: True, since_s=0, within_s=3) is None
        assert anyio.current_time() - began_s == pytest.approx(3)


def test_the_last_frame_is_filled_up():
    sizes = {len(frame) for frame in (*frames(np.zeros(HEARING_RATE // 10 + 5, np.float32)), *HUSHED)}
    assert len(sizes) == 1
    assert len(HUSHED) * FRAME_MS == 1000
