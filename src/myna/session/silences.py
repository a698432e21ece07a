"""Silences that no audio tells of: audio that stops coming, and nobody speaking for long. Called by the owner alone."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio
from anyio.abc import TaskGroup

from myna.session.hear import Hearing

STALL_S = 0.5
"""An utterance whose audio stops coming for so long is in a silence: some clients send none."""


@dataclass(slots=True)
class Silences:
    """What one session has to know of silences.

    Attributes:
        jobs: Where the clock ticks while an utterance goes on.
        stalled: Is told at each tick; `stall_ms` is to be asked then.
    """

    hearing: Hearing
    jobs: TaskGroup
    stalled: Callable[[], Awaitable[None]]
    _came_at: float = 0.0
    _ticking: anyio.CancelScope | None = None
    _since_ms: float | None = None

    def audio_came(self) -> None:
        """Audio came just now, or would have come if we had let it."""
        self._came_at = anyio.current_time()

    def stall_ms(self) -> float:
        """For how long no audio has come, beyond what was told of already; 0 while it still may be on its way."""
        now = anyio.current_time()
        silence_s = now - self._came_at - STALL_S
        if silence_s <= 0 or self.hearing.kept_waiting:
            return 0.0
        self._came_at = now - STALL_S  # what is counted now is not counted again
        return silence_s * 1000

    def mind_stalls(self) -> None:
        """While an utterance goes on, let the clock tick."""
        if self.hearing.open and self._ticking is None:
            self._ticking = anyio.CancelScope()
            self.jobs.start_soon(self._tick, self._ticking)
        elif not self.hearing.open and self._ticking is not None:
            self._ticking.cancel()
            self._ticking = None

    async def _tick(self, scope: anyio.CancelScope) -> None:
        with scope:
            while True:
                await anyio.sleep(STALL_S / 2)
                await self.stalled()

    def begin(self) -> None:
        """A reply has ended: from now on, how long nobody speaks counts."""
        self._since_ms = self.hearing.heard_ms

    def end(self) -> None:
        """Somebody has spoken."""
        self._since_ms = None

    def too_long(self, timeout_ms: float | None, *, idle: bool) -> tuple[float, float] | None:
        """From where to where in all the audio nobody has spoken, if that is too long; only once behind a reply."""
        if self._since_ms is None or timeout_ms is None:
            return None
        now_ms = self.hearing.heard_ms
        if self.hearing.open or not idle:
            self._since_ms = now_ms
        elif now_ms - self._since_ms >= timeout_ms:
            since_ms, self._since_ms = self._since_ms, None
            return since_ms, now_ms
        return None
