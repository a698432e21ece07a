"""Who has the floor: what the user says and asks for, and the turns that answer it. Called by the owner alone."""

from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import assert_never

import anyio

from myna.core.commands import CreateReply
from myna.core.errors import Busy, EngineUnavailable, MynaError
from myna.core.events import (
    IdleTimedOut,
    ReplyTruncated,
    SpeechStarted,
    SpeechStopped,
    TranscriptFinal,
    TranscriptPartial,
    TurnEnded,
    TurnStarted,
)
from myna.core.ids import MessageId, TurnId, new_message_id, new_turn_id
from myna.core.preferences import Preferences
from myna.session.hear import Done, Hearing
from myna.session.notes import (
    Dismissed,
    Doubted,
    FinalHeard,
    HearingFailed,
    Note,
    Onset,
    PartialHeard,
    SpeechBegan,
    SpeechEnded,
    Supposed,
)
from myna.session.record import check_played
from myna.session.turn import Turn
from myna.session.turns import Running, Turns
from myna.text.backchannels import is_stop

MOST_WAITING = 16
"""Utterances that wait for the reply before them to end, where speech may not interrupt it."""

STALL_S = 0.5
"""An utterance whose audio stops coming for so long is in a silence: some clients send none."""


@dataclass(slots=True)
class _Utterance:
    """An utterance that the user speaks or has spoken, until its text is known.

    Attributes:
        said: Its `SpeechStarted` was told.
        cut_short: It interrupted a reply.
        reply_id: The message that answers it, when its `TurnStarted` was told already; None: it is not answered.
        committed: The client committed it, which told its `TurnStarted`.
        ended_at: When its last speech ended, by the event loop's clock.
        sure_ms: How long after that it was over for sure.
    """

    turn_id: TurnId
    utterance_id: MessageId
    said: bool = False
    cut_short: bool = False
    committed: bool = False
    reply_id: MessageId | None = None
    ended_at: float | None = None
    sure_ms: float = 0.0


@dataclass(slots=True)
class Floor:
    """What one session hears, and how it answers.

    Attributes:
        hearing: None: only text is taken.
        stalled: Is told of a silence in which no audio came, in milliseconds.
    """

    turns: Turns
    hearing: Hearing | None
    preferences: Preferences
    stalled: Callable[[float], Awaitable[None]]
    _utterances: dict[TurnId, _Utterance] = field(default_factory=dict[TurnId, _Utterance])
    _waiting: deque[FinalHeard | CreateReply] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))
    _appended_at: float = 0.0
    _minding: bool = False
    _quiet_since_ms: float | None = None

    async def configure(self, preferences: Preferences) -> None:
        """From now on, these preferences."""
        self.preferences = preferences
        if self.hearing is not None:
            await self._note(self.hearing.configure(preferences))

    @property
    def lags(self) -> bool:
        """Whether more audio should wait until what was heard has been understood."""
        return self.hearing is not None and self.hearing.lags

    @property
    def idle(self) -> bool:
        """Whether nothing runs, and nothing that was said waits for its text or its answer."""
        return not (self.turns.running or self.turns.apart or self._utterances or self._waiting)

    # ------------------------------------------------------------------------------------------------------- hearing

    async def append(self, pcm: bytes) -> None:
        """Hear audio."""
        if self.hearing is None:
            return
        self._appended_at = anyio.current_time()
        self.hearing.phase = self.turns.phase
        await self._note(await self.hearing.feed(pcm))
        self._mind_stalls(self.hearing)
        await self._mind_idleness(self.hearing)

    async def settle(self, done: Done) -> None:
        """A job of hearing's has ended."""
        if self.hearing is not None:
            self.hearing.phase = self.turns.phase
            await self._note(self.hearing.settle(done))

    async def stall(self, silence_ms: float) -> None:
        """No audio came for so long."""
        if self.hearing is not None:
            self.hearing.phase = self.turns.phase
            await self._note(self.hearing.stalled(silence_ms))

    async def commit(self, *, replies: bool) -> None:
        """The client says that the utterance is over."""
        if replies:
            await self.turns.interrupt()
        if self.hearing is None:
            turn_id = new_turn_id()
            self.turns.outbox.post(TurnStarted(turn_id, new_message_id(), None))
            self.turns.fail(
                turn_id, EngineUnavailable("This session has no ASR, so it cannot hear.", hint="Send text.")
            )
            return
        for note in self.hearing.commit():
            if isinstance(note, SpeechEnded):
                utterance = self._utterance(note.turn_id, note.utterance_id)
                utterance.committed = True
                utterance.reply_id = new_message_id() if replies else None
            await self._note([note])

    async def clear(self) -> None:
        """Forget what is being said."""
        if self.hearing is not None:
            await self._note(self.hearing.clear())

    async def _note(self, notes: Sequence[Note]) -> None:  # noqa: C901, PLR0912 - flat
        for note in notes:
            match note:
                case Onset():
                    if self.turns.running is not None and self.preferences.turn_taking.barge_in == "pause":
                        self.turns.running.turn.pause()
                case Dismissed():
                    if self.turns.running is not None:
                        self.turns.running.turn.resume()
                case SpeechBegan():
                    await self._begin_speech(note)
                case PartialHeard(turn_id, utterance_id, text, stable, language):
                    self.turns.outbox.post(TranscriptPartial(turn_id, utterance_id, text, stable, language))
                case Supposed():
                    await self._suppose(note)
                case Doubted():
                    await self.turns.drop()
                case SpeechEnded():
                    await self._end_speech(note)
                case FinalHeard():
                    await self._hear(note)
                case HearingFailed(turn_id, utterance_id, error):
                    await self.turns.drop()
                    utterance = self._utterances.pop(turn_id, _Utterance(turn_id, utterance_id))
                    self._start_told(utterance)
                    self.turns.fail(turn_id, error)
                    await self._go_on()
                case _:
                    assert_never(note)

    def _utterance(self, turn_id: TurnId, utterance_id: MessageId) -> _Utterance:
        return self._utterances.setdefault(turn_id, _Utterance(turn_id, utterance_id))

    async def _begin_speech(self, note: SpeechBegan) -> None:
        utterance = self._utterance(note.turn_id, note.utterance_id)
        utterance.said = True
        if self.preferences.turn_taking.barge_in != "never":
            utterance.cut_short = self.turns.running is not None
            await self.turns.interrupt()
        self.turns.outbox.post(SpeechStarted(note.turn_id, note.utterance_id, note.at_ms))
        if self.preferences.turn_taking.replies:
            await self.turns.read_ahead(self.preferences)

    async def _suppose(self, note: Supposed) -> None:
        utterance = self._utterances.get(note.turn_id)
        answered = utterance is not None and self._is_answered(utterance, note.utterance.text)
        if utterance is not None and answered and self.turns.running is None:
            await self.turns.suppose(note, utterance.utterance_id, self.preferences)

    async def _end_speech(self, note: SpeechEnded) -> None:
        utterance = self._utterance(note.turn_id, note.utterance_id)
        utterance.ended_at = anyio.current_time() - note.silence_ms / 1000
        utterance.sure_ms = note.silence_ms
        if utterance.said:
            self.turns.outbox.post(SpeechStopped(note.turn_id, note.utterance_id, note.at_ms))
        if utterance.committed:
            self._start_told(utterance)

    # ----------------------------------------------------------------------------------------------------- answering

    async def _hear(self, note: FinalHeard) -> None:
        utterance = self._utterance(note.turn_id, note.utterance_id)
        if not note.utterance.text:
            del self._utterances[note.turn_id]
            await self.turns.drop()
            if utterance.committed:
                self.turns.outbox.post(TranscriptFinal(note.turn_id, "", None))
            self.turns.outbox.post(TurnEnded(note.turn_id, "silent", None))
        elif self._is_answered(utterance, note.utterance.text) and (self.turns.running or self._finals_wait):
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append(note)
            else:
                self._start_told(self._utterances.pop(note.turn_id))
                error = Busy("Too many utterances wait for an answer.", hint="Wait for the reply.")
                self.turns.fail(note.turn_id, error)
        else:
            await self._answer(note)
        await self._go_on()

    def _is_answered(self, utterance: _Utterance, text: str) -> bool:
        if utterance.committed:
            return utterance.reply_id is not None
        mere_stop = utterance.cut_short and is_stop(text)
        return self.preferences.turn_taking.replies and not mere_stop

    @property
    def _finals_wait(self) -> bool:
        return any(isinstance(one, FinalHeard) for one in self._waiting)

    async def _answer(self, note: FinalHeard) -> None:
        """Keep what was said, and answer it, unless more was said since."""
        utterance = self._utterances.pop(note.turn_id)
        heard = note.utterance
        replies = self._is_answered(utterance, heard.text) and not self._finals_wait
        supposed = self.turns.supposed
        if replies and supposed and (supposed.turn.id, supposed.turn.utterance) == (note.turn_id, heard.text):
            turn = supposed.turn
        else:
            supposed = None
            await self.turns.drop()
            turn = self.turns.new(note.turn_id, utterance.utterance_id, self.preferences)
            turn.reply_id = utterance.reply_id or turn.reply_id
            turn.utterance = heard.text
            turn.began_at = utterance.ended_at or turn.began_at
        utterance.reply_id = turn.reply_id if replies else None
        try:
            await self._keep(turn)
        except MynaError as error:
            await self.turns.drop()
            if not utterance.committed:
                self._start_told(utterance)
            self.turns.fail(turn.id, error)
            return
        if not utterance.committed:
            self._start_told(utterance)
        self.turns.outbox.post(TranscriptFinal(turn.id, heard.text, heard.language, heard.parts))
        if supposed is not None:
            await self.turns.confirm(utterance.ended_at or turn.began_at)
        else:
            turn.mark("sure", utterance.sure_ms)
            turn.mark("heard")
            if replies:
                await self.turns.answer(turn, told=True)
            else:
                self.turns.outbox.post(TurnEnded(turn.id, "completed", None))

    async def _keep(self, turn: Turn) -> None:
        await self.turns.answering.check(turn.utterance, turn.preferences)
        await self.turns.record.keep_utterance(turn)

    def _start_told(self, utterance: _Utterance) -> None:
        self.turns.outbox.post(TurnStarted(utterance.turn_id, utterance.utterance_id, utterance.reply_id))

    async def over(self, running: Running) -> None:
        """A turn has ended by itself."""
        await self.turns.finish(running)
        if self.hearing is not None and running.outcome == "completed" and running.turn.utterance_id is not None:
            self._quiet_since_ms = self.hearing.heard_ms
        await self._go_on()

    async def _go_on(self) -> None:
        """Do what waited for a reply to end, or for the text of an utterance."""
        while self._waiting and not self.turns.running and not self._text_is_awaited:
            waiting = self._waiting.popleft()
            if isinstance(waiting, FinalHeard):
                await self._answer(waiting)
            else:
                await self.create(waiting)

    @property
    def _text_is_awaited(self) -> bool:
        waiting = {one.turn_id for one in self._waiting}
        return any(one.committed and one.turn_id not in waiting for one in self._utterances.values())

    # ------------------------------------------------------------------------------------------- what is asked for

    async def take_text(self, text: str) -> None:
        """The user typed an utterance."""
        await self.turns.interrupt()
        turn = self.turns.new(new_turn_id(), new_message_id(), self.preferences)
        turn.utterance = text
        try:
            await self._keep(turn)
        except MynaError as error:
            self.turns.outbox.post(TurnStarted(turn.id, turn.utterance_id, None))
            self.turns.fail(turn.id, error)
            return
        await self.turns.answer(turn)

    async def say(self, text: str) -> None:
        """The assistant is to say this as it stands."""
        await self.turns.interrupt()
        turn = self.turns.new(new_turn_id(), None, self.preferences)
        await self.turns.start(turn, lambda: self.turns.answering.say(turn, text))

    async def create(self, command: CreateReply) -> None:
        """Answer the conversation as it stands, or what the command brings."""
        preferences = command.preferences or self.preferences
        if not command.apart and self._text_is_awaited and len(self._waiting) < MOST_WAITING:
            self._waiting.append(command)
            return
        try:
            if not command.apart:
                await self.turns.give_way()
            turn = self.turns.new(command.turn_id, None, preferences)
            messages = command.messages
            if messages is None:
                messages = await self.turns.record.messages()
            answer = partial(self.turns.answering.answer, turn, messages)
            await (self.turns.start_apart(turn, answer) if command.apart else self.turns.start(turn, answer))
        except MynaError as error:
            self.turns.fail(command.turn_id, error)

    async def interrupt(self, played_ms: int | None, turn_id: TurnId | None) -> None:
        """End a reply."""
        running = self.turns.running
        if turn_id is None or (running is not None and running.turn.id == turn_id):
            await self.turns.interrupt(played_ms)
            await self._go_on()
        elif turn_id in self.turns.apart:
            self.turns.apart[turn_id].scope.cancel()
        else:
            for waiting in [one for one in self._waiting if isinstance(one, CreateReply) and one.turn_id == turn_id]:
                self._waiting.remove(waiting)
                self.turns.outbox.post(TurnEnded(turn_id, "interrupted", None))

    def report(self, turn_id: TurnId, played_ms: int) -> None:
        """The client says how much of a reply it has played."""
        if (running := self.turns.running) is not None and running.turn.id == turn_id:
            running.turn.report(played_ms)

    async def truncate(self, message_id: MessageId, played_ms: int) -> None:
        """Of a reply only so much was heard."""
        if (running := self.turns.running) is not None and running.turn.reply_id == message_id:
            check_played(running.turn, played_ms)
            await self.turns.interrupt(played_ms)
        heard = await self.turns.record.truncate(message_id, played_ms)
        self.turns.outbox.post(ReplyTruncated(message_id, heard, played_ms))
        await self._go_on()

    # ------------------------------------------------------------------------------------------- silence

    def _mind_stalls(self, hearing: Hearing) -> None:
        if hearing.open and not self._minding:
            self._minding = True
            self.turns.jobs.start_soon(self._watch_stalls, hearing)

    async def _watch_stalls(self, hearing: Hearing) -> None:
        counted_at = 0.0
        while hearing.open:
            await anyio.sleep(STALL_S / 2)
            now = anyio.current_time()
            if now - self._appended_at >= STALL_S:
                since = max(self._appended_at, counted_at)
                counted_at = now
                await self.stalled((now - since) * 1000)
        self._minding = False

    async def _mind_idleness(self, hearing: Hearing) -> None:
        """After a long silence behind a reply, speak again, if the client wants that."""
        timeout_ms = self.preferences.turn_taking.idle_timeout_ms
        if self._quiet_since_ms is None or timeout_ms is None:
            return
        if hearing.open or not self.idle:
            self._quiet_since_ms = None
        elif hearing.heard_ms - self._quiet_since_ms >= timeout_ms:
            since_ms, self._quiet_since_ms = self._quiet_since_ms, None
            turn = self.turns.new(new_turn_id(), None, self.preferences)
            self.turns.outbox.post(IdleTimedOut(turn.id, new_message_id(), round(since_ms), round(hearing.heard_ms)))
            await self.turns.answer(turn)
