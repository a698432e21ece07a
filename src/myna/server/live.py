"""A live session on a WebSocket, whatever is spoken over it.

Two tasks: one reads messages and hands on the commands in them, one writes what happens. What the session cannot take
waits in the client's own system, and a client that does not read is left: nothing grows.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

import anyio
from anyio.lowlevel import checkpoint
from starlette.websockets import WebSocket, WebSocketDisconnect

from myna.core.commands import Command
from myna.core.context import working_on
from myna.core.errors import Busy, Closed, MynaError
from myna.core.events import Event
from myna.core.ids import ConversationId
from myna.core.messages import Conversation
from myna.engines.base import ASR, TTS, VAD, TurnDetector
from myna.engines.opening import Engines
from myna.engines.plugins import Kind
from myna.engines.task_group import open_task_group
from myna.personas.model import Persona
from myna.server.errors import problem_of
from myna.server.line import Line
from myna.server.places import Places
from myna.server.service import Service
from myna.session.options import SessionEngines, SessionOptions, Workers
from myna.session.session import Session, open_session
from myna.store.base import Store
from myna.wire.decoded import Decoded, ServerEvent

log = logging.getLogger(__name__)

CLAIM_S = 5.0
"""How long a reply over HTTP in the same conversation is waited for."""

NORMAL, POLICY_VIOLATION, INTERNAL_ERROR, TRY_AGAIN_LATER = 1000, 1008, 1011, 1013
"""Close codes of RFC 6455, section 7.4.1, and of its registry."""
GOES_ON_ELSEWHERE = 4409
"""Myna's own, after HTTP's 409."""


class TakenOver(Closed):
    """Another connection goes on with the conversation."""

    code = "taken_over"


class Codec(Protocol):
    """What is spoken over the line, of one connection. Pure."""

    def greet(self) -> Sequence[ServerEvent]:
        """What is sent first."""
        ...

    def decode(self, message: str | bytes) -> Decoded:
        """What a message asks for."""
        ...

    def encode(self, event: Event) -> Sequence[ServerEvent]:
        """What is sent of an event."""
        ...

    def refused(self, command: Command, error: MynaError) -> Sequence[ServerEvent]:
        """What is sent when the session did not take a command."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What a session on a line is made of."""

    codec: Codec
    conversation: Conversation
    persona: Persona
    engines: Workers
    store: Store
    options: SessionOptions


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a socket is for.

    Attributes:
        conversation_id: The conversation that it takes a place in.
        prepare: Gives the parts of its session, once it has that place.
        failed: Tells the client of an error.
    """

    conversation_id: ConversationId
    prepare: Callable[[], Awaitable[Parts]]
    failed: Callable[[MynaError], ServerEvent]


class LiveEngines:
    """Implements `myna.session.options.Workers`: the LLM, and the ears and the voice as soon as they are up.

    Who has come stays; an engine that fails later says so itself.
    """

    def __init__(self, engines: Engines) -> None:
        self.llm = engines.llm
        self._engines = engines
        self._asr: ASR | None = None
        self._tts: TTS | None = None

    @property
    def asr(self) -> ASR | None:
        """The ASR, once all is up that it takes to hear: who speaks is not to be heard in part."""
        if self._asr is None and self.deaf is None and "asr" in self._engines.states:
            self._asr = self._engines.asr
        return self._asr

    @property
    def tts(self) -> TTS | None:
        """The TTS."""
        if self._tts is None and self._engines.is_up("tts"):
            self._tts = self._engines.tts
        return self._tts

    @property
    def vad(self) -> VAD | None:
        """The VAD."""
        return self._engines.vad if self._engines.is_up("vad") else None

    @property
    def detector(self) -> TurnDetector | None:
        """The turn detector."""
        return self._engines.turn if self._engines.is_up("turn") else None

    @property
    def deaf(self) -> MynaError | None:
        """Why nothing can be heard yet."""
        needed: Sequence[Kind] = [kind for kind in ("vad", "asr") if kind in self._engines.states]
        return next((problem for kind in needed if (problem := self._engines.why_not(kind))), None)


def session_engines(engines: Engines, *, answers: bool = True) -> Workers:
    """Who works in a session: all that is part of this run.

    Args:
        engines: Those of the process.
        answers: Whether it answers what it hears; then it needs an LLM, and the others may come later; else an ASR.

    Raises:
        EngineUnavailable: What it needs still loads, is still fetched, or is not part of this run.
        MynaError: What it needs has failed; this is why.
    """
    if answers:
        return LiveEngines(engines)
    return SessionEngines(
        asr=engines.asr,
        vad=engines.vad if "vad" in engines.states else None,
        detector=engines.turn if engines.is_up("turn") else None,
    )


async def run_live(socket: WebSocket, endpoint: Endpoint) -> None:
    """Accept the socket, and talk over it until either side ends that; then it is closed. Raises nothing."""
    line = Line(socket, socket.app.state.limits.unread_s)
    try:
        await line.accept()
        await _talk(line, socket.app.state.service, socket.app.state.places, endpoint)
        await line.close(NORMAL)
    except WebSocketDisconnect:
        pass  # the client has gone
    except MynaError as error:
        log.info("A session was not opened, or has ended: %s", error.code)
        await line.leave(endpoint.failed(error), _close_code(error), error.message)
    except Exception:  # the socket's boundary: its client is told, and no other session is touched
        log.exception("a session failed")
        error = MynaError("Something went wrong inside Myna.", hint="The log has the details.")
        await line.leave(endpoint.failed(error), INTERNAL_ERROR, error.message)


async def _talk(line: Line, service: Service, places: Places, endpoint: Endpoint) -> None:
    working_on(conversation_id=endpoint.conversation_id)
    async with places.take(endpoint.conversation_id) as place:
        with place.scope:
            async with _alone(service, endpoint.conversation_id):
                parts = await endpoint.prepare()
                await line.tell(parts.codec.greet())
                async with open_session(
                    parts.conversation, parts.persona, parts.engines, parts.store, parts.options
                ) as session:
                    await _converse(line, parts.codec, session)
    if place.taken_over:
        raise TakenOver("The conversation goes on over another connection.")


@asynccontextmanager
async def _alone(service: Service, conversation_id: ConversationId) -> AsyncGenerator[None]:
    lock = service.alone_in(conversation_id)
    try:
        with anyio.fail_after(CLAIM_S):
            await lock.acquire()
    except TimeoutError:
        raise Busy("A reply over HTTP is under way in this conversation.", hint="Try again in a moment.") from None
    try:
        yield
    finally:
        lock.release()


async def _converse(line: Line, codec: Codec, session: Session) -> None:
    """Talk until the session has ended, which it does when the client says so.

    Raises:
        Unread: The client does not read.
        WebSocketDisconnect: It has gone; or this returns.
    """
    async with open_task_group() as group:

        async def read() -> None:
            # The one who writes may notice at the same time that the client has gone: one of them is to say so.
            with suppress(WebSocketDisconnect):
                await _read(line, codec, session)
                session.close()
                while True:
                    await line.receive()
            group.cancel_scope.cancel()

        group.start_soon(read)
        async for event in session:
            await line.tell(codec.encode(event))
        group.cancel_scope.cancel()


async def _read(line: Line, codec: Codec, session: Session) -> None:
    """Hand on what the client asks for, until it says that nothing follows."""
    ends = False
    while not ends:
        decoded = codec.decode(await line.receive())
        ends = decoded.ends
        if decoded.replies:  # not so with audio, fifty times a second
            await line.tell(decoded.replies)
        for place, command in enumerate(decoded.commands):
            if place:
                await checkpoint()  # minutes of audio in one message hold up nobody else
            try:
                await session.send(command)
            except Closed:
                return
            except MynaError as error:
                await line.tell(codec.refused(command, error))


def _close_code(error: MynaError) -> int:
    if isinstance(error, TakenOver):
        return GOES_ON_ELSEWHERE
    status = problem_of(error).status
    if status == 503:
        return TRY_AGAIN_LATER
    return INTERNAL_ERROR if status >= 500 else POLICY_VIOLATION
