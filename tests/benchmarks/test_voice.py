import numpy as np
import pytest
from benchmarks.realtime_client import Arrived
from benchmarks.voice import speech_end_s, stages

from myna.core.audio import HEARING_RATE


def test_speech_ends_where_the_clip_falls_below_its_level():
    tone = np.sin(2 * np.pi * 300 * np.arange(HEARING_RATE) / HEARING_RATE)
    noise = np.random.default_rng(1).standard_normal(HEARING_RATE) * 0.002
    clip = np.concatenate([tone * 0.3, noise]).astype(np.float32)
    assert speech_end_s(clip) == pytest.approx(1.0, abs=0.02)
    assert speech_end_s(clip * np.float32(0.1)) == pytest.approx(1.0, abs=0.02)


def test_what_was_done_in_the_silence_is_told_when_it_was_done():
    def timing(at_s: float, stage: str, at_ms: float) -> Arrived:
        return Arrived(at_s, {"type": "myna.timing", "stage": stage, "at_ms": at_ms})

    come = [
        Arrived(10.5, {"type": "input_audio_buffer.speech_stopped"}),
        timing(10.51, "heard", 200.0),
        timing(10.72, "first_audio", 700.0),
    ]
    told = stages(come, 10.0)
    assert told == {"over": pytest.approx(0.5), "heard": pytest.approx(0.22), "first_audio": pytest.approx(0.72)}
