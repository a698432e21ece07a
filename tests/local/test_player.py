"""The player, fed as the event loop feeds it and asked as an audio thread asks it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.core.ids import TurnId
from myna.engines.base import Samples
from myna.local.devices import DEVICE_RATE
from myna.local.player import FADE, LONGEST, Player, Position

TURN, NEXT = TurnId("turn_a"), TurnId("turn_b")
BLOCK = DEVICE_RATE // 100


def tone(seconds: float, hz: float = 300.0) -> Samples:
    return 0.5 * np.cos(2 * np.pi * hz * np.arange(int(seconds * DEVICE_RATE)) / DEVICE_RATE).astype(np.float32)


def played(player: Player, blocks: int, block: int = BLOCK) -> Samples:
    return np.concatenate([player.fill(block) for _ in range(blocks)])


def steepest(samples: Samples) -> float:
    return float(np.abs(np.diff(samples, prepend=0.0, append=0.0)).max())


STEEPEST = 0.5 * 2 * np.pi * 300 / DEVICE_RATE
"""The steepest that the tone is by itself; a click is far steeper."""


def test_all_of_a_reply_is_played_in_order():
    player, reply = Player(4), tone(0.1)
    for at in range(0, len(reply), 1000):
        assert player.play(TURN, reply[at : at + 1000])
    out = played(player, 12)
    np.testing.assert_array_equal(out[FADE : len(reply) - FADE], reply[FADE:-FADE])
    assert not out[len(reply) + FADE :].any()


def test_a_pause_is_silent_within_a_block_and_goes_on_at_the_same_sample():
    player, reply = Player(4), tone(0.2)
    player.play(TURN, reply)
    before = played(player, 5)
    player.pause()
    during = played(player, 10)
    player.resume()
    after = played(player, 20)
    assert not during[FADE:].any()
    stopped = len(before)
    heard = after[: len(reply) - stopped]
    np.testing.assert_array_equal(heard[FADE:-FADE], reply[stopped + FADE : -FADE])


@given(st.integers(1, 1500), st.integers(1, 12), st.integers(1, 12))
def test_nothing_clicks_wherever_it_is_paused_resumed_and_flushed(block: int, first: int, second: int):
    player = Player(4)
    player.play(TURN, tone(0.3))
    pieces = [played(player, first, block)]
    player.pause()
    pieces.append(played(player, 1 + FADE // block, block))
    player.resume()
    pieces.append(played(player, second, block))
    player.flush()
    pieces.append(played(player, 2 + FADE // block, block))
    assert steepest(np.concatenate(pieces)) < 2 * STEEPEST + 1 / FADE


def test_a_flush_forgets_what_was_not_played_and_the_next_reply_plays():
    player = Player(4)
    player.play(TURN, tone(1.0))
    player.pause()
    played(player, 3)
    player.flush()
    player.play(NEXT, tone(0.05))
    out = played(player, 10)
    assert out[FADE:].any()
    assert player.position == Position(NEXT, 50)


def test_the_position_is_what_has_left_the_device():
    player = Player(blocks_ahead=4)
    assert player.position is None
    player.play(TURN, tone(0.1))
    positions: list[int] = []
    for _ in range(16):
        player.fill(BLOCK)
        assert player.position is not None
        positions.append(player.position.played_ms)
    assert positions[:4] == [0, 0, 0, 0]
    assert positions[4:] == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 100, 100]


def test_the_position_stands_while_it_is_paused():
    player = Player(blocks_ahead=2)
    player.play(TURN, tone(1.0))
    played(player, 10)
    player.pause()
    played(player, 50)
    assert player.position == Position(TURN, 100)


def test_of_what_nobody_can_hear_before_long_only_a_minute_is_kept():
    player = Player(4)
    assert player.play(TURN, np.zeros(LONGEST, np.float32))
    assert not player.play(TURN, tone(0.1))
    played(player, 11)
    assert player.play(TURN, tone(0.1))
    player.flush()
    player.fill(BLOCK)
    assert player.play(NEXT, np.zeros(LONGEST, np.float32))


@pytest.mark.parametrize("gap", [0, 1, 5])
def test_a_reply_that_comes_too_late_leaves_a_gap_and_loses_nothing(gap: int):
    player, reply = Player(4), tone(0.1)
    half = len(reply) // 2
    player.play(TURN, reply[:half])
    played(player, 5 + gap)
    player.play(TURN, reply[half:])
    out = played(player, 5)
    np.testing.assert_array_equal(out[FADE:-FADE], reply[half + FADE : -FADE])
