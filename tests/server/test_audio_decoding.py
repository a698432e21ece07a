import io
from collections.abc import Callable
from typing import Any, cast

import av
import numpy as np
import pytest
import soundfile

from myna.core.audio import HEARING_RATE
from myna.core.errors import BadAudio
from myna.engines.base import Samples
from myna.server.audio_decoding import LOOK_BACK_S, PIECE_S, decoded_pieces, quietest
from myna.server.audio_encoding import SPEECH_RATE, AudioFormat, SpeechEncoder

HOUR_S = 3600.0


def tone(seconds: float, rate: int = SPEECH_RATE) -> Samples:
    return (0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def wav(samples: Samples, rate: int, subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype=subtype)  # pyright: ignore[reportUnknownMemberType]
    return file.getvalue()


def encoded(samples: Samples, wanted: AudioFormat) -> bytes:
    encoder = SpeechEncoder(wanted, SPEECH_RATE)
    return encoder.feed(samples) + encoder.finish()


def recorded(samples: Samples, container: str, codec: str) -> bytes:
    """As a browser or a telephone records it."""
    file = io.BytesIO()
    with cast(Any, av.open(file, "w", format=container)) as out:
        stream = out.add_stream(codec, rate=SPEECH_RATE, layout="mono")
        for begin in range(0, len(samples), SPEECH_RATE):
            pcm = (samples[np.newaxis, begin : begin + SPEECH_RATE] * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
            frame.sample_rate, frame.pts = SPEECH_RATE, begin
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return file.getvalue()


def pieces(data: bytes, longest_s: float = HOUR_S) -> list[Samples]:
    return list(decoded_pieces(io.BytesIO(data), longest_s))


FILES: dict[str, Callable[[Samples], bytes]] = {
    "wav": lambda samples: encoded(samples, "wav"),
    "mp3": lambda samples: encoded(samples, "mp3"),
    "flac": lambda samples: encoded(samples, "flac"),
    "ogg": lambda samples: encoded(samples, "opus"),
    "aac": lambda samples: encoded(samples, "aac"),
    "webm": lambda samples: recorded(samples, "webm", "libopus"),
    "m4a": lambda samples: recorded(samples, "ipod", "aac"),
    "mp4": lambda samples: recorded(samples, "mp4", "aac"),
    "aiff": lambda samples: recorded(samples, "aiff", "pcm_s16be"),
}


@pytest.mark.parametrize("kind", FILES)
def test_what_people_send_is_read(kind: str) -> None:
    (samples,) = pieces(FILES[kind](tone(2)))
    assert samples.dtype == np.float32
    assert len(samples) / HEARING_RATE == pytest.approx(2, abs=0.15)
    middle = samples[HEARING_RATE // 2 : HEARING_RATE * 3 // 2]
    assert np.abs(np.fft.rfft(middle)).argmax() == 440
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.3 / 2**0.5, rel=0.1)


@pytest.mark.parametrize("rate", [8_000, 11_025, 44_100, 96_000])
def test_any_rate_and_several_channels_are_read(rate: int) -> None:
    (samples,) = pieces(wav(np.stack([tone(1, rate)] * 6, axis=1), rate))
    assert len(samples) == pytest.approx(HEARING_RATE, abs=50)


@pytest.mark.parametrize("rate", [1, 3_999])
def test_a_rate_that_no_recorder_has_is_refused_before_it_becomes_hours(rate: int) -> None:
    file = io.BytesIO()
    soundfile.write(file, tone(0.2, 8_000), rate, format="FLAC")  # pyright: ignore[reportUnknownMemberType]
    with pytest.raises(BadAudio, match=f"sample rate is {rate} Hz"):
        pieces(file.getvalue())


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "FLOAT", "DOUBLE", "ULAW"])
def test_any_width_is_read(subtype: str) -> None:
    (samples,) = pieces(wav(tone(1, HEARING_RATE), HEARING_RATE, subtype))
    assert np.abs(samples).max() == pytest.approx(0.3, abs=0.02)


def test_what_is_louder_than_full_scale_is_clipped() -> None:
    (samples,) = pieces(wav(np.full(HEARING_RATE, 1e30, np.float32), HEARING_RATE, "FLOAT"))
    assert samples.max() == 1


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(value: float) -> None:
    samples = tone(1, HEARING_RATE)
    samples[500] = value
    with pytest.raises(BadAudio, match="no numbers"):
        pieces(wav(samples, HEARING_RATE, "FLOAT"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 5000,
        b"This is a text and no audio. " * 100,
        np.random.default_rng(0).bytes(100_000),
        b"RIFF\xff\xff\xff\xffWAVE",
        encoded(tone(1), "wav")[:44],
        encoded(tone(1), "flac")[:42],
        recorded(tone(1), "ipod", "aac")[:2000],  # what tells how to read it stands at the end
        b"%PDF-1.4 " * 500,
    ],
)
def test_what_holds_no_audio_is_refused(data: bytes) -> None:
    with pytest.raises(BadAudio, match=r"not audio that can be read|no sound"):
        pieces(data)


@pytest.mark.parametrize(
    "playlist",
    [
        "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:9,\nfile://{path}\n#EXT-X-ENDLIST\n",
        "ffconcat version 1.0\nfile {path}\n",
        "ffconcat version 1.0\nfile file:{path}\n",
    ],
)
def test_a_playlist_does_not_reach_other_files(tmp_path_factory: pytest.TempPathFactory, playlist: str) -> None:
    secret = tmp_path_factory.mktemp("private") / "secret.wav"
    secret.write_bytes(wav(tone(1, HEARING_RATE), HEARING_RATE))
    with pytest.raises(BadAudio, match="not audio that can be read"):
        pieces(playlist.format(path=secret).encode())


@pytest.mark.parametrize("kind", ["wav", "mp3", "ogg", "webm", "flac"])
def test_of_a_file_that_was_cut_off_what_is_there_is_read(kind: str) -> None:
    data = FILES[kind](tone(4))
    (samples,) = pieces(data[: len(data) // 2])
    assert len(samples) / HEARING_RATE == pytest.approx(2, abs=0.6)


def test_damage_in_the_middle_loses_no_more_than_itself() -> None:
    data = bytearray(FILES["mp3"](tone(10)))
    begin = len(data) // 2
    data[begin : begin + 2000] = bytes(2000)
    (samples,) = pieces(bytes(data))
    assert len(samples) / HEARING_RATE == pytest.approx(10, abs=1)


def test_a_long_file_comes_in_pieces_that_are_all_of_it() -> None:
    samples = tone(200, HEARING_RATE)
    cut = pieces(wav(samples, HEARING_RATE))
    assert len(cut) > 3
    assert all(
        (PIECE_S - LOOK_BACK_S) * HEARING_RATE <= len(piece) <= (PIECE_S + 1) * HEARING_RATE for piece in cut[:-1]
    )
    assert np.allclose(np.concatenate(cut), samples, atol=1e-3)


def test_a_piece_ends_in_a_pause() -> None:
    samples = tone(70, HEARING_RATE)
    samples[50 * HEARING_RATE : 51 * HEARING_RATE] = 0
    first, _ = pieces(wav(samples, HEARING_RATE))
    assert 50 * HEARING_RATE < len(first) < 51 * HEARING_RATE


def test_the_quietest_place_is_looked_for_behind_the_first() -> None:
    samples = tone(10, HEARING_RATE)
    samples[2 * HEARING_RATE : 3 * HEARING_RATE] = 0
    samples[8 * HEARING_RATE : 9 * HEARING_RATE] = 0
    assert 8 * HEARING_RATE < quietest(samples, 5 * HEARING_RATE) < 9 * HEARING_RATE


@pytest.mark.parametrize("kind", ["wav", "mp3", "flac", "webm", "m4a"])
def test_a_file_that_is_too_long_is_refused(kind: str) -> None:
    with pytest.raises(BadAudio, match=r"longer than 0\.05 minutes"):
        pieces(FILES[kind](tone(4)), longest_s=3)


def test_a_file_whose_header_tells_its_length_is_refused_before_it_is_read() -> None:
    file = io.BytesIO(wav(tone(300, HEARING_RATE), HEARING_RATE))
    with pytest.raises(BadAudio, match="longer"):
        next(decoded_pieces(file, 200))
