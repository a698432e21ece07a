"""Audio as it crosses a line, in both directions: PCM at any rate, and G.711 as telephones send it.

Streams are resampled by soxr's variable-rate filter, although the rate stays the same. Its other filters work in blocks
and hold back up to 118 ms of a stream (8 to 16 kHz); this one holds back a steady 10 ms at 24 kHz, 13 ms at 48 kHz, 30
ms at 8 kHz, with what would alias 110 dB down. A piece of 20 ms costs 35 µs (90 µs at 48 kHz), the state of a stream
15 KiB.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias, cast

import numpy as np
import soxr
from numpy.typing import NDArray

from myna.core.audio import BYTES_PER_SAMPLE, HEARING_RATE
from myna.core.errors import BadInput
from myna.engines.base import Samples

_NEARLY_NOTHING = np.float32(1e-9)
"""In digital silence the filter's memory would fade into denormal numbers, with which processors calculate eight times
as slowly. This keeps it above them: it makes 1e-9 of a step of a zero, and other samples stay the same in float32."""

AudioFormat: TypeAlias = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]
"""16-bit little-endian PCM, and G.711 in µ-law and A-law; all of them mono."""

PCM_RATE = 24_000
G711_RATE = 8_000
LOWEST_RATE = 8_000
HIGHEST_RATE = 192_000


def check_rate(rate: int) -> int:
    """``rate``, in Hz.

    Raises:
        BadInput: Nothing that speech is recorded at.
    """
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise BadInput(
            f"{rate} Hz is no sample rate for speech.", hint=f"Send audio at {LOWEST_RATE} to {HIGHEST_RATE} Hz."
        )
    return rate


class AudioIn:
    """A client's audio on its way to the ear.

    Args:
        audio_format: What the client sends.
        rate: Its sample rate in Hz, of ``audio/pcm``; G.711 has 8 kHz.

    Raises:
        BadInput: No rate for speech.
    """

    def __init__(self, audio_format: AudioFormat = "audio/pcm", rate: int = PCM_RATE) -> None:
        self._law = _LAWS.get(audio_format)
        rate = check_rate(G711_RATE if self._law else rate)
        self._resampler = Resampler(rate, HEARING_RATE)
        self._odd = b""
        self.bytes_per_s = rate * (1 if self._law else BYTES_PER_SAMPLE)

    def feed(self, data: bytes) -> bytes:
        """The next bytes of any number, as PCM at `HEARING_RATE`. Half a sample waits for its other half."""
        if self._law is not None:
            pcm = self._law.expand(data)
        else:
            data = self._odd + data
            whole = len(data) - len(data) % BYTES_PER_SAMPLE
            pcm, self._odd = data[:whole], data[whole:]
        return self._resampler.feed(pcm)

    def finish(self) -> bytes:
        """What is still held back, since the audio ends here; then it begins anew. Half a sample is dropped."""
        self._odd = b""
        return self._resampler.finish()


class AudioOut:
    """A voice on its way to a client.

    Args:
        audio_format: What the client wants.
        rate: The sample rate in Hz that it wants, of ``audio/pcm``; G.711 has 8 kHz.
        source_rate: The sample rate of the voice.

    Raises:
        BadInput: No rate for speech.
    """

    def __init__(self, audio_format: AudioFormat = "audio/pcm", rate: int = PCM_RATE, *, source_rate: int) -> None:
        self._law = _LAWS.get(audio_format)
        self._resampler = Resampler(source_rate, check_rate(G711_RATE if self._law else rate))

    def feed(self, pcm: bytes) -> bytes:
        """The next piece of the voice, whole samples of PCM, as the client wants it; what is held back follows."""
        return self._encode(self._resampler.feed(pcm))

    def finish(self) -> bytes:
        """What is still held back, since the voice ends here; then it begins anew."""
        return self._encode(self._resampler.finish())

    def _encode(self, pcm: bytes) -> bytes:
        return pcm if self._law is None else self._law.compress(pcm)


class Resampler:
    """A stream of PCM at another sample rate. However it is cut into pieces, the same comes out.

    Args:
        rate: In Hz, of what is fed.
        wanted_rate: In Hz, of what is given.
    """

    def __init__(self, rate: int, wanted_rate: int) -> None:
        self._rate = rate
        self._wanted_rate = wanted_rate
        self._stream: soxr.ResampleStream | None = None  # made by the first audio: most sessions are idle

    def feed(self, pcm: bytes) -> bytes:
        """What can be told of the stream so far and was not given yet."""
        if self._rate == self._wanted_rate or not pcm:
            return pcm
        if self._stream is None:
            self._stream = soxr.ResampleStream(self._rate, self._wanted_rate, 1, vr=True)
        samples = np.frombuffer(pcm, "<i2").astype(np.float32) + _NEARLY_NOTHING
        return _clipped(cast(Samples, self._stream.resample_chunk(samples)))

    def finish(self) -> bytes:
        """The rest. What is fed after it is another stream."""
        if self._stream is None:
            return b""
        rest = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        self._stream = None
        return _clipped(cast(Samples, rest))


def _clipped(samples: Samples) -> bytes:
    """PCM of samples whose full scale is 32768: scaling them to 1 and back would take longer than resampling."""
    np.rint(samples, out=samples)
    np.minimum(samples, 32767, out=samples)
    np.maximum(samples, -32768, out=samples)
    return samples.astype("<i2").tobytes()


class Law:
    """A law of ITU-T G.711: 8 bits a sample, sign, exponent and mantissa; some bits are sent inverted.

    Args:
        magnitudes: What the codes 0 to 127 stand for, before inversion, at full scale 32768.
        inverted: The bits of a positive sample that are inverted; of a negative one all of them but the highest.
    """

    def __init__(self, magnitudes: NDArray[np.int32], inverted: int) -> None:
        codes = np.arange(256) ^ inverted
        signed = np.concatenate([magnitudes, -magnitudes])
        self._expanded = signed[codes].astype("<i2")
        # The code whose value is nearest, judged in 14 bits as other encoders do it.
        limits = (magnitudes[:-1] + magnitudes[1:] + 4) >> 3
        samples = np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32)
        nearest = np.searchsorted(limits, np.abs(samples >> 2), side="right")
        self._compressed = ((nearest + np.where(samples < 0, 128, 0)) ^ inverted).astype(np.uint8)

    def expand(self, data: bytes) -> bytes:
        """16-bit PCM."""
        return self._expanded[np.frombuffer(data, np.uint8)].tobytes()

    def compress(self, pcm: bytes) -> bytes:
        """A byte for each sample of 16-bit PCM."""
        return self._compressed[np.frombuffer(pcm, "<u2")].tobytes()


def _mu_law() -> Law:
    exponent, mantissa = np.divmod(np.arange(128, dtype=np.int32), 16)
    return Law((((mantissa << 3) + 132) << exponent) - 132, inverted=0xFF)


def _a_law() -> Law:
    exponent, mantissa = np.divmod(np.arange(128, dtype=np.int32), 16)
    steps = (mantissa << 4) + 8
    return Law(np.where(exponent == 0, steps, (steps + 256) << np.maximum(exponent - 1, 0)), inverted=0xD5)


MU_LAW = _mu_law()
A_LAW = _a_law()
_LAWS: Mapping[AudioFormat, Law] = {"audio/pcmu": MU_LAW, "audio/pcma": A_LAW}
