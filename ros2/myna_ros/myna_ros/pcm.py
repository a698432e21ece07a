"""PCM as robots have it, made into what is sent: 16-bit samples of one channel, at a rate that the server takes.

Standard library only: a robot may have no NumPy.
"""

import math
import sys
from array import array
from collections.abc import Sequence
from operator import mul
from typing import cast

WIRE_RATES = (8_000, 16_000, 24_000, 48_000)
"""Sample rates in Hz that the server takes as they are."""

HEARING_RATE = 16_000

LOWEST_RATE, HIGHEST_RATE = 4_000, 192_000
MOST_CHANNELS = 64
LONGEST_S = 10.0
"""Of one message. A microphone that sends more at a time is none."""

MEAN = -1
"""In the place of a channel: all of them, mixed."""

FULL_SCALE = 32_768
BYTES_PER_SAMPLE = 2

_TYPES = {"s16le": "h", "s16be": "h", "s32le": "i", "f32le": "f", "u8": "B"}
_TOP = {"s16le": 1 << 15, "s32le": 1 << 31, "u8": 1 << 7}

FORMATS = tuple(_TYPES)

TAPS = 8
"""Input samples on each side that a resampled one is made of, where the rate rises; more where it falls."""

MOST_PHASES = 640
"""Positions between two input samples for which the filter is made, as many as 11,025 Hz needs. A ratio that needs more
is rounded to one of them."""


class BadAudio(ValueError):
    """What came is no audio, or not what it is said to be."""


def wire_rate(sample_rate: int) -> int:
    """The rate at which audio of ``sample_rate`` is sent: its own, or that at which the server hears."""
    return sample_rate if sample_rate in WIRE_RATES else HEARING_RATE


def check_rate(sample_rate: int, channels: int) -> None:
    """Raise `BadAudio` unless there is audio of such a kind."""
    if not LOWEST_RATE <= sample_rate <= HIGHEST_RATE:
        raise BadAudio(f"a sample rate of {sample_rate} Hz; it has to be {LOWEST_RATE} to {HIGHEST_RATE}")
    if not 1 <= channels <= MOST_CHANNELS:
        raise BadAudio(f"{channels} channels; there may be 1 to {MOST_CHANNELS}")


def samples_of(data: bytes, sample_format: str) -> Sequence[float]:
    """The samples in ``data``, all channels in turn: whole numbers as they are, ``f32le`` from -1 to 1.

    Raises:
        BadAudio: The last sample is not whole, or there is no such format.
    """
    kind = _TYPES.get(sample_format)
    if kind is None:
        raise BadAudio(f"the format {sample_format!r}; there are {', '.join(FORMATS)}")
    samples = array(kind)
    if len(data) % samples.itemsize:
        raise BadAudio(f"{len(data)} bytes, which is no whole number of samples of {samples.itemsize} bytes")
    samples.frombytes(data)
    if (sample_format == "s16be") == (sys.byteorder == "little") and samples.itemsize > 1:
        samples.byteswap()
    return samples


def mono(samples: Sequence[float], channels: int, channel: int) -> Sequence[float]:
    """One channel of several that take turns in ``samples``; `MEAN` mixes them.

    Raises:
        BadAudio: There is no such channel, or the last sample is not one of all channels.
    """
    if len(samples) % channels:
        raise BadAudio(f"{len(samples)} samples, which {channels} channels cannot share")
    if channels == 1:
        return samples
    if channel == MEAN:
        parts = (samples[each::channels] for each in range(channels))
        return [sum(frame) / channels for frame in zip(*parts, strict=True)]
    if not 0 <= channel < channels:
        raise BadAudio(f"no channel {channel} among {channels}, which are counted from 0")
    return samples[channel::channels]


def to_pcm16(samples: Sequence[float], sample_format: str) -> "array[int]":
    """``samples`` of this format as 16-bit numbers; what is too loud is clipped, what is no number is silence."""
    if isinstance(samples, array) and samples.typecode == "h":
        return cast("array[int]", samples)
    if sample_format == "f32le":
        return array("h", [_clipped(each * FULL_SCALE) for each in samples])
    if sample_format == "u8":
        return array("h", [int((each - 128) * 256) for each in samples])
    scale = FULL_SCALE / _TOP.get(sample_format, FULL_SCALE)
    return array("h", [_clipped(each * scale) for each in samples])


def _clipped(sample: float) -> int:
    if sample >= FULL_SCALE - 1:
        return FULL_SCALE - 1
    if sample <= -FULL_SCALE:
        return -FULL_SCALE
    return 0 if sample != sample else round(sample)  # noqa: PLR0124 - NaN alone is not itself


def to_bytes(samples: "array[int]") -> bytes:
    """16-bit little-endian, as it is sent."""
    if sys.byteorder == "big":
        samples = samples[:]
        samples.byteswap()
    return samples.tobytes()


def from_bytes(pcm: bytes) -> "array[int]":
    """The other way; half a sample at the end is left out."""
    samples = array("h", pcm[: len(pcm) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE])
    if sys.byteorder == "big":
        samples.byteswap()
    return samples


class Resampler:
    """Changes the sample rate of 16-bit audio, in pieces of any length: a windowed sinc (Hann), a phase at a time.

    What comes out is later by some samples, and is the same however the input is cut into pieces.

    Args:
        source_rate: In Hz.
        target_rate: Likewise.
    """

    def __init__(self, source_rate: int, target_rate: int) -> None:
        common = math.gcd(source_rate, target_rate)
        self._step, self._phases = source_rate // common, target_rate // common
        cutoff = min(1.0, target_rate / source_rate)
        self._half = math.ceil(TAPS / cutoff)
        count = min(self._phases, MOST_PHASES)
        self._filters = [self._filter(phase / count, cutoff) for phase in range(count)]
        self._waiting = array("h", bytes(BYTES_PER_SAMPLE * self._half))
        self._at = 0  # of the next sample that comes out, in 1/phases of a sample of the input

    def feed(self, samples: "array[int]") -> "array[int]":
        """What can be told now."""
        waiting = self._waiting
        waiting.extend(samples)
        width, phases, filters = 2 * self._half, self._phases, self._filters
        told = array("h")
        last = (len(waiting) - width) * phases
        at = self._at
        while at <= last:
            begin, phase = divmod(at, phases)
            weights = filters[phase * len(filters) // phases]
            sound = sum(map(mul, weights, waiting[begin : begin + width]))
            told.append(_clipped(sound))
            at += self._step
        gone = min(at // phases, len(waiting))
        del waiting[:gone]
        self._at = at - gone * phases
        return told

    def _filter(self, offset: float, cutoff: float) -> list[float]:
        """The weights of the samples around a point that lies ``offset`` behind the middle one."""
        half = self._half
        weights = [_windowed_sinc(place - half + 1 - offset, half, cutoff) for place in range(2 * half)]
        total = sum(weights)
        return [weight / total for weight in weights]


def _windowed_sinc(distance: float, half: int, cutoff: float) -> float:
    if abs(distance) >= half:
        return 0.0
    x = math.pi * distance * cutoff
    sinc = math.sin(x) / x if x else 1.0
    return sinc * (0.5 + 0.5 * math.cos(math.pi * distance / half))
