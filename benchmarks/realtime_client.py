"""A client of ``/v1/realtime`` as a person has it: a microphone that never rests, a loudspeaker that takes its time.

Times are of the event loop's clock, in seconds. Frame ``k`` of the microphone is recorded from ``k * FRAME_MS`` on and
leaves when it is full; ``sent_s[k]`` is when it really left.
"""

import base64
import json
import math
from array import array
from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import anyio
import numpy as np
from anyio.abc import TaskStatus
from benchmarks.turn import AUDIBLE
from websockets.asyncio.client import ClientConnection, connect

from myna.core.audio import HEARING_RATE
from myna.engines.base import Samples
from myna.engines.samples import from_pcm16, resample, to_pcm16
from myna.engines.task_group import open_task_group
from myna.testing.loudspeaker import Loudspeaker

RATE = 24_000
"""Of Realtime's PCM, both ways, in Hz."""

FRAME_MS = 20
_FRAME = RATE * FRAME_MS // 1000

HUSH = 10 ** (-66 / 20)
"""RMS of what a microphone gives when nobody speaks, of full scale."""

Message: TypeAlias = str
"""A frame as it goes over the line."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A server event, and when it came. The audio of a ``response.output_audio.delta`` is not kept.

    Attributes:
        audible: There is a sample in its audio that can be heard.
    """

    at_s: float
    event: Mapping[str, Any]
    audible: bool = False

    @property
    def type(self) -> str:
        """The event's."""
        return self.event["type"]


@dataclass(frozen=True, slots=True)
class Cut:
    """A reply that the loudspeaker was told to drop, which had played so much of it."""

    at_s: float
    item_id: str
    played_ms: float


def frames(samples: Samples) -> list[Message]:
    """Samples at `HEARING_RATE` as the frames that carry them; the last one is filled up with hush."""
    samples = resample(samples, HEARING_RATE, RATE)
    rest = -len(samples) % _FRAME
    pcm = to_pcm16(np.concatenate([samples, _hush(rest)]))
    return [_append(pcm[at : at + 2 * _FRAME]) for at in range(0, len(pcm), 2 * _FRAME)]


def _append(pcm: bytes) -> Message:
    return f'{{"type":"input_audio_buffer.append","audio":"{base64.b64encode(pcm).decode()}"}}'


def _hush(samples: int) -> Samples:
    return (np.random.default_rng(7).standard_normal(samples) * HUSH).astype(np.float32)


HUSHED: Sequence[Message] = [
    _append(to_pcm16(_hush(50 * _FRAME)[at : at + _FRAME])) for at in range(0, 50 * _FRAME, _FRAME)
]
"""A second of it."""


class RealtimeClient:
    """One connection. Made by `open_client`.

    Attributes:
        events: What came, in order.
        cuts: What was interrupted, in order.
        sent_s: When each frame of the microphone left.
        received: The PCM of each reply that came, by its item's id.
        loudspeaker: What plays the reply.
        pauses: It pauses and goes on when it is told to.
    """

    def __init__(self, socket: ClientConnection, *, pauses: bool, loudspeaker: bool) -> None:
        self.events: list[Arrived] = []
        self.cuts: list[Cut] = []
        self.sent_s = array("d")
        self.received: defaultdict[str, bytearray] = defaultdict(bytearray)
        self.loudspeaker = Loudspeaker(RATE)
        self._socket = socket
        self.pauses = pauses
        self._has_loudspeaker = loudspeaker
        self._to_say: deque[Message] = deque()
        self._item_id = ""
        self._plays_item = False  # and has not been told to stop
        self._comes = False  # all of it has not come, or never will
        self._began_s = math.inf
        self._news = anyio.Event()

    async def tell(self, kind: str, **fields: object) -> None:
        """Send a client event."""
        await self._socket.send(json.dumps({"type": kind, **fields}))

    async def ask(self, text: str) -> None:
        """Type something, and have it answered without regard to what was said before."""
        content = [{"type": "input_text", "text": text}]
        message = {"type": "message", "role": "user", "content": content}
        await self.tell("response.create", response={"input": [message]})

    @property
    def plays(self) -> bool:
        """Whether a reply is being played, or will go on to be."""
        return self._plays_item and (self._comes or self.loudspeaker.waits)

    def say(self, said: Iterable[Message]) -> float:
        """Speak into the microphone, from its next frame on. When the first sample is recorded."""
        first = len(self.sent_s) + 1 + len(self._to_say)
        self._to_say.extend(said)
        return self._began_s + first * FRAME_MS / 1000

    def frame_s(self, audio_ms: float) -> float:
        """When the frame left that made the audio ``audio_ms`` long; the newest one if it is not that long yet."""
        return self.sent_s[min(math.ceil(audio_ms / FRAME_MS), len(self.sent_s)) - 1]

    async def until(self, wanted: Callable[[Arrived], bool], *, since_s: float, within_s: float) -> Arrived | None:
        """The first of the events since ``since_s`` that is wanted; None if there is none within ``within_s`` from now.

        Raises:
            RuntimeError: The server tells of an error meanwhile.
        """
        looked = 0
        with anyio.move_on_after(within_s):
            while True:
                for arrived in self.events[looked:]:
                    if arrived.at_s >= since_s:
                        if arrived.type == "error":
                            raise RuntimeError(f"The server says: {arrived.event['error']}")
                        if wanted(arrived):
                            return arrived
                looked = len(self.events)
                await self._news.wait()
        return None

    def lateness_s(self) -> list[float]:
        """How much later than it was full each frame left."""
        return [at_s - self._began_s - (index + 1) * FRAME_MS / 1000 for index, at_s in enumerate(self.sent_s)]

    def since(self, since_s: float) -> list[Arrived]:
        """The events from then on."""
        return [arrived for arrived in self.events if arrived.at_s >= since_s]

    # ----------------------------------------------------------------------------------------------------- both ends

    async def microphone(self, *, task_status: TaskStatus[None] = anyio.TASK_STATUS_IGNORED) -> None:
        """Send a frame every `FRAME_MS`, whether anybody speaks or not; late ones at once, so that none is left out."""
        self._began_s = anyio.current_time()
        task_status.started()
        while True:
            index = len(self.sent_s)
            frame = self._to_say.popleft() if self._to_say else HUSHED[index % len(HUSHED)]
            await anyio.sleep_until(self._began_s + (index + 1) * FRAME_MS / 1000)
            self.sent_s.append(anyio.current_time())
            await self._socket.send(frame)

    async def listen(self) -> None:
        """Take what comes, and do with it what a client does."""
        async for message in self._socket:
            at_s = anyio.current_time()
            event: dict[str, Any] = json.loads(message)
            audible = False
            match event["type"]:
                case "response.created":
                    self._comes = True
                case "response.done":  # of an interrupted one it comes before the news that the user speaks
                    self._comes = event["response"]["status"] == "cancelled"
                case "response.output_audio.delta":
                    pcm = base64.b64decode(event.pop("delta"))
                    audible = bool(np.any(np.abs(from_pcm16(pcm)) > AUDIBLE))
                    self._play(str(event["item_id"]), pcm)
                case "myna.playback.paused":
                    self.loudspeaker.pause()
                    played_ms = round(self.loudspeaker.played_ms)
                    await self.tell("myna.playback.played", response_id=event["response_id"], audio_end_ms=played_ms)
                case "myna.playback.resumed":
                    self.loudspeaker.resume()
                case "input_audio_buffer.speech_started":
                    await self._cut(at_s)
                case _:
                    pass
            self.events.append(Arrived(at_s, event, audible))
            self._news.set()
            self._news = anyio.Event()

    def _play(self, item_id: str, pcm: bytes) -> None:
        if not self._has_loudspeaker:
            return
        self.received[item_id] += pcm
        if item_id != self._item_id:
            self._item_id = item_id
            self._plays_item = True
            self.loudspeaker.take()
        self.loudspeaker.play(pcm)

    async def _cut(self, at_s: float) -> None:
        """Stop playing, as the official clients do."""
        if not self.plays:
            return
        self._plays_item = False
        played_ms = self.loudspeaker.played_ms
        self.loudspeaker.flush()
        self.cuts.append(Cut(at_s, self._item_id, played_ms))
        if not self.pauses:
            await self.tell(
                "conversation.item.truncate", item_id=self._item_id, content_index=0, audio_end_ms=int(played_ms)
            )


@asynccontextmanager
async def open_client(
    url: str,
    *,
    turn_detection: Mapping[str, object] | None = None,
    events: Sequence[str] = (),
    loudspeaker: bool = True,
    streams: bool = True,
) -> AsyncGenerator[RealtimeClient]:
    """Connect, and disconnect in the end.

    Args:
        url: Such as ``ws://127.0.0.1:8000/v1/realtime``.
        turn_detection: As in ``session.update``; None leaves the server's own.
        events: The ``myna.`` events to ask for. Who asks for ``playback`` pauses when told to.
        loudspeaker: There is one; else nothing is played, and nothing kept.
        streams: The microphone is on.
    """
    async with connect(url, compression=None, max_size=None, open_timeout=60, ping_interval=None) as socket:
        client = RealtimeClient(socket, pauses="playback" in events, loudspeaker=loudspeaker)
        audio = {} if turn_detection is None else {"audio": {"input": {"turn_detection": dict(turn_detection)}}}
        myna = {"myna": {"events": list(events)}} if events else {}
        async with open_task_group() as tasks:
            tasks.start_soon(client.listen)
            await client.tell("session.update", session={"type": "realtime", **audio, **myna})
            if not await client.until(lambda come: come.type == "session.updated", since_s=0, within_s=60):
                raise RuntimeError("The server did not take the session's settings.")
            if streams:
                await tasks.start(client.microphone)
            yield client
            tasks.cancel_scope.cancel()
