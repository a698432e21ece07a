"""What is done to samples after the model: silence at the ends, loudness, pitch."""

import numpy as np
import soxr
from numpy.typing import NDArray

from myna.engines.base import Samples

FRAME_S = 0.005
LEAD_S = 0.03
"""Silence that stays before the first sound. Kokoro begins with 0.26 to 0.45 s of it, and ends with 0.45 to 1.1 s."""

FADE_S = 0.005

LOUDNESS = 0.1
"""RMS of what sounds, -20 dBFS. Kokoro's voices lie between -14 and -21 dBFS, one voice's sentences within 2 dB."""

CEILING = 0.97
SILENT = 0.005
"""Frames with less than this part of the loudest frame's RMS are silence: far above Kokoro's, far below an [f]."""

SOFT = 0.1
"""Frames with less than this part are not counted for the loudness."""


def shift_pitch(samples: Samples, ratio: float) -> Samples:
    """Play ``samples`` ``ratio`` times as fast: so much higher, and so much shorter."""
    return samples if ratio == 1 else soxr.resample(samples, ratio, 1)  # pyright: ignore[reportReturnType] - untyped


def finish(samples: Samples, sample_rate: int, pause_s: float) -> Samples:
    """Speech with `LEAD_S` of silence before it and ``pause_s`` behind it, in the common loudness, within [-1, 1].

    Silence gives nothing.
    """
    frame, lead, fade = (round(seconds * sample_rate) for seconds in (FRAME_S, LEAD_S, FADE_S))
    whole = np.pad(samples, (lead, round(pause_s * sample_rate) + frame - len(samples) % frame))
    level = np.sqrt(np.mean(np.square(whole[: len(whole) // frame * frame].reshape(-1, frame)), axis=1))
    loudest = level.max(initial=0)
    sounding = np.flatnonzero(level > SILENT * loudest)
    if not len(sounding):
        return np.zeros(0, np.float32)
    start, end = sounding[0] * frame, (sounding[-1] + 1) * frame
    speech = whole[max(0, start - lead) : end + round(pause_s * sample_rate)]
    power: NDArray[np.float32] = np.square(level[level > SOFT * loudest])
    loudness = np.sqrt(power.mean())
    speech = speech * min(LOUDNESS / loudness, CEILING / np.abs(speech).max())
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    speech[:fade] *= ramp
    speech[-fade:] *= ramp[::-1]
    return speech.astype(np.float32)
