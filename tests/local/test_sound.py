import numpy as np
import pytest
from tests.local.rooms import level_db

from myna.core.audio import BYTES_PER_SAMPLE, HEARING_RATE
from myna.core.ids import TurnId
from myna.engines.base import Samples
from myna.engines.samples import from_pcm16
from myna.local.devices import DEVICE_RATE
from myna.local.echo import EchoRemover
from myna.local.sound import WAITING_S, Sound

BLOCK = DEVICE_RATE // 100


def tone(seconds: float) -> Samples:
    return 0.3 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * DEVICE_RATE)) / DEVICE_RATE).astype(np.float32)


@pytest.mark.parametrize("block", [1, 100, BLOCK, 1024])
def test_what_the_microphone_records_is_heard_at_16_khz_and_what_is_played_goes_out(block: int):
    sound = Sound(4, None)
    sound.player.play(TurnId("turn_a"), tone(0.5))
    recorded = tone(1.0)
    out = np.concatenate([sound.exchange(recorded[at : at + block]) for at in range(0, len(recorded), block)])
    heard = from_pcm16(sound.take_heard())
    assert len(out) == len(recorded)
    assert level_db(out[BLOCK : DEVICE_RATE // 2]) == pytest.approx(level_db(tone(0.5)), abs=0.1)
    assert HEARING_RATE * 0.987 <= len(heard) < HEARING_RATE  # the last 13 ms are held back
    assert level_db(heard) == pytest.approx(level_db(recorded), abs=0.1)
    assert sound.take_heard() == b""


@pytest.mark.parametrize("hz", [9000, 12000, 15500, 20000])
def test_what_16_khz_cannot_hold_is_not_folded_into_it(hz: float):
    sound = Sound(4, None)
    sound.exchange(0.5 * np.sin(2 * np.pi * hz * np.arange(DEVICE_RATE) / DEVICE_RATE).astype(np.float32))
    assert level_db(from_pcm16(sound.take_heard())[200:]) < -60


def test_every_10_ms_give_10_ms():
    sound = Sound(4, None)
    for _ in range(3):
        sound.exchange(tone(0.01))
    sound.take_heard()
    for _ in range(20):
        sound.exchange(tone(0.01))
        assert len(sound.take_heard()) == 160 * BYTES_PER_SAMPLE


def test_what_the_event_loop_does_not_take_is_lost_and_counted_and_no_more():
    sound = Sound(4, None)
    block = np.ones(BLOCK, np.float32)
    for _ in range(int(WAITING_S * 100) + 150):
        sound.exchange(block)
    assert sound.lost_ms == pytest.approx(1500, abs=20)
    assert 0 <= WAITING_S * HEARING_RATE - len(sound.take_heard()) // BYTES_PER_SAMPLE < 160
    sound.exchange(block)
    assert len(sound.take_heard()) == 160 * BYTES_PER_SAMPLE


def test_a_microphone_that_gives_not_even_noise_is_noticed():
    sound = Sound(4, EchoRemover(60))
    for _ in range(100):
        sound.exchange(np.zeros(BLOCK, np.float32))
    assert sound.exact_silence_s == pytest.approx(1.0)
    sound.exchange(np.full(BLOCK, 1e-5, np.float32))
    assert sound.exact_silence_s == 0
    assert sound.blocks == 101
