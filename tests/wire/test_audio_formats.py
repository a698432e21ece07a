from typing import Any, Literal, cast

import av
import numpy as np
import pytest
import soxr
from hypothesis import given
from hypothesis import strategies as st

from myna.core.errors import BadInput
from myna.wire.audio_formats import A_LAW, MU_LAW, AudioFormat, AudioIn, AudioOut, Law

EVERY_SAMPLE = np.arange(-32768, 32768, dtype=np.int16)
EVERY_CODE = bytes(range(256))
LAWS = [(MU_LAW, "pcm_mulaw"), (A_LAW, "pcm_alaw")]
RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000, 96_000]


def tone(hertz: float, rate: int, seconds: float = 1.0) -> bytes:
    at = np.arange(int(rate * seconds)) / rate
    return (np.sin(2 * np.pi * hertz * at) * 16_000).astype("<i2").tobytes()


def level(pcm: bytes, rate: int, hertz: float) -> float:
    """How strong a tone is in the middle of the audio; 1 is that of `tone`."""
    samples = np.frombuffer(pcm, "<i2")[rate // 4 : 3 * rate // 4].astype(float)
    wave = np.exp(-2j * np.pi * hertz * np.arange(len(samples)) / rate)
    return float(np.abs(np.mean(samples * wave)) * 2 / 16_000)


def power(pcm: bytes, rate: int) -> float:
    """The level of everything together, on the scale of `level`."""
    samples = np.frombuffer(pcm, "<i2")[rate // 4 : 3 * rate // 4].astype(float)
    return float(np.sqrt(np.mean(samples**2) * 2) / 16_000)


def at_8_khz(codec: str, mode: Literal["r", "w"]) -> Any:
    context: Any = cast(Any, av.CodecContext).create(codec, mode)
    context.sample_rate, context.layout, context.format = 8_000, "mono", "s16"
    return context


# --------------------------------------------------------------------------------------------------------------- G.711


@pytest.mark.parametrize(("law", "codec"), LAWS)
def test_every_sample_has_the_code_that_ffmpeg_gives_it(law: Law, codec: str) -> None:
    frame = av.AudioFrame.from_ndarray(EVERY_SAMPLE[None], format="s16", layout="mono")
    frame.sample_rate = 8_000
    encoder = at_8_khz(codec, "w")
    packets = [*encoder.encode(frame), *encoder.encode(None)]
    assert law.compress(EVERY_SAMPLE.tobytes()) == b"".join(bytes(packet) for packet in packets)


@pytest.mark.parametrize(("law", "codec"), LAWS)
def test_every_code_is_the_sample_that_ffmpeg_makes_of_it(law: Law, codec: str) -> None:
    (frame,) = at_8_khz(codec, "r").decode(av.Packet(EVERY_CODE))
    assert law.expand(EVERY_CODE) == frame.to_ndarray().tobytes()


@pytest.mark.parametrize("audio_format", ["audio/pcmu", "audio/pcma"])
def test_a_tone_survives_the_telephone(audio_format: AudioFormat) -> None:
    there = AudioOut(audio_format, source_rate=24_000)
    back = AudioIn(audio_format)
    line = there.feed(tone(1_000, 24_000)) + there.finish()
    assert len(line) == 8_000
    heard = back.feed(line) + back.finish()
    assert len(heard) == 2 * 16_000
    assert level(heard, 16_000, 1_000) == pytest.approx(1, abs=0.01)
    assert power(heard, 16_000) == pytest.approx(1, abs=0.01)


# ---------------------------------------------------------------------------------------------------------- resampling


@pytest.mark.parametrize("rate", RATES)
def test_what_is_heard_lasts_as_long_and_is_as_loud(rate: int) -> None:
    into = AudioIn("audio/pcm", rate)
    heard = into.feed(tone(440, rate)) + into.finish()
    assert len(heard) == 2 * 16_000
    assert level(heard, 16_000, 440) == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize("hertz", [8_500, 10_000, 11_500])
def test_what_16_khz_cannot_hold_is_gone_and_not_folded_into_speech(hertz: float) -> None:
    into = AudioIn("audio/pcm", 24_000)
    heard = into.feed(tone(hertz, 24_000)) + into.finish()
    assert power(heard, 16_000) < 0.001


@pytest.mark.parametrize("rate", RATES)
def test_little_is_held_back(rate: int) -> None:
    into = AudioIn("audio/pcm", rate)
    frame, given_ms, lag_ms = rate // 50, 0.0, 0.0
    for index in range(50):
        given_ms += len(into.feed(bytes(2 * frame))) / 2 / 16
        lag_ms = max(lag_ms, (index + 1) * frame / rate * 1000 - given_ms)
    assert lag_ms <= 31


@given(
    st.lists(st.integers(0, 700), max_size=40),
    st.sampled_from(RATES),
    st.sampled_from(["audio/pcm", "audio/pcmu", "audio/pcma"]),
)
def test_what_is_heard_does_not_depend_on_how_it_was_cut(cuts: list[int], rate: int, audio_format: AudioFormat) -> None:
    data = np.random.default_rng(0).integers(0, 256, 8_000, np.uint8).tobytes()
    whole = AudioIn(audio_format, rate)
    expected = whole.feed(data) + whole.finish()
    cut = AudioIn(audio_format, rate)
    heard, at = b"", 0
    for size in cuts:
        heard += cut.feed(data[at : at + size])
        at += size
    assert heard + cut.feed(data[at:]) + cut.finish() == expected


def test_half_a_sample_waits_for_the_other_half() -> None:
    into = AudioIn("audio/pcm", 16_000)
    assert [into.feed(b"\x01"), into.feed(b"\x02\x03"), into.feed(b"\x04")] == [b"", b"\x01\x02", b"\x03\x04"]


def test_what_ended_in_half_a_sample_does_not_shift_what_follows() -> None:
    into = AudioIn("audio/pcm", 16_000)
    assert into.feed(b"\x01\x02\x03") + into.finish() == b"\x01\x02"
    assert into.feed(b"\x05\x06") == b"\x05\x06"


def test_after_its_end_a_stream_begins_anew() -> None:
    voice = AudioOut("audio/pcm", 16_000, source_rate=24_000)
    first, second = (voice.feed(tone(440, 24_000)) + voice.finish() for _ in range(2))
    assert first == second


def test_silence_stays_silent_and_never_gets_to_the_filter_whose_memory_would_fade_into_denormals(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream, fed = soxr.ResampleStream, list[np.ndarray]()

    class Spy(stream):
        def resample_chunk(self, x: np.ndarray, last: bool = False) -> np.ndarray:
            fed.append(x)
            return super().resample_chunk(x, last)

    monkeypatch.setattr(soxr, "ResampleStream", Spy)
    into = AudioIn("audio/pcm", 24_000)
    spoken = tone(440, 24_000)
    heard = into.feed(spoken + bytes(len(spoken)))
    assert np.count_nonzero(np.concatenate(fed)) == len(spoken)
    assert not np.frombuffer(heard, "<i2")[17_000:].any()
    whole = soxr.ResampleStream(24_000, 16_000, 1, vr=True).resample_chunk(
        np.frombuffer(spoken + bytes(len(spoken)), "<i2").astype(np.float32)
    )
    assert heard == np.rint(whole).astype("<i2").tobytes()


def test_a_loud_voice_is_clipped_and_not_wrapped_round() -> None:
    square = np.where(np.arange(24_000) % 48 < 24, 32767, -32768).astype("<i2").tobytes()
    voice = AudioOut("audio/pcm", 48_000, source_rate=24_000)
    out = np.frombuffer(voice.feed(square) + voice.finish(), "<i2").astype(int)[1_000:-1_000]
    assert np.abs(np.diff(out)).max() < 50_000  # a sample that wraps round jumps by 65,536


@pytest.mark.parametrize("rate", [-1, 0, 1, 7_999, 192_001, 10**9])
def test_what_is_no_rate_for_speech_is_refused(rate: int) -> None:
    with pytest.raises(BadInput, match="Hz"):
        AudioIn("audio/pcm", rate)
    with pytest.raises(BadInput, match="Hz"):
        AudioOut("audio/pcm", rate, source_rate=24_000)
