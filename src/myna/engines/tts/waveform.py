"""What is done to samples after the model: rate, pitch, silence at the ends, loudness."""

from typing import cast

import numpy as np
import soxr
from numpy.typing import NDArray

from myna.engines.base import Samples

WINDOW_S = 0.03
"""Two periods of the lowest voice: what a stretched sound is made of."""

FRAME_S = 0.005
LEAD_S = 0.02
LONGEST_LEAD_S = 0.05
"""Before what can be heard: a soft [h] may go on for longer."""
FADE_S = 0.005
SILENT = 0.005
"""Frames with less than this part of the loudest frame's RMS are silence: far above Kokoro's, below its softest [f]."""

AUDIBLE = 0.01
"""Of the loudest frame's RMS: -40 dB."""

LOUDNESS_LUFS = -20.0
"""Of every piece. Kokoro's own lie between -27 and -16: by voice, and 2 dB apart in one voice.

Each piece is measured by itself, since a table by voice would miss blends and emotions, and pieces of a voice differ as
well. What is loud or soft within a piece stays so; there are no whole pieces of whispering to be made loud.
"""

LARGEST_GAIN = 4.0
CEILING = 0.97
BLOCK_S = 0.4
_GATE = 0.1
_SMOOTHED = 9  # frames, 20 ms to each side of a peak

_SHELF = (1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585)
_HIGH_PASS = (1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621)
"""The K-weighting of ITU-R BS.1770-4, as filters at 48 kHz."""


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
    frame, lead, longest_lead, pause, fade = (
        round(seconds * sample_rate) for seconds in (FRAME_S, LEAD_S, LONGEST_LEAD_S, pause_s, FADE_S)
    )
    whole = np.pad(samples, (lead, pause + frame))
    levels = np.sqrt(np.mean(np.square(whole[: len(whole) // frame * frame].reshape(-1, frame)), axis=1))
    sounding = np.flatnonzero(levels > SILENT * levels.max())
    if not len(sounding):
        return np.zeros(0, np.float32)
    begin, end = int(sounding[0]) * frame, (int(sounding[-1]) + 1) * frame
    audible = int(np.argmax(levels > AUDIBLE * levels.max())) * frame
    start = max(0, begin - lead, audible - longest_lead)
    gain = 10 ** ((LOUDNESS_LUFS - loudness_lufs(whole[begin:end], sample_rate)) / 20)
    speech = _limited(whole[start : end + pause] * np.float32(min(gain, LARGEST_GAIN)), frame)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    speech[:fade] *= ramp
    speech[-fade:] *= ramp[::-1]
    return speech


def loudness_lufs(samples: Samples, sample_rate: int) -> float:
    """How loud speech is, as ITU-R BS.1770-4 has it: blocks of 0.4 s, weighted, without those 10 dB below the mean.

    What is shorter is one block. -inf for silence.
    """
    block = min(round(BLOCK_S * sample_rate), len(samples))
    if not block:
        return -np.inf
    blocks = np.lib.stride_tricks.sliding_window_view(samples, block)[:: max(1, block // 4)]
    turns = np.exp(-2j * np.pi * np.fft.rfftfreq(block, 1 / sample_rate) / 48_000)
    weights = np.ones(len(turns))
    for over, under in (_SHELF, _HIGH_PASS):
        weights *= np.square(np.abs(_polynomial(over, turns) / _polynomial(under, turns)))
    spectra = np.square(np.abs(np.fft.rfft(blocks)))
    powers = cast(NDArray[np.float64], 2 * np.sum(spectra * weights, axis=1) / block**2)
    power = float(np.mean(powers[powers >= _GATE * powers.mean()]))
    return -0.691 + 10 * float(np.log10(power)) if power else -np.inf


def _polynomial(factors: tuple[float, float, float], turns: NDArray[np.complex128]) -> NDArray[np.complex128]:
    return factors[0] + factors[1] * turns + factors[2] * turns**2


def _limited(samples: Samples, frame: int) -> Samples:
    """``samples`` turned down around peaks above the ceiling, so that one peak does not make all of a piece soft."""
    peaks = np.abs(np.pad(samples, (0, -len(samples) % frame))).reshape(-1, frame).max(axis=1)
    if peaks.max() <= CEILING:
        return samples
    gains = np.minimum(1, CEILING / np.maximum(peaks, CEILING))
    gains = _around(_around(gains).min(axis=1)).mean(axis=1)  # the mean of lowest gains is not above the one needed
    middles = (np.arange(len(gains)) + 0.5) * frame
    smooth = cast(NDArray[np.float64], np.interp(np.arange(len(samples)), middles, gains))
    return np.clip(samples * smooth.astype(np.float32), -CEILING, CEILING)


def _around(gains: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each frame's gain with those of its neighbours, a row each."""
    padded = np.pad(gains, _SMOOTHED // 2, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, _SMOOTHED)
