"""From the rate of sound devices to the rate that everything is heard at, sample for sample.

soxr gives its streams back in bursts of 20 to 30 ms; here every three samples give one at once, 1 ms late. What the
microphone heard and what the loudspeaker played go through the same filter, so they stay aligned.
"""

import numpy as np

from myna.core.audio import HEARING_RATE
from myna.engines.base import Samples

DEVICE_RATE = 48_000
"""Sample rate in Hz of the devices: what nearly all of them run at by themselves."""

FACTOR = DEVICE_RATE // HEARING_RATE

_CUTOFF_HZ = 7_400
_TAPS = 97
_BETA = 6.0  # of the Kaiser window: what would be folded back is 60 dB down, from 8.6 kHz on


def _low_pass() -> Samples:
    at = np.arange(_TAPS) - (_TAPS - 1) / 2
    taps = np.sinc(2 * _CUTOFF_HZ / DEVICE_RATE * at) * np.kaiser(_TAPS, _BETA)
    return (taps / taps.sum()).astype(np.float32)


class Decimator:
    """A stream of samples at `DEVICE_RATE`, given back at `HEARING_RATE`."""

    _low_pass = _low_pass()

    def __init__(self) -> None:
        self._kept = np.zeros(_TAPS - 1, np.float32)

    def feed(self, samples: Samples) -> Samples:
        """Take any number of samples; give a third of all that were taken so far, less what was given."""
        seen = np.concatenate([self._kept, samples])
        if len(seen) < _TAPS:
            self._kept = seen
            return np.zeros(0, np.float32)
        heard = np.convolve(seen, self._low_pass, "valid")[::FACTOR]
        self._kept = seen[len(heard) * FACTOR :]
        return heard
