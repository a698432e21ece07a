"""A session on a Myna server elsewhere, over the Realtime protocol: microphone and loudspeaker are here."""

import json
from base64 import b64decode, b64encode
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from ssl import SSLCertVerificationError
from typing import Any, Self, cast
from urllib.parse import quote, urlsplit, urlunsplit

import anyio
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from myna.core.audio import BYTES_PER_SAMPLE, HEARING_RATE
from myna.core.commands import AllowTool, AppendAudio, Command, Interrupt, ReportPlayed, SendText
from myna.core.errors import BadInput, Closed, EngineUnavailable
from myna.core.events import (
    EmotionChanged,
    EngineFailedOver,
    Event,
    Failed,
    Interrupted,
    ModelLoads,
    PlaybackPaused,
    PlaybackResumed,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    SpeechStarted,
    ToolEnded,
    ToolStarted,
    TranscriptFinal,
    TranscriptPartial,
    TurnEnded,
)
from myna.core.ids import MessageId, TurnId
from myna.core.reply import Reply
from myna.core.tools import ToolCall, ToolResult
from myna.server.certificates import PUBLIC
from myna.server.tls import client_context

PATH = "/v1/realtime"
VOICE_RATE = 24_000
OPEN_S = 10.0
"""How long the server may take to let us in, and again to greet."""

CLOSE_S = 1.0
LONGEST_MESSAGE = 1 << 24

_REPORT = "report"
"""The id of events whose refusal does not matter: a report that comes just after its turn has ended."""

_STOP = (
    {"type": "output_audio_buffer.clear", "event_id": _REPORT},  # what sounds, also when all of it has been sent
    {"type": "response.cancel", "event_id": _REPORT},  # what has not begun to sound
)

_ASK = {
    "type": "session.update",
    "session": {
        "type": "realtime",
        "audio": {
            "input": {"format": {"type": "audio/pcm", "rate": HEARING_RATE}, "transcription": {}},
            "output": {"format": {"type": "audio/pcm", "rate": VOICE_RATE}},
        },
        "myna": {"events": ["emotion", "greeting", "llm", "outcome", "playback", "tools", "transcript"]},
    },
}


def address(url: str, persona: str | None = None, *, private: bool = False) -> str:
    """The endpoint of the server at ``url``, which may be written as for a browser.

    Raises:
        BadInput: It is no address.
    """
    hint = "For example: --url ws://192.168.1.5:8765"
    try:
        parts = urlsplit(url if "://" in url else f"ws://{url}")
        scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
        if scheme not in ("ws", "wss") or not parts.hostname or (parts.port or 0) < 0:
            raise BadInput(f"{url} is no address of a Myna server.", hint=hint)
    except ValueError:
        raise BadInput(f"{url} is no address of a Myna server.", hint=hint) from None
    path = parts.path if parts.path.strip("/") else PATH
    asked = (parts.query, persona and f"model=myna/{quote(persona, safe='')}", "private=true" if private else "")
    query = "&".join(filter(None, asked))
    return urlunsplit((scheme, parts.netloc, path, query, ""))


class RemoteSession:
    """Takes commands and gives events, as a session here does; of each kind those that a talk needs."""

    def __init__(self, connection: ClientConnection, url: str) -> None:
        self._connection = connection
        self._url = url
        self._events: deque[Event] = deque()
        self.answers = ""
        """The name of who answers."""

    async def begin(self) -> None:
        """Ask for all that a talk needs.

        Raises:
            Closed: The server did not begin a session; this is why.
            EngineUnavailable: It is no Myna.
        """
        match await self._receive():
            case {"type": "session.created", "session": {"model": str(model)}}:
                self.answers = model
            case {"type": "error", "error": {"message": str(why)}}:
                raise Closed(why)
            case _:
                raise self._no_myna()
        await self._send(_ASK)

    async def send(self, command: Command) -> None:
        """Tell the server.

        Raises:
            Closed: It is gone.
        """
        for message in messages_of(command):
            await self._send(message)

    def __aiter__(self) -> Self:
        """Everything that happens, until the server ends it."""
        return self

    async def __anext__(self) -> Event:
        """The next event.

        Raises:
            Closed: The server has ended the session.
            EngineUnavailable: It is no Myna.
        """
        while not self._events:
            message = await self._receive()
            try:
                self._events.extend(events_of(message))
            except ValueError as error:
                raise self._no_myna() from error
        return self._events.popleft()

    async def _send(self, message: Mapping[str, Any]) -> None:
        try:
            await self._connection.send(json.dumps(message))
        except ConnectionClosed as error:
            raise _gone(error) from error

    async def _receive(self) -> Mapping[str, Any]:
        try:
            message: object = json.loads(await self._connection.recv())
        except ConnectionClosed as error:
            raise _gone(error) from error
        except (ValueError, RecursionError) as error:
            raise self._no_myna() from error
        if not isinstance(message, dict):
            raise self._no_myna()
        return cast(dict[str, Any], message)

    def _no_myna(self) -> EngineUnavailable:
        return _no_myna(self._url, "what answers there speaks another protocol")


@asynccontextmanager
async def open_remote(
    url: str,
    *,
    persona: str | None = None,
    key: str | None = None,
    private: bool = False,
    authority: Path | None = None,
) -> AsyncGenerator[RemoteSession]:
    """A session on the server at ``url``. For asyncio only.

    Over TLS, the server's certificate has to be of ``authority``, a file, or of one that this machine trusts.

    Raises:
        BadInput: The address is none, the server wants another key, or its certificate is not trusted.
        EngineUnavailable: Nobody answers there, or no Myna does.
        Closed: The server did not begin a session.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    endpoint = address(url, persona, private=private)
    trusted = client_context(authority) if authority else True  # what this machine trusts
    try:
        connection = await connect(
            endpoint,
            ssl=trusted if endpoint.startswith("wss:") else None,
            additional_headers=headers,
            compression=None,
            open_timeout=OPEN_S,
            close_timeout=CLOSE_S,
            max_size=LONGEST_MESSAGE,
        )
    except InvalidURI as error:
        raise BadInput(f"{url} is no address of a Myna server.", hint=str(error)) from error
    except InvalidStatus as error:
        if error.response.status_code == HTTPStatus.UNAUTHORIZED:
            raise BadInput(
                f"The server at {url} wants a key.",
                hint="Give it one with --key; `myna key create` on the server makes one.",
            ) from error
        raise _no_myna(url, f"it answered {error.response.status_code}") from error
    except SSLCertVerificationError as error:
        raise BadInput(
            f"The certificate of the server at {url} is not trusted: {error.verify_message}.",
            hint=f"If it made it itself (myna serve --https), copy {PUBLIC} from there, which it names when it starts, "
            f"and give it with: --ca {PUBLIC}",
        ) from error
    except (OSError, TimeoutError, InvalidHandshake) as error:
        raise _no_myna(url, str(error) or "it did not answer in time") from error
    async with connection:
        session = RemoteSession(connection, url)
        try:
            with anyio.fail_after(OPEN_S):
                await session.begin()
        except TimeoutError as error:
            raise _no_myna(url, "what answers there does not greet") from error
        yield session


def _no_myna(url: str, why: str) -> EngineUnavailable:
    return EngineUnavailable(
        f"There is no Myna at {url}: {why}.", hint="Start one there with `myna serve`, and check the address."
    )


def _gone(error: ConnectionClosed) -> Closed:
    why = error.rcvd.reason if error.rcvd and error.rcvd.reason else "the connection broke"
    return Closed(f"The server has ended the session: {why}")


def messages_of(command: Command) -> Iterable[dict[str, Any]]:
    """What a command is on the line."""
    match command:
        case AppendAudio(pcm):
            yield {"type": "input_audio_buffer.append", "audio": b64encode(pcm).decode("ascii")}
        case ReportPlayed(turn_id, played_ms):
            told = {"response_id": turn_id, "audio_end_ms": played_ms}
            yield {"type": "myna.playback.played", "event_id": _REPORT, **told}
        case SendText(text):
            content = [{"type": "input_text", "text": text}]
            yield from _STOP
            yield {
                "type": "conversation.item.create",
                "item": {"type": "message", "role": "user", "content": content},
            }
            yield {"type": "response.create"}
        case Interrupt():
            yield from _STOP
        case AllowTool(call_id, allowed):
            yield {"type": "myna.tool.allow", "event_id": _REPORT, "call_id": call_id, "allowed": allowed}
        case _:
            raise BadInput(f"{type(command).__name__} cannot be done from here.")


def events_of(message: Mapping[str, Any]) -> Iterable[Event]:
    """The events that a message of the server tells of.

    Raises:
        ValueError: Its audio is none.
    """
    match message:
        case {"type": "input_audio_buffer.speech_started", "item_id": str(item), "audio_start_ms": int(at_ms)}:
            yield SpeechStarted(TurnId(item), MessageId(item), at_ms)
        case {"type": "myna.transcript.partial", "item_id": str(item), "text": str(text), "stable": int(stable)}:
            yield TranscriptPartial(TurnId(item), MessageId(item), text, stable, message.get("language"))
        case {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": str(item),
            "transcript": str(text),
        }:
            yield TranscriptFinal(TurnId(item), text, None)
        case {"type": "error", "error": {"event_id": event_id, "code": code, "message": str(text)}}:
            if event_id != _REPORT:
                yield Failed(TurnId(""), str(code), text, "")
        case _:
            yield from _of_reply(message)


def _of_reply(message: Mapping[str, Any]) -> Iterable[Event]:
    match message:
        case {"type": "myna.emotion", "response_id": str(response), "emotion": str(emotion)}:
            yield EmotionChanged(TurnId(response), emotion)
        case {
            "type": "response.output_audio_transcript.delta" | "response.output_text.delta",
            "response_id": str(response),
            "delta": str(text),
        }:
            yield ReplyText(TurnId(response), text)
        case {"type": "response.output_audio.delta", "response_id": str(response), "delta": str(audio)}:
            yield ReplyAudio(TurnId(response), 0, _samples(audio), VOICE_RATE)
        case {"type": "response.done", "response": {"id": str(response), "status": str(status)} as told}:
            match told:
                case {"status_details": {"error": {"code": str(code), "message": str(text)}}}:
                    yield Failed(TurnId(response), code, text, "")
                case _:
                    pass
            yield ReplyEnded(TurnId(response), complete=status == "completed")
        case {"type": "myna.playback.paused", "response_id": str(response), "audio_end_ms": int(played_ms)}:
            yield PlaybackPaused(TurnId(response), played_ms)
        case {"type": "myna.playback.resumed", "response_id": str(response)}:
            yield PlaybackResumed(TurnId(response))
        case {"type": "myna.turn.ended", "outcome": "completed" | "interrupted" | "failed" | "silent" as outcome}:
            turn_id = TurnId(message.get("response_id") or message.get("item_id") or "")
            heard = str(message.get("heard") or "")
            if outcome == "interrupted":
                yield Interrupted(turn_id, heard, 0)
            yield TurnEnded(turn_id, outcome, Reply(heard, heard, heard) if heard else None)
        case _:
            yield from _of_tools(message)


def _of_tools(message: Mapping[str, Any]) -> Iterable[Event]:
    match message:
        case {
            "type": "myna.tool.started",
            "response_id": str(response),
            "call_id": str(call_id),
            "name": str(name),
            "arguments": str(arguments),
        }:
            asks = message.get("asks") is True
            yield ToolStarted(TurnId(response), MessageId(call_id), ToolCall(call_id, name, arguments), asks)
        case {
            "type": "myna.tool.ended",
            "response_id": str(response),
            "call_id": str(call_id),
            "name": str(name),
            "status": "ok" | "failed" | "timed_out" | "refused" | "cancelled" | "goes_on" as status,
            "output": str(output),
            "took_ms": int(took_ms) | float(took_ms),
        }:
            yield ToolEnded(TurnId(response), call_id, name, ToolResult(output, status), took_ms)
        case _:
            yield from _of_engines(message)


def _of_engines(message: Mapping[str, Any]) -> Iterable[Event]:
    match message:
        case {"type": "myna.llm.loading", "response_id": str(response), "model": str(model)}:
            yield ModelLoads(TurnId(response), model)
        case {
            "type": "myna.llm.failed_over",
            "response_id": str(response),
            "engine": str(engine),
            "answers": str(answers),
            "error": {"code": str(code), "message": str(text)},
        }:
            yield EngineFailedOver(TurnId(response), engine, code, text, answers)
        case _:
            pass


def _samples(audio: str) -> bytes:
    pcm = b64decode(audio, validate=True)
    if len(pcm) % BYTES_PER_SAMPLE:
        raise ValueError("half a sample")
    return pcm
