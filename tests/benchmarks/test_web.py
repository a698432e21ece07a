import math

import numpy as np
import pytest
from tests.end_to_end.sink import RATE, Order, Sounded, mouth_lag_ms, silent_after_ms

from benchmarks import web

START = 5 * RATE


def sounded(samples: np.ndarray, *, orders: tuple[Order, ...] = (), mouth: np.ndarray | None = None) -> Sounded:
    looked = np.zeros((0, 2)) if mouth is None else mouth
    return Sounded(samples.astype(np.float32), START, np.zeros(0, np.float32), list(orders), [], looked)


def syllables(length_s: float) -> np.ndarray:
    """A tone that is loud and silent by chance."""
    loud = np.random.default_rng(3).random(round(length_s * 10)) > 0.5
    at = np.arange(round(length_s * RATE))
    return 0.4 * np.sin(2 * np.pi * 440 * at / RATE) * np.repeat(loud, RATE // 10)


@pytest.mark.parametrize("lag_ms", [-60, 0, 35, 180])
@pytest.mark.parametrize("frames_a_second", [60, 12])
def test_a_mouth_that_lags_is_found_to_lag_by_that(lag_ms: int, frames_a_second: int):
    samples = syllables(8)
    drawn = START + np.arange(RATE, 7 * RATE, RATE // frames_a_second)
    heard_at = drawn - lag_ms * RATE // 1000 - START
    opening = np.array([1 + np.sqrt(np.mean(samples[at - 500 : at + 500] ** 2)) for at in heard_at])
    found_ms, alike = mouth_lag_ms(sounded(samples, mouth=np.stack([drawn, opening], axis=1)))
    assert found_ms == pytest.approx(lag_ms, abs=10)
    assert alike > 0.9


def test_a_mouth_that_moves_by_itself_is_not_alike():
    drawn = START + np.arange(RATE, 7 * RATE, RATE // 60)
    mouth = np.stack([drawn, 1 + np.random.default_rng(4).random(len(drawn))], axis=1)
    _, alike = mouth_lag_ms(sounded(syllables(8), mouth=mouth))
    assert alike < 0.5


def test_silence_counts_from_the_newest_order_to_the_last_sound():
    samples = np.full(3 * RATE, 0.1)
    orders = (Order("pause", START + RATE // 2), Order("pause", START + RATE), Order("flush", START))
    samples[RATE + RATE // 100 :] = 0
    assert silent_after_ms(sounded(samples, orders=orders), "pause") == pytest.approx(10)
    assert silent_after_ms(sounded(samples, orders=orders), "flush") == math.inf
    assert silent_after_ms(sounded(0 * samples, orders=orders), "flush") == 0


def test_it_tells_its_options_without_a_browser(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        web.main(["--help"])
    assert "benchmarks.web" in capsys.readouterr().out
