"""A loudspeaker that nobody hears: it takes its time by the event loop's clock, and keeps what it really played."""

import anyio

from myna.core.audio import BYTES_PER_SAMPLE, duration_ms


class Loudspeaker:
    """Plays what it is given, in order and in real time.

    Attributes:
        sample_rate: In Hz, of what it is given (16-bit mono).
    """

    def __init__(self, sample_rate: int) -> None:
        self.sample_rate = sample_rate
        self._waiting = bytearray()
        self._played = bytearray()
        self._paused = False
        self._since = anyio.current_time()

    def play(self, pcm: bytes) -> None:
        """Play this after what waits."""
        self._go_on()
        self._waiting += pcm

    def pause(self) -> None:
        """Be silent, and keep what waits."""
        self._go_on()
        self._paused = True

    def resume(self) -> None:
        """Go on where it paused."""
        self._go_on()
        self._paused = False

    def flush(self) -> None:
        """Drop what waits; what comes then is played."""
        self._go_on()
        self._waiting.clear()
        self._paused = False

    def take(self) -> bytes:
        """What was played since this was asked last."""
        self._go_on()
        played = bytes(self._played)
        self._played.clear()
        return played

    @property
    def played_ms(self) -> float:
        """How much was played since the last `take`; silence in between does not count."""
        self._go_on()
        return duration_ms(self._played, self.sample_rate)

    @property
    def waits(self) -> bool:
        """Whether something is still to be played."""
        self._go_on()
        return bool(self._waiting)

    def _go_on(self) -> None:
        now = anyio.current_time()
        samples = 0 if self._paused or not self._waiting else round((now - self._since) * self.sample_rate)
        self._played += self._waiting[: samples * BYTES_PER_SAMPLE]
        del self._waiting[: samples * BYTES_PER_SAMPLE]
        idle = self._paused or not self._waiting
        self._since = now if idle else self._since + samples / self.sample_rate
