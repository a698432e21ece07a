"""Speech as the audio files that clients ask for, encoded as it is made: no length is known when the first bytes leave.

Everything leaves as mono at 24 kHz, whatever the TTS gives, since that is what OpenAI's ``pcm`` is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias, cast

import av
import numpy as np
import soxr

from myna.engines.base import Samples
from myna.engines.samples import to_pcm16

AudioFormat: TypeAlias = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]

SPEECH_RATE = 24_000
"""In Hz, of all that leaves."""


@dataclass(frozen=True, slots=True)
class _Coding:
    """How FFmpeg makes a format: its container and codec with their options, and bits a second (None: as they come)."""

    container: str
    codec: str
    bit_rate: int | None = None
    container_options: Mapping[str, str] = field(default_factory=dict[str, str])
    codec_options: Mapping[str, str] = field(default_factory=dict[str, str])


_CODINGS: Mapping[AudioFormat, _Coding] = {
    # Without the frame that tells the length: it would have to be known first
    "mp3": _Coding("mp3", "libmp3lame", 96_000, {"write_xing": "0", "id3v2_version": "0"}),
    "opus": _Coding("ogg", "libopus", 48_000, {"page_duration": "200000"}),  # µs; else a page holds a second
    "aac": _Coding("adts", "aac", 96_000, codec_options={"aac_coder": "fast"}),  # twice as fast as the default
    "flac": _Coding("flac", "flac"),  # says that its length is not known
    "wav": _Coding("wav", "pcm_s16le"),  # its sizes are 0xFFFFFFFF, which readers take for "to the end"
}

MEDIA_TYPES: Mapping[AudioFormat, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}


class SpeechEncoder:
    """Encodes speech of ``sample_rate`` Hz, piece by piece. Blocks: some 1 % of the time that the audio plays."""

    def __init__(self, wanted: AudioFormat, sample_rate: int) -> None:
        self._resampler = None
        if sample_rate != SPEECH_RATE:
            self._resampler = soxr.ResampleStream(sample_rate, SPEECH_RATE, 1, dtype="float32")
        self._file = _EncodedFile(_CODINGS[wanted]) if wanted in _CODINGS else None

    def feed(self, samples: Samples) -> bytes:
        """The bytes that are ready now; may be none."""
        return self._encoded(self._resampled(samples, last=False))

    def finish(self) -> bytes:
        """The last bytes."""
        rest = self._encoded(self._resampled(np.zeros(0, np.float32), last=True))
        return rest + (self._file.finish() if self._file else b"")

    def _resampled(self, samples: Samples, *, last: bool) -> Samples:
        if self._resampler is None:
            return samples
        return cast(Samples, self._resampler.resample_chunk(samples, last=last))

    def _encoded(self, samples: Samples) -> bytes:
        pcm = to_pcm16(samples)
        return self._file.feed(pcm) if self._file else pcm


class _Stream(Protocol):
    bit_rate: int | None

    def encode(self, frame: av.AudioFrame | None) -> list[object]: ...


class _Container(Protocol):
    def add_stream(self, codec: str, *, rate: int, layout: str, options: dict[str, str]) -> _Stream: ...
    def mux(self, packets: list[object]) -> None: ...
    def close(self) -> None: ...


class _EncodedFile:
    """A file that FFmpeg writes into memory, and that is taken away while it grows."""

    def __init__(self, coding: _Coding) -> None:
        self._sink = _Sink()
        options = {**coding.container_options, "fflags": "bitexact"}  # without the version of what wrote it
        self._container = cast(_Container, av.open(self._sink, "w", format=coding.container, options=options))
        self._stream = self._container.add_stream(
            coding.codec, rate=SPEECH_RATE, layout="mono", options=dict(coding.codec_options)
        )
        if coding.bit_rate is not None:
            self._stream.bit_rate = coding.bit_rate
        self._samples = 0

    def feed(self, pcm: bytes) -> bytes:
        if pcm:
            frame = av.AudioFrame.from_ndarray(np.frombuffer(pcm, "<i2")[np.newaxis], format="s16", layout="mono")
            frame.sample_rate = SPEECH_RATE
            frame.pts = self._samples
            self._samples += frame.samples
            self._container.mux(self._stream.encode(frame))
        return self._sink.take()

    def finish(self) -> bytes:
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._sink.take()


class _Sink:
    """What FFmpeg writes to. It has no ``seek``, so nothing is mended in what has left."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken
