from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.engines.asr.windows import AUDIBLE, MARGIN_S, PAUSE_S, Window, speech_windows

FRAME_S = 0.032
LONGEST_S = 20.0


def probabilities(*stretches: tuple[float, float]) -> np.ndarray:
    """So many seconds of so much probability, one after another."""
    return np.concatenate([np.full(round(seconds / FRAME_S), each, np.float32) for seconds, each in stretches])


def windows(judged: np.ndarray) -> list[tuple[float, float]]:
    """In seconds."""
    return [(each.first * FRAME_S, each.end * FRAME_S) for each in speech_windows(judged, FRAME_S, LONGEST_S)]


@given(st.lists(st.tuples(st.floats(0, 40), st.floats(0, 1, width=32)), min_size=1, max_size=20))
def test_every_audible_frame_is_in_exactly_one_window(stretches: list[tuple[float, float]]):
    judged = probabilities(*stretches)
    found = speech_windows(judged, FRAME_S, LONGEST_S)
    assert all(0 <= each.first < each.end <= len(judged) for each in found)
    assert all((each.end - each.first) * FRAME_S <= LONGEST_S for each in found)
    assert all(each.end <= later.first for each, later in pairwise(found))
    covered = np.zeros(len(judged), bool)
    for each in found:
        covered[each.first : each.end] = True
    assert covered[judged >= AUDIBLE].all()


def test_where_nobody_speaks_there_is_no_window():
    assert windows(probabilities((60, AUDIBLE - 0.01))) == []
    assert list(speech_windows(np.zeros(0, np.float32), FRAME_S, LONGEST_S)) == []


def test_an_utterance_is_one_window_with_a_margin():
    [(first, end)] = windows(probabilities((2, 0), (3, 0.9), (2, 0)))
    assert (first, end) == (pytest.approx(2 - MARGIN_S, abs=0.05), pytest.approx(5 + MARGIN_S, abs=0.05))


def test_the_margin_ends_where_the_audio_ends():
    assert speech_windows(np.ones(10, np.float32), FRAME_S, LONGEST_S) == [Window(0, 10)]


def test_a_short_pause_does_not_part_and_a_long_one_does():
    assert len(windows(probabilities((3, 0.9), (PAUSE_S - 0.2, 0), (3, 0.9)))) == 1
    assert len(windows(probabilities((3, 0.9), (PAUSE_S + 0.2, 0), (3, 0.9)))) == 2


def test_what_is_too_long_is_cut_in_its_deepest_pause():
    judged = probabilities((11, 0.9), (0.5, 0.4), (4, 0.9), (0.5, 0.05), (14, 0.9))
    (_, cut), (again, _) = windows(judged)
    assert cut == again == pytest.approx(15.75, abs=0.3)


def test_speech_without_a_pause_is_cut_all_the_same():
    found = windows(probabilities((70, 1.0)))
    assert found[0][0] == 0
    assert found[-1][1] == pytest.approx(70, abs=FRAME_S)
