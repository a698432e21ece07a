import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.local.rooms import level_db

from myna.core.audio import HEARING_RATE
from myna.engines.base import Samples
from myna.local.decimate import DEVICE_RATE, Decimator


def tone(hz: float, rate: int) -> Samples:
    return np.sin(2 * np.pi * hz * np.arange(rate) / rate).astype(np.float32)


@pytest.mark.parametrize("hz", [100, 1000, 6000])
def test_speech_goes_through_one_millisecond_late(hz: float):
    heard = Decimator().feed(tone(hz, DEVICE_RATE))
    late = HEARING_RATE // 1000
    difference = heard[100:] - tone(hz, HEARING_RATE)[100 - late : -late]
    assert level_db(difference) < level_db(heard) - 40


@pytest.mark.parametrize("hz", [9000, 12000, 15500, 20000])
def test_what_16_khz_cannot_hold_is_not_folded_into_it(hz: float):
    assert level_db(Decimator().feed(tone(hz, DEVICE_RATE))[100:]) < -60


@given(st.lists(st.integers(0, 700), max_size=20))
def test_the_same_comes_out_however_it_is_cut(sizes: list[int]):
    samples = np.random.default_rng(0).standard_normal(sum(sizes)).astype(np.float32)
    pieces = np.split(samples, np.cumsum(sizes)[:-1]) if sizes else []
    decimator = Decimator()
    cut = [decimator.feed(piece) for piece in pieces]
    np.testing.assert_allclose(
        np.concatenate([np.zeros(0, np.float32), *cut]), Decimator().feed(samples), rtol=0, atol=1e-5
    )


def test_every_10_ms_give_10_ms():
    decimator = Decimator()
    assert [len(decimator.feed(np.zeros(480, np.float32))) for _ in range(5)] == [160] * 5
