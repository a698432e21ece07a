"""A client that plays what it is sent on the virtual clock, and knows how much of it was really heard."""

from dataclasses import dataclass, field

import anyio

from myna.core.commands import Interrupt, ReportPlayed
from myna.core.events import Event, Interrupted, PlaybackPaused, PlaybackResumed, ReplyAudio, TurnEnded
from myna.core.ids import TurnId
from myna.testing.loudspeaker import Loudspeaker


@dataclass
class Played:
    """One reply at a client: what was really heard of it, and what the client said of that."""

    loudspeaker: Loudspeaker
    reported: tuple[float, float, float] | None = None  # when; what it had played; what it said
    paused_at: float | None = None
    said_ms: int | None = None  # with its interruption

    def heard_ms(self, late_ms: float) -> float:
        return max(0.0, self.loudspeaker.played_ms - late_ms)


@dataclass
class Client:
    """Plays what it is sent, and reports it.

    Attributes:
        obeys: It pauses where it is told to.
        late_ms: So long its audio is on the way to the ear.
        stood_ms: Where the server should believe that playback stood when a reply was interrupted.
    """

    obeys: bool
    late_ms: float
    replies: dict[TurnId, Played] = field(default_factory=dict[TurnId, Played])
    newest: TurnId | None = None
    overlaps: set[TurnId] = field(default_factory=set[TurnId])
    stood_ms: dict[TurnId, float] = field(default_factory=dict[TurnId, float])
    reports: int = 0

    def take(self, event: Event) -> None:
        match event:
            case ReplyAudio(turn_id=turn_id):
                if turn_id not in self.replies:
                    if any(other.loudspeaker.waits for other in self.replies.values()):
                        self.overlaps.add(turn_id)
                    self.replies[turn_id] = Played(Loudspeaker(event.sample_rate))
                    self.newest = turn_id
                self.replies[turn_id].loudspeaker.play(event.pcm)
            case PlaybackPaused(turn_id=turn_id) if turn_id in self.replies and self.obeys:
                self.replies[turn_id].paused_at = anyio.current_time()
                self.replies[turn_id].loudspeaker.pause()
            case PlaybackResumed(turn_id=turn_id) if turn_id in self.replies and self.obeys:
                self.replies[turn_id].paused_at = None
                self.replies[turn_id].loudspeaker.resume()
            case Interrupted(turn_id=turn_id) if turn_id in self.replies and turn_id not in self.overlaps:
                if (stood_ms := self._stood_ms(self.replies[turn_id])) is not None:
                    self.stood_ms[turn_id] = stood_ms
                self.replies[turn_id].loudspeaker.flush()
            case TurnEnded(turn_id=turn_id) if turn_id == self.newest:
                self.newest = None
            case _:
                pass

    def _stood_ms(self, reply: Played) -> float | None:
        """What the server can know of it: what was said, and that it plays at the pace of the clock."""
        played_ms = reply.loudspeaker.played_ms
        if reply.said_ms is not None:
            return reply.said_ms
        if reply.reported is None or not self.late_ms:
            return played_ms
        at, had_ms, said_ms = reply.reported
        until = anyio.current_time() if reply.paused_at is None else max(at, reply.paused_at)
        plays_on = abs((until - at) * 1000 - (played_ms - had_ms)) < 1
        return said_ms + played_ms - had_ms if plays_on else None  # else it waited for audio in between

    def report(self) -> ReportPlayed | None:
        if self.newest is None or (heard_ms := (reply := self.replies[self.newest]).heard_ms(self.late_ms)) <= 0:
            return None
        reply.reported = (anyio.current_time(), reply.loudspeaker.played_ms, heard_ms)
        self.reports += 1
        return ReportPlayed(self.newest, round(heard_ms))

    def stop(self) -> Interrupt:
        if self.newest is None:
            return Interrupt()
        reply = self.replies[self.newest]
        reply.said_ms = round(reply.heard_ms(self.late_ms))
        return Interrupt(reply.said_ms)
