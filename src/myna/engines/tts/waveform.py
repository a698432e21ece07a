"""What is done to samples after the model: rate, pitch, silence at the ends, loudness."""

from typing import cast

import numpy as np
import soxr

from myna.engines.base import Samples

WINDOW_S = 0.03
"""Two periods of the lowest voice: what a stretched sound is made of."""

FRAME_S = 0.005
LEAD_S = 0.03
FADE_S = 0.005

LOUDNESS = 0.1
"""RMS of what sounds, -20 dBFS. Kokoro's voices lie between -14 and -21 dBFS, the sentences of one within 2 dB."""

CEILING = 0.97
SILENT = 0.005
"""Frames with less than this part of the loudest frame's RMS are silence: far above Kokoro's, below its softest [f]."""

SOFT = 0.1
"""Frames with less than this part do not count for the loudness."""


def restyle(samples: Samples, sample_rate: int, speed: float, semitones: float) -> Samples:
    """Speak ``speed`` times as fast and ``semitones`` higher; the one leaves the other alone."""
    ratio = 2 ** (semitones / 12)
    if ratio != speed:
        samples = _stretch(samples, round(WINDOW_S * sample_rate / 2), ratio / speed)
    return samples if ratio == 1 else cast(Samples, soxr.resample(samples, ratio, 1))


def _stretch(samples: Samples, hop: int, factor: float) -> Samples:
    """``samples``, ``factor`` times as long and as high as before.

    WSOLA: windows are laid over each other at another distance than they were taken from, each from where it best goes
    on from the one before (Verhelst and Roelands, ICASSP 1993).
    """
    window = np.hanning(2 * hop + 1)[:-1].astype(np.float32)
    slack = hop // 2
    padded = np.pad(samples, (hop + slack, 4 * hop))
    count = round(len(samples) * factor / hop) + 1
    out = np.zeros((count + 1) * hop, np.float32)
    at = slack
    for i in range(count):
        if i:
            low = min(round(i * hop / factor), len(padded) - 4 * hop)
            around = padded[low : low + 2 * (hop + slack)]
            at = low + int(np.correlate(around, padded[at + hop : at + 3 * hop], "valid").argmax())
        out[i * hop : (i + 2) * hop] += window * padded[at : at + 2 * hop]
    return out[hop : hop + round(len(samples) * factor)]


def finish(samples: Samples, sample_rate: int, pause_s: float) -> Samples:
    """Speech with `LEAD_S` of silence before it and ``pause_s`` behind it, in the common loudness, within [-1, 1].

    Kokoro leaves 0.26 to 0.45 s before, and 0.45 to 1.1 s behind. Silence gives nothing.
    """
    frame, lead, pause, fade = (round(seconds * sample_rate) for seconds in (FRAME_S, LEAD_S, pause_s, FADE_S))
    whole = np.pad(samples, (lead, pause + frame))
    levels = np.sqrt(np.mean(np.square(whole[: len(whole) // frame * frame].reshape(-1, frame)), axis=1))
    sounding = np.flatnonzero(levels > SILENT * levels.max())
    if not len(sounding):
        return np.zeros(0, np.float32)
    speech = whole[max(0, sounding[0] * frame - lead) : (sounding[-1] + 1) * frame + pause]
    loud: Samples = levels[levels > SOFT * levels.max()]
    loudness = np.sqrt(np.mean(np.square(loud)))
    speech = speech * np.float32(min(LOUDNESS / loudness, CEILING / np.abs(speech).max()))
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    speech[:fade] *= ramp
    speech[-fade:] *= ramp[::-1]
    return speech
