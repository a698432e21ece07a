import io
import os
import stat
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from myna.core.errors import BadAudio, BadInput
from myna.engines import samples as module
from myna.engines.base import Samples
from myna.engines.samples import check_writable, from_pcm16, read_audio, resample, to_pcm16, write_wav

RATE = 16_000


def tone(seconds: float, sample_rate: int, hertz: float = 440) -> Samples:
    time_s = np.arange(round(seconds * sample_rate)) / sample_rate
    return (0.5 * np.sin(2 * np.pi * hertz * time_s)).astype(np.float32)


def pitch(samples: Samples, sample_rate: int) -> float:
    """The strongest frequency in Hz."""
    return float(np.abs(np.fft.rfft(samples)).argmax()) * sample_rate / len(samples)


def write(path: Path, samples: Samples, sample_rate: int, subtype: str | None = None) -> Path:
    soundfile.write(path, samples, sample_rate, subtype)
    return path


@given(st.binary(max_size=200).filter(lambda pcm: len(pcm) % 2 == 0))
def test_pcm_comes_back_as_it_was(pcm: bytes):
    assert to_pcm16(from_pcm16(pcm)) == pcm


@given(st.lists(st.floats(-3, 3, width=32)))
def test_whatever_is_too_loud_for_pcm_is_clipped(values: list[float]):
    samples = np.array(values, np.float32)
    assert from_pcm16(to_pcm16(samples)) == pytest.approx(np.clip(samples, -1, 1), abs=1 / 32768)


def test_half_a_sample_is_refused():
    with pytest.raises(BadAudio, match="3 bytes"):
        from_pcm16(b"abc")


@pytest.mark.parametrize("wanted", [8000, 24000, 44100])
def test_resampling_keeps_pitch_and_duration(wanted: int):
    resampled = resample(tone(1, RATE), RATE, wanted)
    assert resampled.dtype == np.float32
    assert len(resampled) == pytest.approx(wanted, abs=2)
    assert pitch(resampled, wanted) == pytest.approx(440, abs=2)


@pytest.mark.parametrize("sample_rate", [8000, 16000, 22050, 44100, 48000, 96000])
@pytest.mark.parametrize("width", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW"])
def test_a_wav_of_any_rate_and_width_is_read(tmp_path: Path, sample_rate: int, width: str):
    path = write(tmp_path / "a.wav", tone(0.5, sample_rate), sample_rate, subtype=width)
    samples = read_audio(path, RATE)
    assert samples.dtype == np.float32
    assert samples.shape == pytest.approx((RATE / 2,), abs=2)
    assert pitch(samples, RATE) == pytest.approx(440, abs=4)
    assert np.abs(samples).max() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("name", ["a.flac", "a.ogg", "a.mp3", "a.aiff"])
def test_other_formats_are_read(tmp_path: Path, name: str):
    samples = read_audio(write(tmp_path / name, tone(1, 48000), 48000), RATE)
    assert len(samples) == pytest.approx(RATE, rel=0.1)
    assert pitch(samples, RATE) == pytest.approx(440, abs=4)


def test_what_a_file_is_counts_and_not_how_it_is_called(tmp_path: Path):
    path = tmp_path / "a.txt"
    write(tmp_path / "a.flac", tone(1, RATE), RATE).rename(path)
    assert len(read_audio(path, RATE)) == RATE


def test_channels_are_mixed(tmp_path: Path):
    left, right = tone(1, RATE, 440), tone(1, RATE, 1000)
    samples = read_audio(write(tmp_path / "a.wav", np.stack([left, right], axis=1), RATE), RATE)
    assert samples == pytest.approx((left + right) / 2, abs=0.001)


def test_what_is_louder_than_full_scale_is_clipped(tmp_path: Path):
    samples = read_audio(write(tmp_path / "a.wav", 4 * tone(1, RATE), RATE, subtype="FLOAT"), RATE)
    assert np.abs(samples).max() == 1


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_of_a_truncated_wav_what_is_there_is_read(tmp_path: Path, kept: float):
    path = write(tmp_path / "a.wav", tone(2, RATE), RATE)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    samples = read_audio(path, RATE)
    assert len(samples) == pytest.approx(2 * RATE * kept, rel=0.05)
    assert samples == pytest.approx(tone(2, RATE)[: len(samples)], abs=0.001)


def bad(path: Path) -> BadAudio:
    with pytest.raises(BadAudio) as caught:
        read_audio(path, RATE)
    assert str(path) in caught.value.message
    assert caught.value.hint
    return caught.value


def test_a_missing_file_is_named(tmp_path: Path):
    assert "There is no file" in bad(tmp_path / "question.wav").message


def test_a_folder_is_no_audio_file(tmp_path: Path):
    assert "folder" in bad(tmp_path).message


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.raw", "a"])
def test_an_empty_file_is_named(tmp_path: Path, name: str):
    (tmp_path / name).touch()
    assert "is empty" in bad(tmp_path / name).message


@pytest.mark.parametrize("name", ["a.wav", "a.mp3", "a.raw", "a.m4a"])
@pytest.mark.parametrize("content", [b"This is a letter, and no sound at all." * 50, bytes(5000), b"RIFF"])
def test_what_is_no_audio_is_told_how_to_convert(tmp_path: Path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)
    assert "ffmpeg" in bad(tmp_path / name).hint


def test_a_wav_without_samples_is_named(tmp_path: Path):
    assert "no audio" in bad(write(tmp_path / "a.wav", np.zeros(0, np.float32), RATE)).message


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_refused(tmp_path: Path, value: float):
    samples = tone(3, RATE)
    samples[-5] = value
    assert "no numbers" in bad(write(tmp_path / "a.wav", samples, RATE, subtype="FLOAT")).message


def test_a_file_of_hours_is_refused_before_it_is_read(tmp_path: Path):
    path = tmp_path / "a.wav"
    with path.open("wb") as file, wave.open(file, "wb") as wav:
        wav.setparams((1, 1, 8000, 0, "NONE", ""))
        wav.writeframes(bytes(8000))
    whole = bytearray(path.read_bytes())
    hours = 3 * 3600 * 8000
    whole[4:8] = (36 + hours).to_bytes(4, "little")
    whole[40:44] = hours.to_bytes(4, "little")
    path.write_bytes(whole)
    os.truncate(path, 44 + hours)
    assert "longer than 30 minutes" in bad(path).message


def test_a_file_that_does_not_say_how_long_it_is_is_read_no_further_than_the_longest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "LONGEST_S", 2)
    path = write(tmp_path / "a.wav", tone(3, RATE), RATE)
    assert "longer than" in bad(path).message
    path = write(tmp_path / "b.wav", tone(2, RATE), RATE)
    assert len(read_audio(path, RATE)) == 2 * RATE


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path):
    assert "cannot be read: File name too long" in bad(tmp_path / ("a" * 300 + ".wav")).message


def test_what_was_written_is_read_again(tmp_path: Path):
    path = tmp_path / "reply.wav"
    write_wav(path, to_pcm16(tone(1, 24000)), 24000)
    assert soundfile.info(path).samplerate == 24000
    assert read_audio(path, 24000) == pytest.approx(tone(1, 24000), abs=0.001)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_there_is_replaced_through_its_link(tmp_path: Path):
    (tmp_path / "real.wav").write_bytes(b"old")
    (tmp_path / "reply.wav").symlink_to(tmp_path / "real.wav")
    write_wav(tmp_path / "reply.wav", bytes(100), RATE)
    assert (tmp_path / "reply.wav").is_symlink()
    assert len(read_audio(tmp_path / "real.wav", RATE)) == 50


def test_a_device_is_written_to_and_stays_a_device():
    write_wav(Path(os.devnull), bytes(100), RATE)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_is_told():
    with pytest.raises(BadInput, match="/dev/full cannot be written: No space left"):
        write_wav(Path("/dev/full"), bytes(100), RATE)


def test_when_the_disk_is_full_the_old_file_stays_and_nothing_half_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "reply.wav"
    path.write_bytes(b"old")
    part = tmp_path / f".{path.name}.{os.getpid()}.part"
    part.symlink_to("/dev/full")
    with pytest.raises(BadInput, match="No space left"):
        write_wav(path, bytes(100), RATE)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def write_nothing(path: Path) -> None:
    write_wav(path, b"", RATE)


@pytest.mark.parametrize("attempt", [check_writable, write_nothing])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, attempt: Callable[[Path], None]):
    with pytest.raises(BadInput, match="it is a folder"):
        attempt(tmp_path)
    with pytest.raises(BadInput, match="there is no folder"):
        attempt(tmp_path / "missing" / "reply.wav")
    with pytest.raises(BadInput, match="File name too long"):
        attempt(tmp_path / ("a" * 300))


@pytest.mark.skipif(not Path("/proc/sys").is_dir(), reason="there is no read-only folder")
def test_a_read_only_folder_is_named():
    with pytest.raises(BadInput, match=r"/proc/sys/reply\.wav cannot be written"):
        write_wav(Path("/proc/sys/reply.wav"), bytes(100), RATE)


def test_a_place_that_can_be_written_passes(tmp_path: Path):
    check_writable(tmp_path / "reply.wav")
    (tmp_path / "reply.wav").touch()
    check_writable(tmp_path / "reply.wav")
    assert (tmp_path / "reply.wav").read_bytes() == b""


def test_a_wav_of_ours_is_a_wav_to_others(tmp_path: Path):
    write_wav(tmp_path / "a.wav", bytes(100), 24000)
    with wave.open(io.BytesIO((tmp_path / "a.wav").read_bytes())) as wav:
        assert (wav.getnchannels(), wav.getsampwidth(), wav.getframerate(), wav.getnframes()) == (1, 2, 24000, 50)
