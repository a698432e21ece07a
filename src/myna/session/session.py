"""A session: one live connection that is talking in a conversation.

One task owns it (`Session.own`). Everything that changes it comes to that task through one bounded inbox: what the
client commands, what hearing has found out, a turn that has ended. The owner alone starts and ends turns and writes to
the store. A turn runs in a scope of its own: to interrupt it, the owner cancels the scope and waits until all of the
turn has ended; then the next may begin.
"""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from typing import TypeAlias, assert_never

import anyio
from anyio.abc import TaskGroup

from myna.core.audio import BYTES_PER_SAMPLE, HEARING_RATE
from myna.core.commands import (
    AddMessage,
    AllowTool,
    AppendAudio,
    ClearAudio,
    Command,
    CommitAudio,
    Configure,
    CreateReply,
    DeleteMessage,
    Interrupt,
    ReportPlayed,
    Say,
    SendText,
    TruncateReply,
)
from myna.core.context import working_on
from myna.core.errors import BadInput, Closed, MynaError
from myna.core.events import Event, MessageAdded, Refused
from myna.core.ids import TurnId, new_message_id
from myna.core.messages import Conversation, ToolResultMessage
from myna.core.tools import ToolCall, ToolResult
from myna.engines.task_group import open_task_group
from myna.personas.model import Persona
from myna.session.answer import Answering
from myna.session.floor import Floor
from myna.session.hear import Done, Ears, Hearing, HearingOptions
from myna.session.inbox import Inbox
from myna.session.options import SessionOptions, Workers
from myna.session.outbox import Outbox
from myna.session.pace import Pace
from myna.session.record import KEEP_S, Record
from myna.session.silences import Silences
from myna.session.turns import Running, Turns
from myna.store.base import Store

log = logging.getLogger(__name__)

JOINED = HEARING_RATE // 5 * BYTES_PER_SAMPLE
"""Up to so many bytes of audio, 200 ms, are heard together when more than one piece waits."""


@dataclass(frozen=True, slots=True)
class _Over:
    running: Running


@dataclass(frozen=True, slots=True)
class _Stalled:
    pass


@dataclass(frozen=True, slots=True)
class _Closing:
    pass


@dataclass(frozen=True, slots=True)
class _Late:
    message: ToolResultMessage


_Letter: TypeAlias = Command | Done | _Over | _Stalled | _Late | _Closing


class Session:
    """Takes commands (`send`), gives events (``async for``). Made by `open_session`."""

    def __init__(
        self,
        conversation: Conversation,
        persona: Persona,
        engines: Workers,
        store: Store,
        options: SessionOptions,
    ) -> None:
        self._conversation = conversation
        self._engines = engines
        self._options = options
        self._record = Record(store, conversation)
        self._language = persona.language
        self._answering = Answering(conversation.id, persona, engines, options, self._keep_late)
        self._outbox = Outbox(limit=64)
        self._inbox = Inbox[_Letter](64)
        self._closing = False
        self._jobs: TaskGroup | None = None
        self._missed = 0  # samples that came before there was an ASR
        self._pace = Pace()

    async def send(self, command: Command) -> None:
        """Do what the client asks for; returns when it was taken, which may be before it is done.

        Audio that comes faster than real time waits here while the ASR lags, so that none of it is lost.

        Raises:
            BadInput: The command makes no sense; the session is as before.
            Closed: The session has ended.
        """
        match command:
            case AppendAudio(pcm):
                if len(pcm) % BYTES_PER_SAMPLE:
                    raise BadInput("The audio ends in half a sample.", hint="Send 16-bit samples, two bytes each.")
            case SendText(text) | Say(text):
                if not text.strip():
                    raise BadInput("The text is empty.", hint="Send what was said.")
            case _:
                pass
        if isinstance(command, AppendAudio):
            await self._pace.take(command.pcm)
        if self._closing:
            raise Closed("The session has ended.")
        try:
            await self._inbox.put(command)
        except anyio.ClosedResourceError:
            raise Closed("The session has ended.") from None

    def __aiter__(self) -> "Session":
        """Everything that happens, in order, until the session ends. For one reader."""
        return self

    async def __anext__(self) -> Event:
        """The next event; cancelled waiting for it, none is lost."""
        if (event := await self._outbox.take()) is None:
            raise StopAsyncIteration
        return event

    def close(self) -> None:
        """Take no more commands. What was begun is told to its end, then the events end."""
        self._closing = True
        with suppress(anyio.ClosedResourceError):
            self._inbox.post(_Closing())  # if there is no room, the owner has letters to wake for

    async def _keep_late(self, turn_id: TurnId, call: ToolCall, result: ToolResult) -> None:
        """A tool has ended whose reply was interrupted: the model is to know of it when it is asked next."""
        late = _Late(ToolResultMessage(new_message_id(), turn_id, call.id, result.output, failed=result.failed))
        try:
            await self._inbox.put(late)
        except anyio.ClosedResourceError:  # the session has ended; its conversation not
            await self._record.add_result(late.message)

    async def _keep_what_waits(self) -> None:
        """The session ends: keep the results that came while it did. Behind their calls, which are kept by now."""
        with anyio.CancelScope(shield=True):
            while self._inbox:
                letter = self._inbox.take_next()
                if isinstance(letter, _Late):
                    try:
                        await self._record.add_result(letter.message)
                    except MynaError:
                        log.exception("a result that came late could not be kept")

    # ------------------------------------------------------------------------------------------------- the owner

    async def own(self) -> None:
        """Run the session until it is closed or cancelled; the one task that changes it."""
        working_on(conversation_id=self._conversation.id)
        with closing(self._inbox), closing(self._outbox):
            floor: Floor | None = None
            try:
                async with anyio.create_task_group() as jobs:
                    self._jobs = jobs
                    floor = self._floor(jobs)
                    self._open_ears(floor, jobs)
                    await floor.configure(self._options.preferences)
                    if self._engines.vad is not None:  # somebody will speak soon
                        await floor.turns.read_ahead(self._options.preferences)
                    while not self._outbox.closed and not (self._closing and floor.idle and not self._inbox):
                        await self._take(self._joined(await self._inbox.take()), floor)
                        self._pace.lag(floor.lags)
                    jobs.cancel_scope.cancel()
            finally:
                self._pace.lag(False)
                self._record.until_s = anyio.current_time() + KEEP_S
                if floor is not None:
                    await floor.turns.close()
                await self._keep_what_waits()
                self._record.until_s = float("inf")  # tools may still end

    def _floor(self, jobs: TaskGroup) -> Floor:
        async def ended(running: Running) -> None:
            await self._deliver(_Over(running))

        turns = Turns(self._answering, self._record, self._outbox, jobs, ended)
        return Floor(turns, None, self._options.preferences, None)

    def _open_ears(self, floor: Floor, jobs: TaskGroup) -> None:
        """Let the floor hear, if there is an ASR."""

        async def stalled() -> None:
            await self._deliver(_Stalled())

        if (asr := self._engines.asr) is not None:
            ears = Ears(asr, self._engines.vad, self._engines.detector)
            given = self._options
            language = self._language.partition("-")[0]  # of a BCP 47 code
            options = HearingOptions(
                given.limits,
                given.tick_s,
                given.decode_window_s,
                given.max_utterance_s,
                self._missed,
                self._pace,
                language if language in asr.info.languages else None,
            )
            floor.hearing = Hearing(ears, options, jobs, self._deliver)
            floor.silences = Silences(floor.hearing, jobs, stalled)

    async def _append(self, pcm: bytes, floor: Floor) -> None:
        """Hear audio, from when there is an ASR: it may come while the session runs."""
        if floor.hearing is None and self._engines.asr is not None and self._jobs is not None:
            self._open_ears(floor, self._jobs)
            await floor.configure(floor.preferences)
        elif floor.hearing is None:
            deaf = self._engines.deaf
            if not self._missed and deaf is not None and floor.preferences.turn_taking.automatic:
                self._outbox.post(Refused("", deaf.code, deaf.message, deaf.hint))  # once; a commit is told of it, too
            self._missed += len(pcm) // BYTES_PER_SAMPLE
        await floor.append(pcm)

    def _joined(self, letter: _Letter) -> _Letter:
        """Audio with the audio that waits behind it: who lags has less to do for it."""
        if not isinstance(letter, AppendAudio):
            return letter
        pcm = bytearray(letter.pcm)
        while len(pcm) < JOINED:
            more = self._inbox.next
            if not isinstance(more, AppendAudio):
                break
            pcm += more.pcm
            self._inbox.take_next()
        return AppendAudio(bytes(pcm))

    async def _deliver(self, letter: _Letter) -> None:
        with suppress(anyio.ClosedResourceError):  # the session has ended
            await self._inbox.put(letter)

    async def _take(self, letter: _Letter, floor: Floor) -> None:
        refers = isinstance(letter, CommitAudio | AddMessage | DeleteMessage | TruncateReply | AllowTool)
        ref = letter.ref if refers else ""
        try:
            await self._do(letter, floor)
        except MynaError as error:
            self._outbox.post(Refused(ref, error.code, error.message, error.hint))
        except Exception:  # the session's boundary: a fault of ours must not end it
            log.exception("a command failed")
            self._outbox.post(
                Refused(ref, MynaError.code, "Something went wrong inside Myna.", "The log has the details.")
            )

    async def _do(self, letter: _Letter, floor: Floor) -> None:  # noqa: C901, PLR0912 - flat
        match letter:
            case AppendAudio(pcm):
                await self._append(pcm, floor)
                if floor.hearing is not None and (levels := floor.hearing.levels()) is not None:
                    self._outbox.post(levels)
            case Done():
                await floor.settle(letter)
            case AllowTool(call_id, allowed, _):
                floor.turns.allow(call_id, allowed=allowed)
            case _Late(message):
                await self._record.add_result(message)
            case _Over(running):
                await floor.over(running)
            case _Stalled():
                await floor.stall()
            case _Closing():
                pass
            case Configure(preferences):
                await floor.configure(preferences)
            case CommitAudio(replies):
                await floor.commit(replies=replies)
            case ClearAudio():
                await floor.clear()
            case SendText(text):
                await floor.take_text(text)
            case Say():
                await floor.say(letter)
            case CreateReply():
                await floor.create(letter)
            case Interrupt(played_ms, turn_id):
                await floor.interrupt(played_ms, turn_id)
            case ReportPlayed(turn_id, played_ms):
                floor.turns.report(turn_id, played_ms)
            case AddMessage(message, after):
                self._outbox.post(MessageAdded(message, await self._record.add(message, after)))
                await floor.turns.drop()  # what is supposed answers another conversation
            case DeleteMessage(message_id):
                await floor.delete(message_id)
            case TruncateReply(message_id, played_ms):
                await floor.truncate(message_id, played_ms)
            case _:
                assert_never(letter)


@asynccontextmanager
async def open_session(
    conversation: Conversation,
    persona: Persona,
    engines: Workers,
    store: Store,
    options: SessionOptions,
) -> AsyncGenerator[Session]:
    """A live session in a conversation, which ``store`` knows as soon as something is said.

    Leaving ends it, and the turn that runs, at once.
    """
    session = Session(conversation, persona, engines, store, options)
    async with open_task_group() as owner:
        owner.start_soon(session.own)
        try:
            yield session
        finally:
            session.close()
            owner.cancel_scope.cancel()
