"""What is known of the turn that runs."""

import logging
from dataclasses import asdict, dataclass, field

import anyio

from myna.core.audio import duration_ms
from myna.core.commands import Command, Interrupt
from myna.core.emotion import Emotions
from myna.core.errors import MynaError
from myna.core.events import (
    EmotionChanged,
    Event,
    Failed,
    Outcome,
    ReplyAudio,
    ReplyText,
    SegmentReady,
    Stage,
    StageTimed,
)
from myna.core.ids import TurnId, new_turn_id
from myna.core.reply import Reply, Segment
from myna.engines.base import SpeechMark, Usage
from myna.session.outbox import Outbox
from myna.text.heard import Spoken, heard_prefix
from myna.text.reply import ReplyParser

log = logging.getLogger(__name__)

_REPLY = (EmotionChanged, ReplyText, SegmentReady, ReplyAudio)


@dataclass(slots=True)
class Turn:
    """One utterance and the reply to it, as far as it got.

    Attributes:
        outbox: Where its events go.
        speaks: Whether the reply is spoken: then it counts as heard when it was played, else when it was shown.
        emotions: What the reply may show.
        reached_ms: When each stage was reached, in milliseconds since it began.
        utterance: What the user said, as far as it is known.
        usage: The tokens that it cost, where the LLM has told them.
        display: What was shown.
        spoken: The segments whose audio was sent, with how much of it.
        unsent_ms: How much of that audio was withdrawn.
        failed: Whether something went wrong that the client was told.
        problems: The codes of what went wrong.
        ended_by: The command that ended it before its time.
    """

    outbox: Outbox
    speaks: bool
    emotions: Emotions
    id: TurnId = field(default_factory=new_turn_id)
    began_at: float = field(default_factory=anyio.current_time)
    display: str = ""
    spoken: list[Spoken] = field(default_factory=list[Spoken])
    unsent_ms: float = 0.0
    first_audio_at: float | None = None
    reached_ms: dict[Stage, float] = field(default_factory=dict[Stage, float])
    utterance: str = ""
    usage: Usage | None = None
    failed: bool = False
    problems: list[str] = field(default_factory=list[str])
    ended_by: Command | None = None
    parser: ReplyParser = field(init=False)

    def __post_init__(self) -> None:
        self.parser = ReplyParser(self.emotions)

    async def emit(self, event: Event) -> None:
        """Tell the client."""
        await self.outbox.put(event)

    async def reach(self, stage: Stage) -> None:
        """Time a stage, the first time that it is reached."""
        if stage not in self.reached_ms:
            self.reached_ms[stage] = (anyio.current_time() - self.began_at) * 1000
            await self.emit(StageTimed(self.id, stage, self.reached_ms[stage]))

    async def show(self, text: str) -> None:
        """Show a piece of the reply."""
        await self.emit(ReplyText(self.id, text))
        self.display += text

    async def play(self, segment: Segment, audio: ReplyAudio, marks: tuple[SpeechMark, ...]) -> None:
        """Send a piece of a segment's audio."""
        await self.emit(audio)
        if self.first_audio_at is None:
            self.first_audio_at = anyio.current_time()
            await self.reach("first_audio")
        length_ms = duration_ms(audio.pcm, audio.sample_rate)
        if self.spoken and self.spoken[-1].segment is segment:
            last = self.spoken.pop()
            self.spoken.append(Spoken(segment, last.duration_ms + length_ms, last.marks + marks))
        else:
            self.spoken.append(Spoken(segment, length_ms, marks))

    async def fail(self, error: MynaError) -> None:
        """Tell the client what went wrong."""
        self.failed = True
        self.problems.append(error.code)
        log.debug("problem", extra={"content": error.message})  # content, since an upstream may quote the prompt
        await self.emit(Failed(self.id, error.code, error.message, error.hint))

    def log(self, outcome: Outcome, reply: Reply | None) -> None:
        """Tell how it went."""
        told: dict[str, object] = {
            "outcome": "failed" if self.failed else outcome,  # told of the failure, a client may leave at once
            "stages_ms": {stage: round(at_ms, 1) for stage, at_ms in self.reached_ms.items()},
        }
        if self.problems:
            told["problems"] = self.problems
        if self.usage is not None:
            told |= asdict(self.usage)
        log.info("turn", extra=told)
        log.debug("said", extra={"content": {"user": self.utterance, "assistant": reply.display if reply else ""}})

    def withdraw(self) -> None:
        """Take back what the client has not yet taken, so that nothing of this reply follows its interruption."""
        withdrawn = self.outbox.withdraw(lambda event: isinstance(event, _REPLY) and event.turn_id == self.id)
        for event in reversed(withdrawn):
            if isinstance(event, ReplyText):
                self.display = self.display.removesuffix(event.text)
            elif isinstance(event, ReplyAudio):
                self.unsent_ms += duration_ms(event.pcm, event.sample_rate)

    def played_ms(self) -> int:
        """How much of the audio was heard: what the client reports, else what could have been played since."""
        sent_ms = sum(spoken.duration_ms for spoken in self.spoken) - self.unsent_ms
        reported_ms = self.ended_by.played_ms if isinstance(self.ended_by, Interrupt) else None
        if reported_ms is not None:
            return int(min(sent_ms, max(0, reported_ms)))
        since_s = anyio.current_time() - self.first_audio_at if self.first_audio_at is not None else 0.0
        return int(min(sent_ms, since_s * 1000))

    def reply(self, outcome: Outcome) -> Reply | None:
        """The reply as it goes into history: whole, or the part of it that was heard; None if that is nothing."""
        if outcome != "interrupted":
            return Reply(raw=self.parser.raw, display=self.display, heard=self.display) if self.display else None
        heard = heard_prefix(self.spoken, self.played_ms()) if self.speaks else self.display
        return Reply(raw=self.parser.raw_of(heard), display=self.display, heard=heard) if heard else None
