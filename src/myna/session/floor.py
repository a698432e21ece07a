"""Who has the floor: what the user says and asks for, and the turns that answer it. Called by the owner alone.

What was said is kept and told as soon as its text is known. An answer waits while anything is still being said, or its
text is not known: so nobody is answered while he speaks, and what was said in two breaths is answered once.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import assert_never

import anyio

from myna.core.commands import CreateReply, Say
from myna.core.errors import Busy, EngineUnavailable, MynaError
from myna.core.events import (
    IdleTimedOut,
    MessageDeleted,
    Refused,
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
from myna.session.notes import Utterance as Heard
from myna.session.silences import Silences
from myna.session.turn import Turn
from myna.session.turns import Running, Turns
from myna.text.backchannels import is_stop

MOST_ASKED = 16
"""Replies that were asked for while something was being said."""


@dataclass(slots=True)
class _Utterance:
    """An utterance that the user speaks or has spoken, until its text is known.

    Attributes:
        said: Its `SpeechStarted` was told.
        cut_short: It interrupted a reply.
        committed: The client committed it, which told its `TurnStarted`.
        answered: Whether it is to be answered.
        reply_id: The message that answers it, as its `TurnStarted` told; None: it told of none.
        ended_at: When its last speech ended, by the event loop's clock; None: it goes on.
        sure_ms: How long after that it was over for sure.
    """

    turn_id: TurnId
    utterance_id: MessageId
    said: bool = False
    cut_short: bool = False
    committed: bool = False
    answered: bool = True
    reply_id: MessageId | None = None
    ended_at: float | None = None
    sure_ms: float = 0.0


@dataclass(slots=True)
class Floor:
    """What one session hears, and how it answers.

    Attributes:
        hearing: None: only text is taken.
        silences: There are some where there is hearing.
    """

    turns: Turns
    hearing: Hearing | None
    preferences: Preferences
    silences: Silences | None
    _utterances: dict[TurnId, _Utterance] = field(default_factory=dict[TurnId, _Utterance])
    _asked: deque[CreateReply | Say] = field(default_factory=deque[CreateReply | Say])
    _owed: bool = False  # something was said that could not be answered yet

    async def configure(self, preferences: Preferences) -> None:
        """From now on, these preferences."""
        self.preferences = preferences
        if preferences.turn_taking.barge_in != "pause" and self.turns.running is not None:
            self.turns.running.turn.resume()
        if self.hearing is not None:
            await self._note(self.hearing.configure(preferences))

    @property
    def lags(self) -> bool:
        """Whether more audio should wait until what was heard has been understood."""
        return self.hearing is not None and self.hearing.lags

    @property
    def idle(self) -> bool:
        """Whether nothing runs, and nothing that was said waits for its text or its answer."""
        return not (self.turns.running or self.turns.apart or self._utterances or self._asked or self._owed)

    # ------------------------------------------------------------------------------------------------------- hearing

    async def append(self, pcm: bytes) -> None:
        """Hear audio."""
        if self.hearing is None or self.silences is None:
            return
        self.silences.audio_came()
        self.hearing.phase = self.turns.phase
        await self._note(await self.hearing.feed(pcm))
        if silence := self.silences.too_long(self.preferences.turn_taking.idle_timeout_ms, idle=self.idle):
            await self._speak_up(*silence)

    async def settle(self, done: Done) -> None:
        """A job of hearing's has ended."""
        if self.hearing is not None and self.silences is not None:
            if self.hearing.kept_waiting:  # by us: that is no silence
                self.silences.audio_came()
            self.hearing.phase = self.turns.phase
            await self._note(self.hearing.settle(done))

    async def stall(self) -> None:
        """See whether audio has stopped coming: that counts as silence."""
        if self.hearing is not None and self.silences is not None and (silence_ms := self.silences.stall_ms()):
            self.hearing.phase = self.turns.phase
            await self._note(self.hearing.stalled(silence_ms))

    async def commit(self, *, replies: bool) -> None:
        """The client says that the utterance is over."""
        if replies:
            await self.turns.interrupt()
        if self.hearing is None:
            error = EngineUnavailable("This session has no ASR, so it cannot hear.", hint="Send text.")
            utterance = _Utterance(new_turn_id(), new_message_id())
            self._tell_start(utterance)
            self.turns.fail(utterance.turn_id, self.turns.answering.engines.deaf or error)
            return
        for note in self.hearing.commit():
            if isinstance(note, SpeechEnded):
                self._commit(self._utterance(note.turn_id, note.utterance_id), replies=replies)
            await self._note([note])

    async def clear(self) -> None:
        """Forget what is being said."""
        if self.hearing is not None:
            await self._note(self.hearing.clear())

    async def _note(self, notes: Sequence[Note]) -> None:
        for note in notes:
            try:
                await self._heed(note)
            except MynaError as error:  # the notes behind it are to be heeded all the same
                self.turns.outbox.post(Refused("", error.code, error.message, error.hint))
            self.turns.listen(speaking=bool(self._utterances) or isinstance(note, PartialHeard))
        if self.silences is not None:
            self.silences.mind_stalls()

    async def _heed(self, note: Note) -> None:  # noqa: C901 - flat
        running = self.turns.running
        match note:
            case Onset():
                if running is not None and self.preferences.turn_taking.barge_in == "pause":
                    running.turn.pause()
            case Dismissed():
                if running is not None:
                    running.turn.resume()
            case SpeechBegan():
                await self._begin_speech(note)
            case PartialHeard(turn_id, utterance_id, text, stable, language):
                self.turns.outbox.post(TranscriptPartial(turn_id, utterance_id, text, stable, language))
            case Supposed():
                await self._suppose(note)
            case Doubted():
                await self.turns.drop()
            case SpeechEnded():
                self._end_speech(note)
            case FinalHeard():
                await self._hear(note)
            case HearingFailed(turn_id, utterance_id, error):
                await self.turns.drop()
                self._tell_start(self._utterances.pop(turn_id, _Utterance(turn_id, utterance_id)))
                self.turns.fail(turn_id, error)
                await self._go_on()
            case _:
                assert_never(note)

    def _utterance(self, turn_id: TurnId, utterance_id: MessageId) -> _Utterance:
        return self._utterances.setdefault(turn_id, _Utterance(turn_id, utterance_id))

    async def _begin_speech(self, note: SpeechBegan) -> None:
        utterance = self._utterance(note.turn_id, note.utterance_id)
        utterance.said = True
        self.turns.outbox.post(SpeechStarted(note.turn_id, note.utterance_id, note.at_ms))
        running = self.turns.running
        if running is not None and self.preferences.turn_taking.barge_in == "never":
            running.turn.resume()
        elif running is not None:
            utterance.cut_short = True
            await self.turns.interrupt()
        if self.preferences.turn_taking.replies:
            await self.turns.read_ahead(self.preferences)

    async def _suppose(self, note: Supposed) -> None:
        utterance = self._utterances.get(note.turn_id)
        alone = len(self._utterances) == 1 and not (self.turns.running or self._asked)
        if utterance is not None and alone and self._is_answered(utterance, note.utterance.text):
            await self.turns.suppose(note, utterance.utterance_id, self.preferences)

    def _commit(self, utterance: _Utterance, *, replies: bool) -> None:
        utterance.committed, utterance.answered = True, replies
        promised = any(one.reply_id is not None for one in self._utterances.values())
        if replies and not promised:  # one reply is promised at a time
            utterance.reply_id = new_message_id()

    def _end_speech(self, note: SpeechEnded) -> None:
        utterance = self._utterance(note.turn_id, note.utterance_id)
        if not self.preferences.turn_taking.automatic and not utterance.committed:  # it became too long
            self._commit(utterance, replies=False)
        utterance.ended_at = anyio.current_time() - note.silence_ms / 1000
        utterance.sure_ms = note.silence_ms
        if utterance.said:
            self.turns.outbox.post(SpeechStopped(note.turn_id, note.utterance_id, note.at_ms))
        if utterance.committed:
            self.turns.outbox.post(TurnStarted(utterance.turn_id, utterance.utterance_id, utterance.reply_id))

    # ----------------------------------------------------------------------------------------------------- answering

    async def _hear(self, note: FinalHeard) -> None:
        utterance = self._utterances.pop(note.turn_id, _Utterance(note.turn_id, note.utterance_id))
        if note.utterance.text:
            if self.silences is not None:
                self.silences.end()
            await self._take(utterance, note.utterance)
        else:
            await self.turns.drop()
            if utterance.committed:
                self.turns.outbox.post(TranscriptFinal(note.turn_id, "", None))
            self.turns.outbox.post(TurnEnded(note.turn_id, "silent", None))
        await self._go_on()

    def _is_answered(self, utterance: _Utterance, text: str) -> bool:
        if utterance.committed or not utterance.answered:
            return utterance.answered
        mere_stop = utterance.cut_short and is_stop(text)
        return self.preferences.turn_taking.replies and not mere_stop

    async def _take(self, utterance: _Utterance, heard: Heard) -> None:
        """Keep what was said and tell it; answer it now if that can be."""
        answered = self._is_answered(utterance, heard.text)
        promised = utterance.reply_id is not None or not utterance.committed
        now = answered and promised and not (self._utterances or self._asked or self.turns.running)
        turn = await self.turns.taken(utterance.turn_id, heard.text) if now else None
        if turn is None:
            await self.turns.drop()
            turn = self.turns.new(utterance.turn_id, utterance.utterance_id, self.preferences)
            turn.utterance = heard.text
        turn.reply_id = utterance.reply_id or turn.reply_id
        began_at = utterance.ended_at or anyio.current_time()
        try:
            await self._keep(turn)
        except MynaError as error:
            self._tell_start(utterance)
            self.turns.outbox.post(TranscriptFinal(turn.id, heard.text, heard.language, heard.parts))
            await self.turns.drop()
            self.turns.fail(turn.id, error)
            return
        utterance.reply_id = turn.reply_id if now else utterance.reply_id
        self._tell_start(utterance)
        self.turns.outbox.post(TranscriptFinal(turn.id, heard.text, heard.language, heard.parts))
        if now:
            self._owed = False  # what was said before is answered with it
            await self.turns.answer_heard(turn, began_at, None if utterance.committed else utterance.sure_ms)
        else:
            self._owed = self._owed or answered
            self.turns.outbox.post(TurnEnded(turn.id, "completed", None))

    async def _keep(self, turn: Turn) -> None:
        if not turn.fits:  # the answer that was supposed may have found that already
            await self.turns.answering.check(turn.utterance, turn.preferences)
        await self.turns.record.keep_utterance(turn)

    def _tell_start(self, utterance: _Utterance) -> None:
        if not utterance.committed:  # that told it already
            self.turns.outbox.post(TurnStarted(utterance.turn_id, utterance.utterance_id, utterance.reply_id))

    async def over(self, running: Running) -> None:
        """A turn has ended by itself."""
        await self.turns.finish(running)
        if self.silences is not None and running.outcome == "completed" and running.turn.utterance:
            self.silences.begin()
        await self._go_on()

    async def _go_on(self) -> None:
        """When nothing is being said any more: answer what was asked for, and what could not be answered before."""
        if self._utterances:
            return
        if self._asked:
            asked = self._asked.popleft()
            await (self.create(asked) if isinstance(asked, CreateReply) else self.say(asked))
        elif self._owed and not self.turns.running:
            self._owed = False
            await self.turns.answer(self.turns.new(new_turn_id(), None, self.preferences))

    async def _speak_up(self, since_ms: float, until_ms: float) -> None:
        turn = self.turns.new(new_turn_id(), None, self.preferences)
        self.turns.outbox.post(IdleTimedOut(turn.id, new_message_id(), round(since_ms), round(until_ms)))
        await self.turns.answer(turn)

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
        self._owed = bool(self._utterances)
        if not self._owed:
            await self.turns.answer(turn)
            return
        self.turns.outbox.post(TurnStarted(turn.id, turn.utterance_id, None))
        self.turns.outbox.post(TurnEnded(turn.id, "completed", None))

    async def say(self, command: Say) -> None:
        """The assistant is to say something as it stands."""
        if self._waits(command):
            return
        await self.turns.interrupt()
        turn = self.turns.new(new_turn_id(), None, self.preferences)
        await self.turns.start(turn, partial(self.turns.answering.say, turn, command.text))

    async def create(self, command: CreateReply) -> None:
        """Answer the conversation as it stands, or what the command brings."""
        preferences = command.preferences or self.preferences
        if command.apart:
            await self.turns.answer_apart(self.turns.new(command.turn_id, None, preferences), command.messages)
        elif not self._waits(command):
            await self.turns.give_way()
            self._owed = self._owed and command.messages is not None
            await self.turns.answer(self.turns.new(command.turn_id, None, preferences), command.messages)

    def _waits(self, command: CreateReply | Say) -> bool:
        """Whether something is being said, so that a reply has to wait for its text."""
        if not self._utterances:
            return False
        if len(self._asked) >= MOST_ASKED:
            raise Busy("Too many replies were asked for while the user speaks.", hint="Wait for the next one.")
        self._asked.append(command)
        return True

    async def interrupt(self, played_ms: int | None, turn_id: TurnId | None) -> None:
        """End a reply; one that waits does not begin, and what was just said is not answered."""
        running = self.turns.running
        if turn_id is not None and turn_id in self.turns.apart:
            await self.turns.interrupt_apart(turn_id)
            return
        if turn_id is None or (running is not None and running.turn.id == turn_id):
            await self.turns.interrupt(played_ms)
        if turn_id is None:
            await self.turns.drop()
            self._owed = False
            for utterance in self._utterances.values():
                if utterance.ended_at is not None:
                    utterance.answered = False
        for asked in [one for one in self._asked if isinstance(one, CreateReply)]:
            if turn_id is None or asked.turn_id == turn_id:
                self._asked.remove(asked)
                self.turns.outbox.post(TurnEnded(asked.turn_id, "interrupted", None))
        await self._go_on()

    async def delete(self, message_id: MessageId) -> None:
        """Take a message out of the conversation; a reply that runs ends with it."""
        await self.turns.interrupt_reply(message_id)
        for gone in await self.turns.record.delete(message_id):
            self.turns.outbox.post(MessageDeleted(gone))
        await self.turns.drop()
        await self._go_on()

    async def truncate(self, message_id: MessageId, played_ms: int) -> None:
        """Of a reply only so much was heard."""
        await self.turns.interrupt_reply(message_id, played_ms)
        heard = await self.turns.record.truncate(message_id, played_ms)
        await self.turns.drop()
        self.turns.outbox.post(ReplyTruncated(message_id, heard, played_ms))
        await self._go_on()
