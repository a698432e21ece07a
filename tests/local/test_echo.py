"""The echo canceller in synthetic rooms, with recorded speech at both ends."""

import itertools
import statistics
from collections.abc import AsyncGenerator

import jiwer
import numpy as np
import pytest
from tests.engines.recordings import Recording, needs_recordings, recordings
from tests.local.rooms import Room, level_db, noise

from myna.core.audio import HEARING_RATE
from myna.engines.asr.faster_whisper import FasterWhisperOptions
from myna.engines.asr.faster_whisper import plugin as whisper
from myna.engines.base import ASR, VAD, ASROptions, Resources, Samples
from myna.engines.scheduler import open_scheduler
from myna.engines.vad.silero import SileroOptions
from myna.engines.vad.silero import plugin as silero
from myna.local.echo import WARM_UP, EchoRemover
from myna.weights.locate import Weights

LAG = 128
"""How much later what is heard comes out, in samples."""

ROOMS = [
    Room(),
    Room(delay_ms=20, gain=0.1),
    Room(delay_ms=120, gain=0.5, reverberation_s=0.6),
    Room(delay_ms=250, gain=1.0),
]
LEARNED = 4 * HEARING_RATE
"""By then each of the recordings that are played has sounded for longer than `WARM_UP`."""


def played() -> Samples:
    """20 s of what a loudspeaker says."""
    samples = np.concatenate([each.samples for each in recordings()[:4]])
    return (samples * np.float32(0.5 / np.abs(samples).max())).astype(np.float32)


def cleaned(near: Samples, far: Samples, piece: int = 233) -> Samples:
    remover = EchoRemover(60)
    pieces = [remover.clean(near[at : at + piece], far[at : at + piece]) for at in range(0, len(near), piece)]
    return np.concatenate(pieces)


def spoken_over(far: Samples, each: Recording, at: int) -> Samples:
    """What somebody says meanwhile, at -26 dBFS, as loud as people speak into a laptop."""
    near, voice = np.zeros_like(far), each.samples[: len(far) - at]
    near[at : at + len(voice)] = voice * 10 ** ((-26 - level_db(voice)) / 20)
    return near


@needs_recordings
@pytest.mark.parametrize("room", ROOMS, ids=str)
def test_an_echo_is_gone_once_the_room_is_known(room: Room):
    far = played()
    echo = room.echo(far)
    heard = cleaned(echo + noise(len(far)), far)
    assert level_db(echo[LEARNED:]) - level_db(heard[LEARNED:]) >= 15


@needs_recordings
@pytest.mark.parametrize("room", ROOMS, ids=str)
def test_who_speaks_over_the_loudspeaker_is_still_heard(room: Room):
    far = played()
    alike: list[float] = []
    for each in recordings()[5:9]:
        near = spoken_over(far, each, 6 * HEARING_RATE)
        heard = cleaned(room.echo(far) + near + noise(len(far)), far)
        said = slice(6 * HEARING_RATE, 6 * HEARING_RATE + len(each.samples))
        alike.append(float(np.corrcoef(near[said], heard[LAG:][said][: len(near[said])])[0, 1]))
    assert min(alike) > 0.5
    assert statistics.mean(alike) > 0.7


@needs_recordings
def test_nothing_of_the_echo_is_heard_before_the_room_is_known():
    far = played()
    heard = cleaned(Room(gain=1.0).echo(far) + noise(len(far)), far)
    sounding = np.flatnonzero(np.abs(far) > 0.05)
    assert not heard[sounding[0] : sounding[0] + WARM_UP // 2].any()


@needs_recordings
def test_without_anything_played_the_microphone_is_heard_from_the_start():
    voice = recordings()[0].samples
    heard = cleaned(voice, np.zeros_like(voice))
    assert np.corrcoef(voice[: len(heard) - LAG], heard[LAG:])[0, 1] > 0.9


@pytest.mark.parametrize("piece", [1, 159, 160, 1000])
def test_what_comes_in_comes_out_in_whole_frames(piece: int):
    near = noise(4000)
    assert len(cleaned(near, np.zeros_like(near), piece)) == 4000 - 4000 % 160


@needs_recordings
@pytest.mark.models
@pytest.mark.anyio
class TestWithRealEars:
    @pytest.fixture
    async def ears(self, weights: Weights, anyio_backend: str) -> AsyncGenerator[tuple[VAD, ASR]]:
        async with open_scheduler({"cpu": 2}) as scheduler:
            resources = Resources(weights, scheduler)
            async with (
                silero.open(SileroOptions(), resources) as vad,
                whisper.open(FasterWhisperOptions(), resources) as asr,
            ):
                yield vad, asr

    async def test_no_speech_is_heard_in_what_is_left_of_an_echo(self, ears: tuple[VAD, ASR]):
        vad, _ = ears
        far = played()
        for delay_ms, gain in itertools.product((30, 120, 250), (0.1, 1.5)):
            heard = cleaned(Room(delay_ms, gain).echo(far) + noise(len(far)), far)
            assert max(await vad.stream().feed(heard)) < 0.5

    async def test_who_interrupts_is_understood_nearly_as_well_as_without_a_loudspeaker(self, ears: tuple[VAD, ASR]):
        vad, asr = ears
        begins = 6 * HEARING_RATE
        far, errors = played(), {"alone": 0.0, "interrupting": 0.0}
        far[begins + HEARING_RATE * 3 // 10 :] = 0  # when a reply pauses
        chosen = recordings()[5:8]
        for each in chosen:
            near = np.add(spoken_over(far, each, begins), noise(len(far)), dtype=np.float32)
            said = slice(begins - HEARING_RATE // 4, begins + len(each.samples) + HEARING_RATE // 4)
            interrupting = cleaned(Room().echo(far) + near, far)
            assert np.mean(np.array(await vad.stream().feed(interrupting[said])) > 0.5) > 0.4
            for how, samples in (("alone", near), ("interrupting", interrupting)):
                transcript = await asr.transcribe(samples[said], ASROptions(language="zh"))
                errors[how] += float(jiwer.cer(each.text, transcript.text)) / len(chosen)
        assert errors["interrupting"] <= errors["alone"] + 0.15
