import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from myna.engines.base import Samples
from myna.engines.tts.waveform import CEILING, LEAD_S, LOUDNESS_LUFS, finish, loudness_lufs, restyle

RATE = 24_000


def tone(hertz: float, seconds: float, level: float = 0.3) -> Samples:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def loudest_hz(samples: Samples) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax()) * RATE / len(samples)


def noise(samples: int) -> Samples:
    return np.random.default_rng(0).uniform(-1, 1, samples).astype(np.float32)


@pytest.mark.parametrize("speed", [0.5, 0.92, 1.0, 1.08, 1.25, 2.0])
@pytest.mark.parametrize("semitones", [-12.0, -1.0, 0.0, 1.0, 3.0, 12.0])
def test_speed_changes_the_length_and_semitones_the_pitch_and_neither_the_other(speed: float, semitones: float) -> None:
    spoken = tone(200, 2)
    restyled = restyle(spoken, RATE, speed, semitones)
    assert len(spoken) / len(restyled) == pytest.approx(speed, rel=0.001)
    middle = restyled[RATE // 10 : -RATE // 10]
    assert loudest_hz(middle) == pytest.approx(200 * 2 ** (semitones / 12), rel=0.01)
    assert float(np.std(middle)) == pytest.approx(float(np.std(spoken)), rel=0.05)


def test_the_voices_own_style_is_left_as_it_is() -> None:
    assert np.array_equal(restyle(noise(5000), RATE, 1.0, 0.0), noise(5000))


@given(length=st.integers(0, 5000), speed=st.floats(0.5, 2), semitones=st.floats(-12, 12))
@settings(deadline=None)
def test_samples_of_any_number_can_be_restyled(length: int, speed: float, semitones: float) -> None:
    restyled = restyle(noise(length), RATE, speed, semitones)
    assert abs(len(restyled) - length / speed) <= 4
    assert np.all(np.isfinite(restyled))


@given(before=st.floats(0, 1), after=st.floats(0, 1), pause_s=st.floats(0, 0.5), level=st.floats(0.05, 1))
@settings(deadline=None)
def test_silence_at_the_ends_becomes_a_short_lead_and_the_pause(
    before: float, after: float, pause_s: float, level: float
) -> None:
    spoken = np.concatenate((tone(200, before, 0), tone(200, 1, level), tone(200, after, 0)))
    finished = finish(spoken, RATE, pause_s)
    assert len(finished) / RATE == pytest.approx(LEAD_S + 1 + pause_s, abs=0.011)  # to two frames
    assert finished[0] == finished[-1] == 0
    assert loudness_lufs(finished[RATE // 4 : RATE], RATE) == pytest.approx(LOUDNESS_LUFS, abs=0.3)


@pytest.mark.parametrize(("hertz", "lufs"), [(997, -3.01), (10_000, 0.3)])
def test_loudness_is_that_of_the_standard(hertz: float, lufs: float) -> None:
    """ITU-R BS.1770-4: a full sine of 997 Hz in one channel is -3.01 LKFS; treble counts 4 dB more than bass."""
    assert loudness_lufs(tone(hertz, 3, 1.0), RATE) == pytest.approx(lufs, abs=0.3)


def test_pauses_do_not_count_for_the_loudness() -> None:
    speech, pause = tone(300, 2), tone(300, 2, 0)
    assert loudness_lufs(np.concatenate((speech, pause)), RATE) == pytest.approx(loudness_lufs(speech, RATE), abs=0.5)


def test_a_peak_stays_below_the_ceiling_and_leaves_the_rest_as_loud() -> None:
    spoken = tone(200, 2, 0.05)
    calm = finish(spoken, RATE, 0.1)
    spoken[RATE] = 1
    peaked = finish(spoken, RATE, 0.1)
    assert float(np.abs(peaked).max()) <= CEILING + 1e-6
    assert float(np.std(peaked[: RATE // 2])) == pytest.approx(float(np.std(calm[: RATE // 2])), rel=0.15)


@given(levels=st.lists(st.floats(0, 3), min_size=1, max_size=20))
@settings(deadline=None)
def test_nothing_is_ever_above_the_ceiling(levels: list[float]) -> None:
    finished = finish(np.concatenate([tone(200, 0.1, level) for level in levels]), RATE, 0.1)
    assert float(np.abs(finished).max(initial=0)) <= CEILING + 1e-6


def test_what_is_nearly_silent_is_not_made_loud() -> None:
    assert float(np.abs(finish(tone(200, 1, 0.001), RATE, 0.1)).max()) < 0.01


@pytest.mark.parametrize("length", [0, 1, 50_000])
def test_silence_gives_nothing(length: int) -> None:
    assert len(finish(np.zeros(length, np.float32), RATE, 0.3)) == 0
