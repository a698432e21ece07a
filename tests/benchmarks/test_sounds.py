from pathlib import Path

import numpy as np
import pytest
from benchmarks.clips import DEBIAN, Recordings
from benchmarks.sounds import LEVEL, MADE, Sound, level, listed, prepare, spread

from myna.core.audio import HEARING_RATE
from myna.engines.samples import to_pcm16, write_wav

TONE = np.sin(2 * np.pi * 440 * np.arange(HEARING_RATE // 2) / HEARING_RATE).astype(np.float32)


def test_sixty_sounds_that_stop_nothing_and_sixty_interruptions_are_listed():
    assert sum(not sound.stops for sound in listed()) >= 60
    assert sum(sound.stops for sound in listed()) >= 60


def test_each_kind_and_each_language_is_there():
    assert {sound.kind for sound in listed()} == {"cough", "backchannel", "noise", "interruption"}
    for kind in ("backchannel", "interruption"):
        assert {sound.language for sound in listed() if sound.kind == kind} == {"zh", "en"}


def test_people_interrupt_as_well():
    assert sum(sound.stops and sound.source != MADE for sound in listed()) >= 20


def test_every_sound_has_a_name_and_a_place_of_its_own():
    assert len({sound.name for sound in listed()}) == len(listed())
    assert len({(sound.clip.source, sound.clip.member) for sound in listed()}) == len(listed())
    assert {sound.source for sound in listed()} <= {"speech", MADE, *DEBIAN}


def test_a_quick_look_sees_all_kinds():
    few = spread(listed(), 20)
    assert {sound.kind for sound in few} == {sound.kind for sound in listed()}
    assert len(few) < len(listed()) / 10


@pytest.mark.parametrize("loudness", [0.01, 0.9])
def test_every_sound_is_as_loud_as_the_others_and_begins_at_once(loudness: float):
    quiet = np.zeros(HEARING_RATE // 10, np.float32)
    sound = level(np.concatenate([quiet, TONE * np.float32(loudness), quiet]))
    assert np.sqrt(np.mean(np.square(sound[:800]))) == pytest.approx(LEVEL, rel=0.01)


@pytest.mark.anyio
async def test_sounds_that_are_there_are_read(tmp_path: Path):
    sound = Sound("a tone", "noise", MADE, "af_heart", "en", "eee")
    here = Recordings(tmp_path, tmp_path)
    here.path(sound.clip).parent.mkdir()
    write_wav(here.path(sound.clip), to_pcm16(TONE), HEARING_RATE)
    assert len((await prepare([sound], here))["a tone"]) == len(TONE)
