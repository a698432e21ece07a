"""How fast a client's audio comes, and whether it has to wait while the ASR lags.

A recording that is sent faster than real time can wait, and loses nothing by it. A microphone cannot: what it sends is
never held up, so that all that its client does is heeded at once, and what is not heard in time fails.
"""

from dataclasses import dataclass
from math import inf

import anyio

from myna.core.audio import BYTES_PER_SAMPLE, HEARING_RATE

AHEAD_S = 5.0
"""So much ahead of real time a microphone may be: its network stood still, and sends now what it held back."""

FASTEST = 1.05
"""The clock of a microphone may run so much too fast."""


@dataclass(slots=True)
class Pace:
    """The pace of one session's audio, by the event loop's clock."""

    _ahead_s: float = 0.0
    _at: float = inf
    _waiting: int = 0
    _room: anyio.Event | None = None  # there is one while the ASR lags

    @property
    def ahead(self) -> bool:
        """Whether the audio comes faster than real time, which stands still while audio waits."""
        return self._waiting > 0 or self._ahead_at(anyio.current_time()) > AHEAD_S

    @property
    def waits(self) -> bool:
        """Whether audio is kept waiting."""
        return self._waiting > 0

    def lag(self, lags: bool) -> None:
        """Whether the ASR lags, so that audio that can wait should."""
        if not lags and self._room is not None:
            self._room.set()
            self._room = None
        elif lags and self._room is None:
            self._room = anyio.Event()

    async def take(self, pcm: bytes) -> None:
        """This has come, as 16 kHz; returns when there is room for it."""
        now = anyio.current_time()
        self._ahead_s, self._at = self._ahead_at(now), now
        if self._room is not None and self.ahead:
            self._waiting += 1
            try:
                await self._room.wait()
            finally:
                self._waiting -= 1
                self._at = anyio.current_time()
        self._ahead_s += len(pcm) / BYTES_PER_SAMPLE / HEARING_RATE

    def _ahead_at(self, now: float) -> float:
        return max(self._ahead_s - FASTEST * max(now - self._at, 0.0), 0.0)
