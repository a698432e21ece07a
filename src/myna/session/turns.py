"""The turns of a session: the one that runs, the one that is supposed, and those apart. Called by the owner alone."""

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import anyio
from anyio.abc import TaskGroup

from myna.core.context import working_on
from myna.core.errors import BadInput, Busy, MynaError, UnknownName
from myna.core.events import Failed, Interrupted, Outcome, TurnEnded, TurnStarted
from myna.core.ids import MessageId, TurnId
from myna.core.messages import AssistantMessage, Message, Reply, UserMessage
from myna.core.preferences import Preferences
from myna.session.answer import Answering
from myna.session.history import MOST_ANSWERED
from myna.session.notes import Supposed
from myna.session.outbox import Outbox
from myna.session.record import Record, check_played
from myna.session.turn import Turn
from myna.session.turn_taking import Phase

log = logging.getLogger(__name__)

STOP_S = 1.5
"""How long an engine may hold a turn that was ended; its clean-up is bounded by `myna.session.bounds.CLOSE_S`."""

MOST_APART = 4
"""Replies that are no part of the conversation, at a time."""


@dataclass(slots=True, eq=False)
class Running:
    """A turn whose answer is being made; ``over`` is when all of it has ended."""

    turn: Turn
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    over: anyio.Event = field(default_factory=anyio.Event)
    outcome: Outcome = "interrupted"


@dataclass(slots=True)
class Turns:
    """The turns of one session.

    A supposed turn answers an utterance that may not be over: it is held until it is confirmed, or dropped.

    Attributes:
        jobs: Where turns run.
        ended: Is told of a turn that has ended by itself; `finish` is to be called with it.
    """

    answering: Answering
    record: Record
    outbox: Outbox
    jobs: TaskGroup
    ended: Callable[[Running], Awaitable[None]]
    running: Running | None = None
    supposed: Running | None = None
    apart: dict[TurnId, Running] = field(default_factory=dict[TurnId, Running])
    _free_at: float = 0.0
    _pauses_next: bool = False
    _reads: bool = False
    _told: deque[MessageId] = field(default_factory=lambda: deque[MessageId](maxlen=MOST_ANSWERED))

    @property
    def phase(self) -> Phase:
        """What the session does, as hearing has to know it."""
        if self.running is None:
            return "listening"
        return "speaking" if self.running.turn.playback.sent_ms else "thinking"

    def new(self, turn_id: TurnId, utterance_id: MessageId | None, preferences: Preferences) -> Turn:
        """A turn that has not begun."""
        options = self.answering.options
        turn = Turn(
            self.outbox,
            turn_id,
            options.emotions,
            preferences,
            speaks=preferences.speaks and self.answering.engines.tts is not None,
            lead_ms=options.playback_lead_ms,
            utterance_id=utterance_id,
        )
        turn.playback.begins_at_s = self._free_at
        turn.consents = options.consents
        return turn

    async def start(self, turn: Turn, work: Callable[[], Awaitable[None]], *, told: bool = False) -> None:
        """Begin a turn of the conversation; none may run. ``told``: its `TurnStarted` was."""
        await self.drop()
        turn.after = await self.record.last()
        self.record.begin(turn)
        if not told:
            self.outbox.post(TurnStarted(turn.id, turn.utterance_id, turn.reply_id))
        self.running = self._run(turn, work)
        if self._pauses_next:
            self._pauses_next = False
            turn.pause()

    async def answer(self, turn: Turn, messages: Sequence[Message] | None = None, *, told: bool = False) -> None:
        """Begin the answer to ``messages``, or to the conversation as it stands; tell it if that cannot be."""
        try:
            if messages is None:
                messages = await self.record.messages()
                await self._agree(turn, messages)
            else:
                turn.consents = False
            await self.start(turn, partial(self.answering.answer, turn, messages), told=told)
        except MynaError as error:
            self._pauses_next = False
            self.fail(turn.id, error)

    async def answer_heard(self, turn: Turn, began_at: float, sure_ms: float | None) -> None:
        """Begin the answer to an utterance that was over at ``began_at``, or go on with what was supposed.

        ``sure_ms`` is how much later that was sure; None: the client said so.
        """
        if self.supposed is not None and self.supposed.turn is turn:
            try:
                await self._confirm(self.supposed, began_at)
            except MynaError as error:
                await self.drop()
                self.fail(turn.id, error)
            return
        turn.began_at = began_at
        if sure_ms is not None:
            turn.mark("sure", sure_ms)
        turn.mark("heard")
        await self.answer(turn, told=True)

    async def answer_apart(self, turn: Turn, messages: Sequence[Message] | None) -> None:
        """Begin an answer that is no part of the conversation.

        Raises:
            BadInput: There is a turn of this id already.
        """
        if turn.id in self.apart:
            raise BadInput(f"The reply {turn.id} is being made already.", hint="Choose another id.")
        turn.apart, turn.consents = True, False
        turn.lead_ms = None
        self.outbox.post(TurnStarted(turn.id, None, turn.reply_id))
        try:
            if len(self.apart) >= MOST_APART:
                raise Busy(f"{MOST_APART} replies apart are being made already.", hint="Wait for one to end.")
            if messages is None:
                messages = await self.record.messages()
        except MynaError as error:
            self.fail(turn.id, error)
        else:
            self.apart[turn.id] = self._run(turn, partial(self.answering.answer, turn, messages))

    def listen(self, *, speaking: bool) -> None:
        """Have memory know whether the user speaks: what it does besides has to wait then."""
        if (memory := self.answering.options.memory) is not None:
            memory.listen(speaking=speaking)

    async def read_ahead(self, preferences: Preferences) -> None:
        """Have the LLM read meanwhile what the prompt will begin with. Never fails."""
        if self.answering.reads_ahead and not self._reads:
            with suppress(MynaError):
                messages = await self.record.messages()
                self._reads = True
                self.jobs.start_soon(self._read, messages, preferences)

    async def _read(self, messages: Sequence[Message], preferences: Preferences) -> None:
        try:
            await self.answering.read_ahead(messages, preferences)
        finally:
            self._reads = False

    def fail(self, turn_id: TurnId, error: MynaError) -> None:
        """Tell of a turn that ends before it could begin."""
        self.answering.options.watch("failed", {})
        self.outbox.post(Failed(turn_id, error.code, error.message, error.hint))
        self.outbox.post(TurnEnded(turn_id, "failed", None))

    # ------------------------------------------------------------------------------------------------------ supposed

    async def suppose(self, note: Supposed, utterance_id: MessageId, preferences: Preferences) -> None:
        """Begin to answer what may be all of an utterance."""
        await self.drop()
        turn = self.new(note.turn_id, utterance_id, preferences)
        turn.utterance = note.utterance.text
        turn.hold()
        turn.mark("heard")
        with suppress(MynaError):  # it is answered later, then
            messages = [*await self.record.messages(), UserMessage(utterance_id, turn.id, turn.utterance)]
            self.supposed = self._run(turn, partial(self.answering.answer, turn, messages))

    async def taken(self, turn_id: TurnId, text: str) -> Turn | None:
        """The turn that was supposed to answer this text, if one was; any other is dropped."""
        supposed = self.supposed
        if supposed is not None and (supposed.turn.id, supposed.turn.utterance) == (turn_id, text):
            return supposed.turn
        await self.drop()
        return None

    async def _confirm(self, supposed: Running, began_at: float) -> None:
        messages = await self.record.messages()
        await self._agree(supposed.turn, messages)
        supposed.turn.after = messages[-1].id if messages else None
        self.record.begin(supposed.turn)
        self.supposed, self.running = None, supposed
        supposed.turn.confirm(began_at)
        supposed.turn.mark("sure")

    async def _agree(self, turn: Turn, messages: Sequence[Message]) -> None:
        """Have ``turn`` run what its utterance agrees to."""
        if turn.consents:
            turn.agreed = await self.record.agree(messages)

    async def drop(self) -> None:
        """What was supposed is void."""
        if (supposed := self.supposed) is not None:
            self.supposed = None
            await self._stop(supposed)
            self._let_go()

    # ---------------------------------------------------------------------------------------------------- their end

    async def interrupt(self, played_ms: float | None = None) -> None:
        """End the turn that runs, if one does, and wait until it has ended."""
        if (running := self.running) is not None:
            await self._stop(running)
            await self.finish(running, played_ms)

    async def interrupt_reply(self, reply_id: MessageId, played_ms: int | None = None) -> None:
        """End the turn that runs, if this is its reply.

        Raises:
            BadInput: So much of it cannot have been played.
        """
        if (running := self.running) is not None and running.turn.reply_id == reply_id:
            if played_ms is not None:
                check_played(running.turn, played_ms)
            await self.interrupt(played_ms)

    def report(self, turn_id: TurnId, played_ms: int) -> None:
        """The client says how much of a reply it has played."""
        if (running := self.running) is not None and running.turn.id == turn_id:
            running.turn.report(played_ms)

    def allow(self, call_id: str, *, allowed: bool) -> None:
        """The user has answered whether a tool may run.

        Raises:
            UnknownName: Nobody asked that, or does not any more.
        """
        runs = [*self.apart.values(), *([self.running] if self.running is not None else [])]
        if not any(run.turn.server_calls.allow(call_id, allowed=allowed) for run in runs):
            raise UnknownName(f"No tool waits to be allowed with the call {call_id}.", hint="It may be over.")

    async def interrupt_apart(self, turn_id: TurnId) -> None:
        """End a turn that is no part of the conversation."""
        running = self.apart[turn_id]
        await self._stop(running)
        await self.finish(running)

    async def give_way(self) -> None:
        """End the turn that runs; but one that has only to be played to its end is not cut short."""
        if (running := self.running) is None or not running.turn.told_all:
            await self.interrupt()
            return
        now = anyio.current_time()
        self._free_at = now + running.turn.playback.ahead_ms(now) / 1000
        # Somebody may be speaking: then the next one is not to sound either.
        self._pauses_next = running.turn.playback.paused
        running.turn.resume()
        await self._stop(running)
        running.outcome = "failed" if running.turn.failed else "completed"
        await self.finish(running)

    async def _stop(self, running: Running) -> None:
        running.scope.cancel()
        with anyio.move_on_after(STOP_S):
            await running.over.wait()
        if not running.over.is_set():
            log.error("An engine does not let go of a turn.")
            running.turn.silence()

    async def finish(self, running: Running, played_ms: float | None = None) -> None:
        """Keep what came of a turn that has ended, and tell its end."""
        turn, outcome = running.turn, running.outcome
        if running is self.running:
            self.running = None
        elif self.apart.pop(turn.id, None) is None:
            return  # it was interrupted meanwhile
        if outcome == "interrupted":
            turn.interrupt(played_ms)
        elif outcome == "failed":
            turn.end_calls()
        reply = turn.reply(outcome)
        if not turn.apart:
            self._remember(turn, outcome, reply)
            try:
                await self.record.keep_reply(turn, outcome, reply)
            except MynaError as error:
                self.outbox.post(Failed(turn.id, error.code, error.message, error.hint))
        turn.log(outcome, reply)
        self.answering.options.watch("failed" if turn.failed else outcome, turn.reached_ms)
        if outcome == "interrupted":
            heard = reply.heard if reply else ""
            self.outbox.post(Interrupted(turn.id, heard, round(turn.played_at_end_ms or 0)))
        self.outbox.post(TurnEnded(turn.id, outcome, reply))

    def _remember(self, turn: Turn, outcome: Outcome, reply: Reply | None) -> None:
        """Have remembered later what the user said. With the reply it is known what his next utterance answers."""
        if (memory := self.answering.options.memory) is not None:
            messages: list[Message] = [message for message in turn.answers if message.id not in self._told]
            if reply is not None and outcome != "silent":
                messages.append(AssistantMessage(turn.reply_id, turn.id, reply, outcome))
            memory.told(messages)
            self._told.extend(message.id for message in turn.answers)

    def _let_go(self) -> None:
        """Have memory know that no turn comes of what it was asked for, if it was."""
        if (memory := self.answering.options.memory) is not None:
            memory.told(())

    async def close(self) -> None:
        """The session ends: keep what was said of the turn that runs. Called when all jobs have ended."""
        self.listen(speaking=False)
        if (running := self.running) is not None:
            with anyio.CancelScope(shield=True):  # the record knows how long that may take
                await self.finish(running)
        self._let_go()

    def _run(self, turn: Turn, work: Callable[[], Awaitable[None]]) -> Running:
        running = Running(turn)
        self.jobs.start_soon(self._work, running, work)
        return running

    async def _work(self, running: Running, work: Callable[[], Awaitable[None]]) -> None:
        turn = running.turn
        working_on(turn_id=turn.id)
        with running.scope:
            try:
                await work()
            except MynaError as error:
                if not running.scope.cancel_called:
                    await turn.fail(error)
            except Exception:  # the session's boundary: a fault of ours ends the turn, not the session
                log.exception("a turn failed")
                await turn.fail(MynaError("Something went wrong inside Myna.", hint="The log has the details."))
            await turn.until_sure()
            if not turn.failed:
                await turn.reach("turn")
            running.outcome = "failed" if turn.failed else "completed"
        if running.scope.cancel_called:
            running.outcome = "interrupted"
        running.over.set()
        await self.ended(running)
