"""Takes what the loudspeaker plays out of what the microphone hears: AEC3, the echo canceller of WebRTC."""

import numpy as np
from pywebrtc_audio import EchoCanceller

from myna.core.audio import HEARING_RATE
from myna.engines.base import Samples

FRAME = HEARING_RATE // 100
"""Samples that are cleaned at a time, 10 ms."""

WARM_UP = HEARING_RATE * 32 // 10
"""Samples of sound from the loudspeaker until the canceller knows the room.

In 48 trials (echoes 30 to 250 ms late, from a tenth to one and a half times as loud as what is played) Silero heard
speech in what was left of an echo for up to 2.8 s of sound, and never after."""

AUDIBLE = 0.003
"""The level (RMS, full scale is 1) from which on what is played counts as sound."""

TAIL = HEARING_RATE * 3 // 10
"""How many samples after a sound its echo may last."""


class EchoRemover:
    """Cleans what a microphone hears. Until it knows the room, it hears nothing while the loudspeaker sounds.

    Args:
        delay_ms: About how long a sound takes through the devices and the room. It finds that by itself, too.
    """

    def __init__(self, delay_ms: int) -> None:
        self._canceller = EchoCanceller(HEARING_RATE, 1, delay_ms)
        self._near = np.zeros(0, np.float32)
        self._far = np.zeros(0, np.float32)
        self._learned = 0
        self._since_sound = TAIL

    def clean(self, near: Samples, far: Samples) -> Samples:
        """What is heard beside the loudspeaker.

        Args:
            near: What the microphone heard, at 16 kHz; any number of samples.
            far: As many samples that were played meanwhile, or will be heard soon: never later than their echo.

        Returns:
            The frames that became whole; 8 ms later than in ``near``.
        """
        near, far = np.concatenate([self._near, near]), np.concatenate([self._far, far])
        whole = len(near) - len(near) % FRAME
        self._near, self._far = near[whole:], far[whole:]
        frames = [self._frame(near[at : at + FRAME], far[at : at + FRAME]) for at in range(0, whole, FRAME)]
        return np.concatenate([np.zeros(0, np.float32), *frames])

    def _frame(self, near: Samples, far: Samples) -> Samples:
        cleaned = self._canceller.process(near, far)
        self._since_sound = 0 if far @ far > AUDIBLE**2 * FRAME else self._since_sound + FRAME
        if self._learned >= WARM_UP:
            return cleaned
        if self._since_sound == 0:
            self._learned += FRAME
        return np.zeros_like(cleaned) if self._since_sound < TAIL else cleaned
