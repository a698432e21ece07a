"""Sounds that nobody made with a voice, at 16 kHz and full scale."""

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from myna.core.audio import HEARING_RATE

Sound = NDArray[np.float64]


def _full_scale(sound: Sound) -> Sound:
    return sound / np.abs(sound).max()


def _time_s(seconds: float) -> Sound:
    return np.arange(round(seconds * HEARING_RATE)) / HEARING_RATE


def noise(seconds: float, exponent: float = 0, seed: int = 1) -> Sound:
    """White (0), pink (1) or brown (2): power falls with the frequency to this exponent."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(len(_time_s(seconds))))
    frequencies = np.arange(1, len(spectrum) + 1)
    return _full_scale(np.fft.irfft(spectrum / frequencies ** (exponent / 2), len(_time_s(seconds))))


def tones(seconds: float, *hertz: float) -> Sound:
    """Steady tones together; 350 and 440 Hz are a dial tone."""
    return _full_scale(np.sum([np.sin(2 * np.pi * each * _time_s(seconds)) for each in hertz], axis=0))


def fan(seconds: float) -> Sound:
    """Rumble and a motor's hum, louder and softer seven times a second."""
    swell = 1 + 0.2 * np.sin(2 * np.pi * 7 * _time_s(seconds))
    return _full_scale((0.7 * noise(seconds, 1.5, 2) + 0.3 * tones(seconds, 120, 240, 360)) * swell)


def _struck(seconds: float, note: int) -> Sound:
    hertz = 440 * 2 ** ((note - 69) / 12)
    overtones = [np.sin(2 * np.pi * hertz * k * _time_s(seconds)) / k**1.5 for k in range(1, 6)]
    return np.sum(overtones, axis=0) * np.exp(-1.5 * _time_s(seconds))


def chords(seconds: float) -> Sound:
    """C, A minor, F and G, struck twice a second."""
    sound = np.zeros(len(_time_s(seconds)))
    for beat, first in enumerate(range(0, len(sound), HEARING_RATE // 2)):
        for note in ((60, 64, 67), (57, 60, 64), (53, 57, 60), (55, 59, 62))[beat // 2 % 4]:
            sound[first : first + HEARING_RATE] += _struck(1, note)[: len(sound) - first]
    return _full_scale(sound)


def touch_tones(seconds: float) -> Sound:
    """A number dialled on a telephone."""
    keys = [tones(0.15, *pair) for pair in ((697, 1209), (770, 1336), (852, 1477), (941, 1336))]
    dialled = np.concatenate([np.concatenate([keys[at % 4], np.zeros(1600)]) for at in range(int(seconds * 4) + 1)])
    return dialled[: len(_time_s(seconds))]


def coughs(seconds: float) -> Sound:
    """Bursts of coloured noise that die away, one and a half a second."""
    sound = np.zeros(len(_time_s(seconds)))
    burst = noise(0.25, 0.6, 3) * np.minimum(1, _time_s(0.25) / 0.005) * np.exp(-_time_s(0.25) / 0.06)
    for first in range(HEARING_RATE // 4, len(sound) - len(burst), HEARING_RATE * 2 // 3):
        sound[first : first + len(burst)] += burst
    return _full_scale(sound)


def drums(seconds: float) -> Sound:
    """Bass drum and snare in turn, four a second."""
    beat = _time_s(0.25)
    bass = np.sin(2 * np.pi * (60 + 80 * np.exp(-30 * beat)) * beat) * np.exp(-18 * beat)
    snare = 0.6 * noise(0.25, 0, 6) * np.exp(-30 * beat)
    return _full_scale(np.tile(np.concatenate([bass, snare]), int(seconds * 2) + 1)[: len(_time_s(seconds))])


NOISES: Mapping[str, Callable[[float], Sound]] = {
    "white noise": noise,
    "pink noise": partial(noise, exponent=1),
    "brown noise": partial(noise, exponent=2),
    "a fan": fan,
    "mains hum": lambda seconds: tones(seconds, 50, 100, 150, 250),
    "a dial tone": lambda seconds: tones(seconds, 350, 440),
    "touch tones": touch_tones,
    "coughs": coughs,
    "chords": chords,
    "drums": drums,
    "a band": lambda seconds: _full_scale(chords(seconds) + 0.6 * drums(seconds)),
}
