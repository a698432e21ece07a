from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from myna.core.errors import BadConfig
from myna.engines.base import Samples, VADInfo
from myna.engines.samples import to_pcm16
from myna.session.voice_activity import HELD, VoiceActivity
from myna.testing.clock import on_virtual_clock

FRAME = 512


@dataclass
class CountingVAD:
    """Gives each frame its own number as the probability, and keeps what it was fed since the last reset."""

    sample_rate: int = 16_000
    fed: list[list[int]] = field(default_factory=list[list[int]])

    @property
    def info(self) -> VADInfo:
        return VADInfo("counting", self.sample_rate, FRAME)

    def stream(self) -> "CountingVAD":
        return self

    def reset(self) -> None:
        self.fed.append([])

    async def feed(self, samples: Samples) -> Sequence[float]:
        levels = [round(float(frame[0]) * 32768) for frame in samples.reshape(-1, FRAME)]
        self.fed[-1] += levels
        return [level / 32768 for level in levels]


def frames(*levels: int) -> bytes:
    return to_pcm16((np.repeat(np.array(levels), FRAME) / 32768).astype(np.float32))


@on_virtual_clock
async def test_the_vad_is_not_asked_about_silence():
    vad = CountingVAD()
    assert list(await VoiceActivity(vad).judge(frames(*[3] * 50), 0.005)) == [0.0] * 50
    assert vad.fed == []


@on_virtual_clock
async def test_short_silences_reach_the_vad_with_what_follows_and_count_as_silence():
    vad = CountingVAD()
    judged = await VoiceActivity(vad).judge(frames(1000, 3, 4, 2000), 0.005)
    assert vad.fed == [[1000, 3, 4, 2000]]
    assert list(judged) == [1000 / 32768, 0.0, 0.0, 2000 / 32768]


@on_virtual_clock
async def test_behind_a_long_silence_the_vad_begins_anew_with_the_end_of_it():
    vad = CountingVAD()
    quiet = range(3, 23)
    judged = await VoiceActivity(vad).judge(frames(1000, *quiet, 2000, 3000), 0.005)
    assert vad.fed == [[1000], [*quiet[-HELD:], 2000, 3000]]
    assert [round(one * 32768) for one in judged] == [1000, *[0] * 20, 2000, 3000]


@given(levels=st.lists(st.sampled_from([0, 3, 1000, 2000]), max_size=60), sizes=st.lists(st.integers(1, 9), min_size=1))
@on_virtual_clock
async def test_however_the_frames_come_they_are_judged_the_same(levels: list[int], sizes: list[int]):
    whole, pieces = CountingVAD(), CountingVAD()
    at_once = list(await VoiceActivity(whole).judge(frames(*levels), 0.005))
    voice = VoiceActivity(pieces)
    by_piece: list[float] = []
    place = number = 0
    while place < len(levels):
        size = sizes[number % len(sizes)]
        by_piece += await voice.judge(frames(*levels[place : place + size]), 0.005)
        place, number = place + size, number + 1
    assert by_piece == at_once
    assert pieces.fed == whole.fed


def test_a_vad_of_another_sample_rate_is_a_bad_choice():
    with pytest.raises(BadConfig, match="8000 Hz"):
        VoiceActivity(CountingVAD(sample_rate=8000))
