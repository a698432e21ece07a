"""What a virtual microphone and loudspeaker are plugged into: a session, or a server's ``/v1/realtime``."""

import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from myna.core.audio import HEARING_RATE
from myna.core.commands import AppendAudio
from myna.core.events import (
    Event,
    Failed,
    Interrupted,
    PlaybackPaused,
    PlaybackResumed,
    Refused,
    ReplyAudio,
    ReplyText,
    TranscriptFinal,
    TurnEnded,
)
from myna.session.session import Session
from myna.wire.audio_formats import AudioFormat, AudioIn, AudioOut


@dataclass(frozen=True, slots=True)
class Heard:
    """What the user said, for good."""

    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """The next piece of the reply, to be shown."""

    text: str


@dataclass(frozen=True, slots=True)
class Sound:
    """The next piece of the reply, to be played: 16-bit mono at the line's ``sample_rate``."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Stop playing, but keep what waits."""


@dataclass(frozen=True, slots=True)
class Resume:
    """Go on playing."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The reply is over: what waits is not to be played."""


@dataclass(frozen=True, slots=True)
class Sent:
    """All of the reply has come."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something could not be done."""

    code: str
    message: str


News: TypeAlias = Heard | Words | Sound | Pause | Resume | Stop | Sent | Fault


class Line(Protocol):
    """A microphone goes in, a loudspeaker comes out."""

    @property
    def sample_rate(self) -> int:
        """In Hz, of `Sound`."""
        ...

    async def send(self, pcm: bytes) -> None:
        """The next 20 ms of the microphone: 16-bit mono at 16 kHz."""
        ...

    async def stopped(self, played_ms: float) -> None:
        """Say that the loudspeaker was stopped when it had played so much of the reply."""
        ...

    def news(self) -> AsyncIterator[News]:
        """What comes, as it comes, until the line is closed."""
        ...


class SessionLine:
    """Plugs into a session of this process; works on a virtual clock."""

    def __init__(self, session: Session, sample_rate: int = 24_000) -> None:
        self.sample_rate = sample_rate
        self._session = session

    async def send(self, pcm: bytes) -> None:
        """Append it."""
        await self._session.send(AppendAudio(pcm))

    async def stopped(self, played_ms: float) -> None:
        """Nothing: the session keeps the time itself."""

    async def news(self) -> AsyncIterator[News]:
        """The session's events, as far as ear and eye notice them."""
        async for event in self._session:
            for news in _of_event(event):
                yield news


def _of_event(event: Event) -> Iterator[News]:
    match event:
        case TranscriptFinal():
            yield Heard(event.text)
        case ReplyText():
            yield Words(event.text)
        case ReplyAudio():
            yield Sound(event.pcm)
        case PlaybackPaused():
            yield Pause()
        case PlaybackResumed():
            yield Resume()
        case Interrupted():
            yield Stop()
        case Failed() | Refused():
            yield Fault(event.code, event.message)
        case TurnEnded():
            yield Sent()
        case _:
            pass


class RealtimeLine:
    """Plugs into a Realtime server, as any client of that protocol does. Made by `open_realtime_line`.

    Attributes:
        conversation: The id under which the server keeps the conversation.
    """

    sample_rate = HEARING_RATE

    def __init__(self, socket: ClientConnection, conversation: str, audio: AudioFormat) -> None:
        self.conversation = conversation
        self._socket = socket
        self._microphone = AudioOut(audio, source_rate=HEARING_RATE)
        self._loudspeaker = AudioIn(audio)
        self._item = ""

    async def send(self, pcm: bytes) -> None:
        """Append it, in the format of the line."""
        if data := self._microphone.feed(pcm):
            await self.tell("input_audio_buffer.append", audio=base64.b64encode(data).decode())

    async def stopped(self, played_ms: float) -> None:
        """Truncate the item that was played."""
        if self._item:
            await self.tell(
                "conversation.item.truncate", item_id=self._item, content_index=0, audio_end_ms=int(played_ms)
            )
        self._item = ""

    async def tell(self, kind: str, **fields: object) -> None:
        """Send a client event."""
        await self._socket.send(json.dumps({"type": kind, **fields}))

    async def news(self) -> AsyncIterator[News]:
        """The server's events, as far as ear and eye notice them."""
        try:
            async for message in self._socket:
                for news in self._of_message(json.loads(message)):
                    yield news
        except ConnectionClosed as closed:
            yield Fault("closed", str(closed))

    def _of_message(self, event: Mapping[str, Any]) -> Iterator[News]:
        match event["type"]:
            case "conversation.item.input_audio_transcription.completed":
                yield Heard(event["transcript"])
            case "response.output_audio_transcript.delta" | "response.output_text.delta":
                yield Words(event["delta"])
            case "response.output_audio.delta":
                self._item = event["item_id"]
                yield Sound(self._loudspeaker.feed(base64.b64decode(event["delta"])))
            case "myna.playback.paused":
                yield Pause()
            case "myna.playback.resumed":
                yield Resume()
            case "input_audio_buffer.speech_started":
                yield Stop()
            case "response.done":
                yield from _of_response(event["response"])
            case "error" | "conversation.item.input_audio_transcription.failed":
                yield Fault(event["error"]["code"] or "", event["error"]["message"])
            case _:
                pass


def _of_response(response: Mapping[str, Any]) -> Iterator[News]:
    if response["status"] == "cancelled":
        yield Stop()
        return
    if response["status"] == "failed":
        error = response["status_details"]["error"]
        yield Fault(error["code"], error.get("message", ""))
    yield Sent()


@asynccontextmanager
async def open_realtime_line(
    url: str,
    *,
    session: Mapping[str, Any] | None = None,
    audio: AudioFormat = "audio/pcm",
    language: str | None = None,
    pauses: bool = False,
    key: str = "none",
) -> AsyncGenerator[RealtimeLine]:
    """Connect to a Realtime server, and leave it at the end. Needs asyncio.

    Args:
        url: Such as ``ws://127.0.0.1:8765/v1/realtime?model=myna/wukong``.
        session: What ``session.update`` asks for besides: instructions, tools ….
        audio: How sound travels, both ways.
        language: What the user speaks, as an ISO 639-1 code; None lets the server find out.
        pauses: Asks Myna to say when playback pauses and resumes, and obeys.
        key: The server's API key.
    """
    headers = {"Authorization": f"Bearer {key}"}
    async with connect(url, additional_headers=headers, max_size=None) as socket:
        created = json.loads(await socket.recv())
        conversation = created["session"].get("myna", {}).get("conversation", "")
        line = RealtimeLine(socket, conversation, audio)
        form = {"type": audio} | ({"rate": 24_000} if audio == "audio/pcm" else {})
        transcription = {"model": "whisper-1"} | ({"language": language} if language else {})
        sound = {"input": {"format": form, "transcription": transcription}, "output": {"format": form}}
        events = {"myna": {"events": ["playback"]}} if pauses else {}
        await line.tell("session.update", session={"type": "realtime", "audio": sound, **events, **(session or {})})
        yield line
