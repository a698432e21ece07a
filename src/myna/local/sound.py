"""One microphone and one loudspeaker, joined: what the audio thread does with a block of samples.

The audio thread never waits. What it heard goes into a bounded queue that the event loop empties; what finds no room
there is lost and counted.
"""

from collections import deque
from typing import cast

import numpy as np
import soxr

from myna.core.audio import HEARING_RATE
from myna.engines.base import Samples
from myna.engines.samples import to_pcm16
from myna.local.devices import DEVICE_RATE
from myna.local.echo import EchoRemover
from myna.local.player import Player

WAITING_S = 5.0
"""How much of what was heard may wait for the event loop."""


class Sound:
    """What goes between a session and the devices.

    Args:
        blocks_ahead: As in `Player`.
        echo: Takes what is played out of what is heard; None hears everything.

    Attributes:
        player: What plays.
        lost_ms: How much of what was heard found no room.
        exact_silence_s: For how long there has been nothing at all from the microphone, not even noise.
        blocks: How many blocks there have been: it stands still when the devices do.
    """

    def __init__(self, blocks_ahead: int, echo: EchoRemover | None) -> None:
        self.player = Player(blocks_ahead)
        self.lost_ms = 0.0
        self.exact_silence_s = 0.0
        self.blocks = 0
        self._echo = echo
        self._near, self._far = _to_hearing_rate(), _to_hearing_rate()
        self._heard: deque[bytes] = deque()
        self._added = 0  # samples; two numbers, as one thread adds and another takes
        self._taken = 0

    def exchange(self, near: Samples) -> Samples:
        """Take a block from the microphone, give as many samples to the loudspeaker. For the audio thread."""
        far = self.player.fill(len(near))
        heard, played = (
            cast(Samples, stream.resample_chunk(block)) for stream, block in ((self._near, near), (self._far, far))
        )
        if self._echo is not None:
            heard = self._echo.clean(heard, played)
        if self._added - self._taken + len(heard) > WAITING_S * HEARING_RATE:
            self.lost_ms += len(heard) / HEARING_RATE * 1000
        elif len(heard):
            self._heard.append(to_pcm16(heard))
            self._added += len(heard)
        self.exact_silence_s = 0.0 if near.any() else self.exact_silence_s + len(near) / DEVICE_RATE
        self.blocks += 1
        return far

    def take_heard(self) -> bytes:
        """What was heard since the last time: 16-bit mono PCM at 16 kHz. For the event loop."""
        blocks: list[bytes] = []
        while self._heard:
            blocks.append(self._heard.popleft())
        pcm = b"".join(blocks)
        self._taken += len(pcm) // np.dtype(np.int16).itemsize
        return pcm


def _to_hearing_rate() -> soxr.ResampleStream:
    """By the filter of `myna.wire.audio_formats`: two that are fed alike give alike, so echo and sound stay aligned."""
    return soxr.ResampleStream(DEVICE_RATE, HEARING_RATE, 1, vr=True)
