"""What the loudspeaker plays next.

The audio thread owns the player: it alone changes what plays, in `Player.fill`. Everybody else puts orders into a
mailbox, and reads what `fill` published. Appending to a deque and replacing a reference are atomic in Python, so nobody
waits for anybody.
"""

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Literal, TypeAlias

import numpy as np

from myna.core.ids import TurnId
from myna.engines.base import Samples
from myna.local.devices import DEVICE_RATE

FADE = DEVICE_RATE * 5 // 1000
"""Samples of a fade: where playing stops or starts amid a sound, 5 ms keep it from clicking."""

LONGEST = DEVICE_RATE * 60
"""The most samples that wait to be played. A session sends much less ahead; one that does not is cut off here."""

_UP = np.linspace(0, 1, FADE, endpoint=False, dtype=np.float32)
_DOWN = _UP[::-1]


@dataclass(frozen=True, slots=True)
class Position:
    """So much of a turn's audio has left the loudspeaker, in milliseconds since its first sample."""

    turn_id: TurnId
    played_ms: int


@dataclass(frozen=True, slots=True)
class _Piece:
    turn_id: TurnId
    samples: Samples


_Order: TypeAlias = _Piece | Literal["pause", "resume", "flush"]


class Player:
    """Plays replies at `DEVICE_RATE`, pauses and resumes them without a click and without losing a sample.

    Args:
        blocks_ahead: How many blocks the device holds that it was given and has not played yet.
    """

    def __init__(self, blocks_ahead: int) -> None:
        self._orders: deque[_Order] = deque()
        self._put = 0
        # what only the audio thread changes
        self._queue: deque[_Piece] = deque()
        self._offset = 0  # of the first piece in the queue: what was taken of it
        self._paused = False
        self._risen = 0  # how far the fade-in is; 0 is silence
        self._tail = np.zeros(0, np.float32)  # of what was stopped, fading out
        self._turn_id: TurnId | None = None
        self._taken = 0  # of the turn
        self._ahead: deque[int] = deque([0] * blocks_ahead, maxlen=blocks_ahead)
        self._gone = 0  # of all that was put
        self._position: Position | None = None

    # ---------------------------------------------------------------------------------------- for the event loop

    def play(self, turn_id: TurnId, samples: Samples) -> bool:
        """Play ``samples`` after all that came before; False if too much waits already, then they are dropped."""
        if self._put - self._gone + len(samples) > LONGEST:
            return False
        self._put += len(samples)
        self._orders.append(_Piece(turn_id, samples))
        return True

    def pause(self) -> None:
        """Fall silent within a block and 5 ms, and keep what has not been played."""
        self._orders.append("pause")

    def resume(self) -> None:
        """Go on at the sample where the pause began."""
        self._orders.append("resume")

    def flush(self) -> None:
        """Fall silent as `pause` does, and forget what has not been played."""
        self._orders.append("flush")

    @property
    def position(self) -> Position | None:
        """Where the reply that plays, or played last, is; None before the first."""
        return self._position

    # -------------------------------------------------------------------------------------- for the audio thread

    def fill(self, frames: int) -> Samples:
        """The next ``frames`` samples for the device."""
        while self._orders:
            self._obey(self._orders.popleft())
        block = np.zeros(frames, np.float32)
        filled = 0 if self._paused else self._take(block)
        rising = min(filled, FADE - self._risen)
        block[:rising] *= _UP[self._risen : self._risen + rising]
        self._risen += rising
        if filled and not self._queue:  # it may end amid a sound
            self._fade(block[:filled])
            self._tail = block[filled - 1] * _DOWN
            self._risen = 0
            self._fade(block[filled:])
        else:
            self._fade(block)
        self._publish(filled)
        return block

    def _obey(self, order: _Order) -> None:
        match order:
            case _Piece():
                self._queue.append(order)
            case "pause":
                self._stop()
                self._paused = True
            case "resume":
                self._paused = False
            case "flush":
                self._stop()
                self._gone += sum(len(piece.samples) for piece in self._queue) - self._offset
                self._queue.clear()
                self._offset = 0
                self._paused = False

    def _stop(self) -> None:
        """Let what sounds fade out, without taking it: what resumes begins with it again."""
        if self._risen:
            first, *others = islice(self._queue, 2)
            ending = np.concatenate([first.samples[self._offset :][:FADE], *(other.samples[:FADE] for other in others)])
            ending = np.pad(ending[:FADE], (0, max(0, FADE - len(ending))), mode="edge") * _DOWN * (self._risen / FADE)
            ending[: len(self._tail)] += self._tail
            self._tail = ending
            self._risen = 0

    def _fade(self, block: Samples) -> None:
        """Let what was stopped fade out into ``block``."""
        fading = min(len(block), len(self._tail))
        block[:fading] += self._tail[:fading]
        self._tail = self._tail[fading:]

    def _take(self, block: Samples) -> int:
        """Copy what waits into ``block``; give how many samples that is."""
        filled = 0
        while self._queue and filled < len(block):
            piece = self._queue[0]
            if piece.turn_id != self._turn_id:
                self._turn_id, self._taken = piece.turn_id, 0
                self._ahead.extend([0] * len(self._ahead))
            part = piece.samples[self._offset :][: len(block) - filled]
            block[filled : filled + len(part)] = part
            filled += len(part)
            self._offset += len(part)
            self._taken += len(part)
            if self._offset == len(piece.samples):
                self._queue.popleft()
                self._offset = 0
        self._gone += filled
        return filled

    def _publish(self, filled: int) -> None:
        self._ahead.append(filled)
        if self._turn_id is not None:
            played = max(0, self._taken - sum(self._ahead))
            position = Position(self._turn_id, played * 1000 // DEVICE_RATE)
            if position != self._position:
                self._position = position
