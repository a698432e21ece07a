import math
from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna_ros.pcm import FORMATS, MEAN, BadAudio, Resampler, from_bytes, mono, samples_of, to_bytes, to_pcm16


def tone(rate: int, hertz: float, seconds: float = 0.5) -> "array[int]":
    at = np.arange(round(rate * seconds)) / rate
    return array("h", (12_000 * np.sin(2 * np.pi * hertz * at)).astype(np.int16).tobytes())


def level(samples: "array[int]") -> float:
    steady = np.array(samples[200:-200], np.float64)
    return float(np.sqrt(np.mean(steady**2)))


@pytest.mark.parametrize("rate", [4_000, 11_025, 12_000, 22_050, 32_000, 44_100, 96_000, 192_000])
def test_a_tone_keeps_its_pitch_and_its_loudness_at_another_rate(rate: int) -> None:
    resampled = np.array(Resampler(rate, 16_000).feed(tone(rate, 1_000)), np.float64)
    assert len(resampled) == pytest.approx(8_000, abs=40)
    at = np.arange(len(resampled)) / 16_000
    steady = slice(400, 7_000)
    wave = np.stack([np.sin(2 * np.pi * 1_000 * at), np.cos(2 * np.pi * 1_000 * at)])[:, steady]
    kept = np.linalg.lstsq(wave.T, resampled[steady], rcond=None)[0]
    assert np.hypot(*kept) == pytest.approx(12_000, rel=0.02)
    rest = resampled[steady] - kept @ wave
    assert np.sqrt(np.mean(rest**2)) < 12_000 * 0.01


@pytest.mark.parametrize("rate", [44_100, 96_000, 192_000])
def test_what_the_new_rate_cannot_hold_is_not_heard_as_something_else(rate: int) -> None:
    assert level(Resampler(rate, 16_000).feed(tone(rate, 12_000))) < level(tone(rate, 12_000)) * 0.02


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 700), max_size=8), st.sampled_from([4_000, 11_025, 44_100]))
def test_it_does_not_matter_how_the_input_is_cut(cuts: list[int], rate: int) -> None:
    sound = tone(rate, 440, 0.05)
    whole, pieces = Resampler(rate, 16_000), Resampler(rate, 16_000)
    told, at = array("h"), 0
    for cut in [*cuts, len(sound)]:
        told.extend(pieces.feed(sound[at : at + cut]))
        at += cut
    assert told == whole.feed(sound[:at])


@given(st.lists(st.integers(-32_768, 32_767), max_size=50))
def test_16_bit_audio_comes_through_as_it_is(numbers: list[int]) -> None:
    little = np.array(numbers, "<i2").tobytes()
    big = np.array(numbers, ">i2").tobytes()
    assert to_bytes(to_pcm16(samples_of(little, "s16le"), "s16le")) == little
    assert to_bytes(to_pcm16(samples_of(big, "s16be"), "s16be")) == little
    assert list(from_bytes(little)) == numbers


@pytest.mark.parametrize(
    ("sample_format", "values", "heard"),
    [
        (
            "f32le",
            np.array([0, 0.5, -1, 7, -7, math.nan, math.inf], "<f4"),
            [0, 16_384, -32_768, 32_767, -32_768, 0, 32_767],
        ),
        ("s32le", np.array([0, 1 << 30, -(1 << 31), (1 << 31) - 1], "<i4"), [0, 16_384, -32_768, 32_767]),
        ("u8", np.array([128, 192, 0, 255], "u1"), [0, 16_384, -32_768, 32_512]),
    ],
)
def test_other_formats_are_as_loud(sample_format: str, values: np.ndarray, heard: list[int]) -> None:
    assert list(to_pcm16(samples_of(values.tobytes(), sample_format), sample_format)) == heard


def test_one_channel_of_several_is_heard_or_all_mixed() -> None:
    frames = array("h", [1, 100, 3, 102, 5, 104])
    assert list(mono(frames, 2, 0)) == [1, 3, 5]
    assert list(mono(frames, 2, 1)) == [100, 102, 104]
    assert list(to_pcm16(mono(frames, 2, MEAN), "s16le")) == [50, 52, 54]


@pytest.mark.parametrize(("samples", "channels", "channel"), [([1, 2, 3], 2, 0), ([1, 2], 2, 2), ([1, 2], 2, -2)])
def test_channels_that_are_not_there_are_told(samples: list[int], channels: int, channel: int) -> None:
    with pytest.raises(BadAudio):
        mono(array("h", samples), channels, channel)


@given(st.binary(max_size=64), st.sampled_from([*FORMATS, "mp3"]))
def test_any_bytes_are_samples_or_told(data: bytes, sample_format: str) -> None:
    try:
        samples = samples_of(data, sample_format)
    except BadAudio:
        return
    assert len(to_pcm16(samples, sample_format)) == len(samples)
