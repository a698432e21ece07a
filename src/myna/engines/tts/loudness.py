"""What is done to synthesised speech before anybody hears it: silences trimmed, edges faded, loudness evened."""

import numpy as np
from numpy.typing import NDArray

from myna.engines.base import Samples

LEAD_MS = 20
"""Silence that is left before the speech: enough that no onset is cut."""

TAIL_MS = 150
"""Silence that is left behind it: the pause between two segments."""

FADE_MS = 5
LOUDNESS = 0.08
"""Root mean square of the sounding parts, full scale being 1: -22 dB."""

PEAK = 0.95
_FRAME_MS = 10
_SOUNDS = 0.02
"""A frame sounds if it has this part of the loudest frame's level: -34 dB."""


def finish(samples: Samples, sample_rate: int) -> Samples:
    """Speech that can be joined to other speech: no long silence, no click, as loud as the rest. Empty if silent."""
    frame = sample_rate * _FRAME_MS // 1000
    whole = samples[: len(samples) // frame * frame].reshape(-1, frame)
    levels = np.sqrt(np.mean(whole.astype(np.float64) ** 2, axis=1))
    sounding: NDArray[np.intp] = np.flatnonzero(levels > levels.max(initial=0.0) * _SOUNDS)
    if not len(sounding):
        return np.zeros(0, np.float32)
    first = max(0, sounding.item(0) * frame - sample_rate * LEAD_MS // 1000)
    last = (sounding.item(-1) + 1) * frame + sample_rate * TAIL_MS // 1000
    speech = samples[first:last]
    power: NDArray[np.float64] = levels[sounding] ** 2
    gain = LOUDNESS / float(np.sqrt(power.mean()))
    peak = float(np.max(np.abs(speech)))
    speech = speech * np.float32(min(gain, PEAK / peak))
    fade = np.linspace(0, 1, min(len(speech), sample_rate * FADE_MS // 1000), dtype=np.float32)
    speech[: len(fade)] *= fade
    speech[len(speech) - len(fade) :] *= fade[::-1]
    return speech
