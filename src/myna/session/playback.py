"""Where the client's playback of a reply stands, as far as can be told from here. Pure: it is told the time.

Audio is sent a little ahead of its time, so a client holds some that it has not yet played. What it has played is
reckoned: it plays what it has at the pace of the clock, and waits when it has none. A client that reports where it
stands is believed.
"""

from dataclasses import dataclass


@dataclass(slots=True)
class Playback:
    """The playback of one reply. Times are in seconds of one clock, lengths in milliseconds of audio.

    Attributes:
        obeys: The client pauses its own playback when it is told to. Any other plays on what it has.
        sent_ms: How much audio was sent.
        paused: Whether no more may be sent for now.
        begins_at_s: When the client is free to play it: it may still play what came before.
    """

    obeys: bool
    sent_ms: float = 0.0
    paused: bool = False
    begins_at_s: float = 0.0
    _played_ms: float = 0.0
    _at_s: float = 0.0

    def send(self, length_ms: float, now_s: float) -> None:
        """So much more audio is sent."""
        self._go_on(now_s)
        self.sent_ms += length_ms

    def withdraw(self, length_ms: float) -> None:
        """So much of what counted as sent never left."""
        self.sent_ms = max(0.0, self.sent_ms - length_ms)
        self._played_ms = min(self._played_ms, self.sent_ms)

    def played_ms(self, now_s: float) -> float:
        """How much has been played."""
        self._go_on(now_s)
        return self._played_ms

    def ahead_ms(self, now_s: float) -> float:
        """How much has been sent and not yet played."""
        return self.sent_ms - self.played_ms(now_s)

    def pause(self, now_s: float) -> None:
        """The client was told to pause."""
        self._go_on(now_s)
        self.paused = True

    def resume(self, now_s: float) -> None:
        """It was told to go on."""
        self._go_on(now_s)
        self.paused = False

    def report(self, played_ms: float, now_s: float) -> None:
        """The client says where it stands."""
        self._at_s = now_s
        self._played_ms = min(max(played_ms, 0.0), self.sent_ms)

    def _go_on(self, now_s: float) -> None:
        since_s = now_s - max(self._at_s, self.begins_at_s)
        if since_s > 0 and not (self.paused and self.obeys):
            self._played_ms = min(self.sent_ms, self._played_ms + since_s * 1000)
        self._at_s = now_s
