"""What is known of a turn, as far as it got."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

import anyio

from myna.core.audio import duration_ms
from myna.core.emotion import Emotions
from myna.core.errors import MynaError
from myna.core.events import (
    EmotionChanged,
    EngineFailedOver,
    Event,
    Failed,
    MemoryUsed,
    ModelLoads,
    Outcome,
    PlaybackPaused,
    PlaybackResumed,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    SegmentReady,
    Stage,
    StageTimed,
    ToolCalled,
    ToolEnded,
    ToolStarted,
)
from myna.core.ids import MessageId, TurnId, new_message_id
from myna.core.messages import UserMessage
from myna.core.preferences import Preferences
from myna.core.reply import Reply, Segment
from myna.core.tools import ToolCall, ToolResult
from myna.engines.base import Finished, SpeechMark
from myna.session.consent import Agreed
from myna.session.outbox import Outbox
from myna.session.playback import Playback
from myna.session.server_calls import ServerCalls
from myna.text.heard import Spoken, heard_prefix
from myna.text.reply import ReplyParser

log = logging.getLogger(__name__)

LONGEST_HOLD = 256
"""So many events of a turn that is not sure are kept; then it waits until it is."""

OBEDIENT_LEAD_MS = 2_000.0
"""How far audio is sent ahead to a client that pauses its playback when told."""

_REPLY = (
    MemoryUsed,
    ModelLoads,
    EngineFailedOver,
    EmotionChanged,
    ReplyText,
    SegmentReady,
    ReplyAudio,
    ToolCalled,
    ToolStarted,
    ToolEnded,
    ReplyEnded,
    StageTimed,
    PlaybackPaused,
    PlaybackResumed,
)


@dataclass(slots=True)
class Turn:
    """One utterance and the reply to it.

    A turn can begin before it is sure that the utterance is over: then nothing of it is told, and none of its audio
    sent, until `confirm`.

    Attributes:
        outbox: Where its events go.
        id: Its id.
        emotions: What the reply may show.
        preferences: What the client chose for it.
        lead_ms: How far audio is sent ahead of its time; None: as fast as it is made.
        utterance_id: The message that it answers.
        reply_id: The message that the reply will be.
        after: The message that stood last when it began; None: there was none.
        answers: The user's messages that it answers.
        fits: They are known to fit into a prompt.
        apart: The conversation keeps nothing of it.
        greets: It says something as it stands: alone that is no conversation.
        began_at: When the utterance was over, by the event loop's clock.
        reached_ms: When each stage was reached, in milliseconds since then.
        display: What was shown.
        spoken: The segments whose audio is sent, with how much there is of it.
        calls: The tools of the client's that the model called.
        server_calls: The calls of the server's tools.
        consents: The user can agree by word that a tool runs.
        agreed: The calls that its utterance agrees to.
        finished: How the LLM ended, if it did.
        told_all: All of the reply was sent; it may still be played.
        problems: The codes of what went wrong and was told.
        played_at_end_ms: Where its playback stood when it was interrupted.
    """

    outbox: Outbox
    id: TurnId
    emotions: Emotions
    preferences: Preferences
    speaks: bool
    lead_ms: float | None = None
    utterance_id: MessageId | None = None
    reply_id: MessageId = field(default_factory=new_message_id)
    after: MessageId | None = None
    answers: Sequence[UserMessage] = ()
    fits: bool = False
    apart: bool = False
    greets: bool = False
    began_at: float = field(default_factory=anyio.current_time)
    reached_ms: dict[Stage, float] = field(default_factory=dict[Stage, float])
    utterance: str = ""
    display: str = ""
    spoken: list[Spoken] = field(default_factory=list[Spoken])
    calls: list[tuple[MessageId, ToolCall]] = field(default_factory=list[tuple[MessageId, ToolCall]])
    server_calls: ServerCalls = field(init=False)
    consents: bool = False
    agreed: list[Agreed] = field(default_factory=list[Agreed])
    finished: Finished | None = None
    told_all: bool = False
    problems: list[str] = field(default_factory=list[str])
    played_at_end_ms: float | None = None
    parser: ReplyParser = field(init=False)
    playback: Playback = field(init=False)
    _held: list[Event] | None = None
    _silenced: bool = False
    _sure: anyio.Event = field(default_factory=anyio.Event)
    _changed: anyio.Event = field(default_factory=anyio.Event)

    def __post_init__(self) -> None:
        self.server_calls = ServerCalls(self.id)
        self.parser = ReplyParser(self.emotions)
        self.playback = Playback(self.preferences.pauses_playback)
        if self.lead_ms is not None and self.preferences.pauses_playback:
            self.lead_ms = max(self.lead_ms, OBEDIENT_LEAD_MS)

    # ---------------------------------------------------------------------------------------------------- being told

    def hold(self) -> None:
        """Tell nothing until it is sure."""
        self._held = []

    @property
    def held(self) -> bool:
        """Whether it is not sure yet."""
        return self._held is not None

    def confirm(self, began_at: float) -> None:
        """It is sure, and its utterance was over at ``began_at``: tell what was held."""
        shift_ms = (self.began_at - began_at) * 1000
        self.began_at = began_at
        self.reached_ms = {stage: at_ms + shift_ms for stage, at_ms in self.reached_ms.items()}
        held, self._held = self._held or [], None
        for event in held:
            self.outbox.post(replace(event, at_ms=event.at_ms + shift_ms) if isinstance(event, StageTimed) else event)
        self._sure.set()

    async def until_sure(self) -> None:
        """Wait until it is."""
        if self.held:
            await self._sure.wait()

    async def emit(self, event: Event) -> None:
        """Tell the client."""
        if self._silenced:
            return
        if self._held is not None and len(self._held) >= LONGEST_HOLD:
            await self._sure.wait()
        if self._held is not None:
            self._held.append(event)
        else:
            await self.outbox.put(event)

    def silence(self) -> None:
        """Tell nothing any more: its end is told, though some engine still works for it."""
        self._silenced = True

    async def reach(self, stage: Stage) -> None:
        """Time a stage, the first time that it is reached."""
        if stage not in self.reached_ms:
            self.reached_ms[stage] = (anyio.current_time() - self.began_at) * 1000
            await self.emit(StageTimed(self.id, stage, self.reached_ms[stage]))

    def mark(self, stage: Stage, at_ms: float | None = None) -> None:
        """Time a stage, as `reach` does, without waiting for anybody; ``at_ms`` if that was another time than now."""
        self.reached_ms[stage] = (anyio.current_time() - self.began_at) * 1000 if at_ms is None else at_ms
        timed = StageTimed(self.id, stage, self.reached_ms[stage])
        if self._held is not None:
            self._held.append(timed)
        else:
            self.outbox.post(timed)

    async def show(self, text: str) -> None:
        """Show a piece of the reply."""
        await self.emit(ReplyText(self.id, text))
        self.display += text

    async def call(self, call: ToolCall) -> None:
        """Have the client run a tool."""
        message_id = new_message_id()
        await self.emit(ToolCalled(self.id, message_id, call))
        self.calls.append((message_id, call))

    async def start_call(self, call: ToolCall, shown: ToolCall, *, asks: bool) -> None:
        """Tell that a tool of the server's is called; ``shown`` is what may be seen of the call."""
        message = self.server_calls.start(call, asks=asks)
        started = ToolStarted(self.id, message.id, shown, asks and self.preferences.allows_tools)
        await self.emit(started)
        self.server_calls.told(started)

    async def end_call(self, call: ToolCall, result: ToolResult, took_ms: float) -> None:
        """Tell what came of it."""
        ended = ToolEnded(self.id, call.id, call.name, result, took_ms)
        await self.emit(ended)
        self.server_calls.told(ended)

    async def fail(self, error: MynaError) -> None:
        """Tell the client what went wrong."""
        self.problems.append(error.code)
        log.debug("problem", extra={"content": error.message})  # content, since an upstream may quote the prompt
        await self.emit(Failed(self.id, error.code, error.message, error.hint))

    @property
    def failed(self) -> bool:
        """Whether something went wrong that the client was told."""
        return bool(self.problems)

    # ------------------------------------------------------------------------------------------------------- playing

    def ready(
        self, segment: Segment, length_ms: float, marks: tuple[SpeechMark, ...], voiced_ms: tuple[float, float]
    ) -> None:
        """So much more audio of a segment is there to be sent; ``voiced_ms`` is where in it there is sound."""
        if not self.spoken or self.spoken[-1].segment is not segment:
            self.spoken.append(Spoken(segment, length_ms, marks, whole=False, voiced_ms=voiced_ms))
            return
        last = self.spoken[-1]
        begin_ms = last.voiced_ms[0] if last.voiced_ms else 0.0
        self.spoken[-1] = Spoken(
            segment,
            last.duration_ms + length_ms,
            last.marks + marks,
            whole=False,
            voiced_ms=(begin_ms, last.duration_ms + voiced_ms[1]),
        )

    def whole(self, segment: Segment) -> None:
        """There is no more audio of a segment."""
        if self.spoken and self.spoken[-1].segment is segment:
            self.spoken[-1] = replace(self.spoken[-1], whole=True)

    async def play(self, audio: ReplyAudio) -> None:
        """Send a piece of audio."""
        await self.emit(audio)
        self.playback.send(duration_ms(audio.pcm, audio.sample_rate), anyio.current_time())
        await self.reach("first_audio")

    async def until_wanted(self) -> bool:
        """Wait until more audio may be sent, or the reply pauses: then False."""
        while True:
            if self.playback.paused:
                return False
            ahead_ms = self.playback.ahead_ms(anyio.current_time())
            if self.lead_ms is None or ahead_ms < self.lead_ms:
                return True
            with anyio.move_on_after((ahead_ms - self.lead_ms) / 1000 + 0.001):
                await self._changed.wait()

    async def until_resumed(self) -> None:
        """Wait while the reply is paused."""
        while self.playback.paused:
            await self._changed.wait()

    async def until_played(self) -> None:
        """Wait until the client has played all that was sent."""
        while self.lead_ms is not None and (ahead_ms := self.playback.ahead_ms(anyio.current_time())) > 0:
            with anyio.move_on_after(None if self.playback.paused else ahead_ms / 1000 + 0.001):
                await self._changed.wait()
        await self.until_resumed()

    def pause(self) -> None:
        """Pause the reply: the user may have begun to speak."""
        if not self.playback.paused:
            now = anyio.current_time()
            self.playback.pause(now)
            if self.playback.sent_ms:
                self.outbox.post(PlaybackPaused(self.id, round(self.playback.played_ms(now))))
            self._notify()

    def resume(self) -> None:
        """Go on where it paused."""
        if self.playback.paused:
            self.playback.resume(anyio.current_time())
            if self.playback.sent_ms:
                self.outbox.post(PlaybackResumed(self.id))
            self._notify()

    def report(self, played_ms: float) -> None:
        """The client says how much it has played."""
        now = anyio.current_time()
        self.playback.report(played_ms, now)
        if played_ms > 0 and "first_audio" in self.reached_ms and "first_played" not in self.reached_ms:
            began_ms = (now - self.began_at) * 1000 - played_ms
            self.mark("first_played", max(began_ms, self.reached_ms["first_audio"]))
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    # ------------------------------------------------------------------------------------------------------ its end

    def interrupt(self, played_ms: float | None) -> None:
        """It was interrupted: take back what the client has not yet taken, so that nothing of the reply follows.

        Args:
            played_ms: Where the client says that its playback stood; None: where it must have stood.
        """
        withdrawn = self.outbox.withdraw(lambda event: isinstance(event, _REPLY) and event.turn_id == self.id)
        for event in reversed(withdrawn):
            if isinstance(event, ReplyText):
                self.display = self.display.removesuffix(event.text)
            elif isinstance(event, ReplyAudio):
                self.playback.withdraw(duration_ms(event.pcm, event.sample_rate))
            elif isinstance(event, ToolCalled):
                self.calls = [(message_id, call) for message_id, call in self.calls if message_id != event.message_id]
            elif isinstance(event, ToolStarted | ToolEnded):
                self.server_calls.untold(event)
        self.set_played(self.playback.played_ms(anyio.current_time()) if played_ms is None else played_ms)
        self.end_calls()

    def end_calls(self) -> None:
        """The reply is over: tell the ends of the calls that had none."""
        for ended in self.server_calls.interrupt():
            self.outbox.post(ended)

    def set_played(self, played_ms: float) -> None:
        """So much was played when it was interrupted, of what was sent."""
        self.played_at_end_ms = min(max(played_ms, 0.0), self.playback.sent_ms)

    def reply(self, outcome: Outcome) -> Reply | None:
        """The reply as it goes into history: whole, or the part of it that was heard; None if that is nothing."""
        if outcome != "interrupted":
            return Reply(raw=self.parser.raw, display=self.display, heard=self.display) if self.display else None
        heard = heard_prefix(self.spoken, self.played_at_end_ms or 0.0) if self.speaks else self.display
        return Reply(raw=self.parser.raw_of(heard), display=self.display, heard=heard) if heard else None

    def log(self, outcome: Outcome, reply: Reply | None) -> None:
        """Tell how it went."""
        told: dict[str, object] = {
            "outcome": "failed" if self.failed else outcome,  # told of the failure, a client may leave at once
            "stages_ms": {stage: round(at_ms, 1) for stage, at_ms in self.reached_ms.items()},
        }
        if self.problems:
            told["problems"] = self.problems
        if self.finished is not None and self.finished.usage is not None:
            told |= asdict(self.finished.usage)
        log.info("turn", extra=told)
        log.debug("said", extra={"content": {"user": self.utterance, "assistant": reply.display if reply else ""}})
