import io
from typing import get_args

import numpy as np
import pytest
from tests.server.test_audio_decoding import tone

from myna.core.audio import HEARING_RATE
from myna.engines.samples import to_pcm16
from myna.server.audio_decoding import decoded_pieces
from myna.server.audio_encoding import MEDIA_TYPES, SPEECH_RATE, AudioFormat, SpeechEncoder

FORMATS: tuple[AudioFormat, ...] = get_args(AudioFormat)
FILES = [each for each in FORMATS if each != "pcm"]


@pytest.mark.parametrize("wanted", FORMATS)
@pytest.mark.parametrize("rate", [16_000, 22_050, SPEECH_RATE, 48_000])
def test_everything_leaves_at_24_khz_whatever_the_tts_gives(wanted: AudioFormat, rate: int) -> None:
    encoder = SpeechEncoder(wanted, rate)
    samples = tone(2, rate)
    data = b"".join(encoder.feed(samples[i : i + 3000]) for i in range(0, len(samples), 3000)) + encoder.finish()
    if wanted == "pcm":
        heard, at = np.frombuffer(data, "<i2") / 32768, SPEECH_RATE
    else:
        heard, at = np.concatenate(list(decoded_pieces(io.BytesIO(data), 60))), HEARING_RATE
    assert len(heard) / at == pytest.approx(2, abs=0.15)
    assert np.abs(np.fft.rfft(heard[at // 2 : at * 3 // 2])).argmax() == 440


@pytest.mark.parametrize("wanted", FORMATS)
def test_most_of_it_is_ready_before_the_end(wanted: AudioFormat) -> None:
    encoder = SpeechEncoder(wanted, SPEECH_RATE)
    before = len(encoder.feed(tone(3)))
    assert before > 5 * len(encoder.finish())


@pytest.mark.parametrize("wanted", ["flac", "wav", "pcm"])
def test_what_loses_nothing_is_exact(wanted: AudioFormat) -> None:
    encoder = SpeechEncoder(wanted, SPEECH_RATE)
    samples = tone(1)
    data = encoder.feed(samples) + encoder.finish()
    if wanted == "wav":
        assert data[44:] == to_pcm16(samples)
    elif wanted == "pcm":
        assert data == to_pcm16(samples)
    else:
        (heard,) = decoded_pieces(io.BytesIO(data), 60)
        assert len(heard) == pytest.approx(HEARING_RATE, abs=20)


@pytest.mark.parametrize("wanted", FILES)
def test_a_file_tells_nothing_of_what_wrote_it(wanted: AudioFormat) -> None:
    encoder = SpeechEncoder(wanted, SPEECH_RATE)
    assert b"Lavf" not in encoder.feed(tone(1)) + encoder.finish()


def test_every_format_has_a_media_type() -> None:
    assert set(MEDIA_TYPES) == set(FORMATS)
