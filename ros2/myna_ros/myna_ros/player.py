"""What the loudspeaker plays next, and when. Pure: it is told the time, in seconds of one clock.

Audio leaves at the pace in which it is played, a short lead ahead, so that nobody behind has much to forget when it has
to fall silent; and so it is known at any time how much was played.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from myna_ros.pcm import BYTES_PER_SAMPLE

BLOCK_MS = 20
"""Of what is published at a time."""

LONGEST_S = 120.0
"""The most audio that waits. A server sends a few seconds ahead; one that does not is cut off here."""


MOST_PIECES = 20_000


@dataclass(frozen=True)
class Sound:
    """The next piece for the loudspeaker: 16-bit mono PCM."""

    pcm: bytes


@dataclass(frozen=True)
class Mark:
    """What was put between two pieces of audio: the emotion of what follows."""

    text: str


@dataclass(frozen=True)
class _Piece:
    response: str
    pcm: bytes


class Player:
    """Paces replies.

    Args:
        sample_rate: In Hz, of the audio.
        lead_ms: How far ahead of its time audio leaves.
        latency_ms: How much later than its time a sample is heard.
    """

    def __init__(self, sample_rate: int, lead_ms: float = 100.0, latency_ms: float = 0.0) -> None:
        self._bytes_per_s = sample_rate * BYTES_PER_SAMPLE
        self._block = sample_rate * BLOCK_MS // 1000 * BYTES_PER_SAMPLE
        self._lead_s = lead_ms / 1000
        self._latency_s = latency_ms / 1000
        self._queue: deque[_Piece | Mark] = deque()
        self._offset = 0  # bytes of the first piece that have left
        self._waiting = 0  # bytes
        self._paused = False
        self._until_s = 0.0  # when all that has left will have been played
        self._response = ""
        self._left = 0  # bytes of that response
        self.lost_ms = 0.0
        """How much found no room."""

    def feed(self, response: str, pcm: bytes) -> None:
        """Play ``pcm`` of a response after all that came before."""
        if self._waiting + len(pcm) > LONGEST_S * self._bytes_per_s or len(self._queue) >= MOST_PIECES:
            self.lost_ms += len(pcm) / self._bytes_per_s * 1000
            return
        if pcm:
            self._queue.append(_Piece(response, pcm))
            self._waiting += len(pcm)

    def mark(self, text: str) -> None:
        """Give this back when the audio before it has left."""
        if len(self._queue) < MOST_PIECES:
            self._queue.append(Mark(text))

    def pause(self) -> None:
        """Let nothing leave, and keep it."""
        self._paused = True

    def resume(self) -> None:
        """Go on where it paused."""
        self._paused = False

    def flush(self) -> None:
        """Forget what has not left, marks too."""
        self._queue.clear()
        self._offset = self._waiting = 0
        self._paused = False

    def forget_ahead(self, now_s: float) -> None:
        """What had left and not been played is played by nobody any more: the player behind has dropped it."""
        ahead = round(max(0.0, self._until_s - now_s) * self._bytes_per_s)
        self._left = max(0, self._left - ahead)
        self._until_s = min(self._until_s, now_s)

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self._paused

    def busy(self, now_s: float) -> bool:
        """Whether something waits, or is being played."""
        return bool(self._waiting) or now_s < self._until_s + self._latency_s

    def take(self, now_s: float) -> Iterator[Sound | Mark]:
        """What leaves now."""
        while self._queue and not self._paused:
            first = self._queue[0]
            if isinstance(first, Mark):
                self._queue.popleft()
                yield first
                continue
            if self._until_s - now_s >= self._lead_s:
                return
            if first.response != self._response:
                self._response, self._left = first.response, 0
            pcm = first.pcm[self._offset : self._offset + self._block]
            self._offset += len(pcm)
            if self._offset >= len(first.pcm):
                self._queue.popleft()
                self._offset = 0
            self._waiting -= len(pcm)
            self._left += len(pcm)
            self._until_s = max(self._until_s, now_s) + len(pcm) / self._bytes_per_s
            yield Sound(pcm)

    def position(self, now_s: float) -> tuple[str, int]:
        """The response that plays, or played last, and how many milliseconds of it were heard; "" before the first."""
        ahead_s = max(0.0, self._until_s + self._latency_s - now_s)
        return self._response, max(0, round((self._left / self._bytes_per_s - ahead_s) * 1000))
