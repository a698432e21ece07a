"""Samples to and from what carries them: PCM, other sample rates, audio files.

Samples are mono ``float32`` in [-1, 1]; PCM is 16-bit little-endian mono.
"""

import os
import wave
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import soundfile
import soxr

from myna.core.audio import BYTES_PER_SAMPLE
from myna.core.errors import BadAudio, BadInput
from myna.engines.base import Samples

LONGEST_S = 30 * 60
"""The longest audio file that is read: what is read is held in memory, 110 MiB of it at 16 kHz."""

AUDIBLE = 10 ** (-40 / 20)
"""Of full scale."""

_FULL_SCALE = 32768
_CONVERT = "Convert it to WAV, FLAC, OGG or MP3, for example with `ffmpeg -i FILE out.wav`."


def from_pcm16(pcm: bytes | bytearray) -> Samples:
    """PCM as samples.

    Raises:
        BadAudio: An odd number of bytes.
    """
    if len(pcm) % BYTES_PER_SAMPLE:
        raise BadAudio(f"{len(pcm)} bytes are no whole number of 16-bit samples.", hint="Send both bytes of each.")
    return np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(_FULL_SCALE)


def to_pcm16(samples: Samples) -> bytes:
    """Samples as PCM; what is louder than full scale is clipped. Gives back exactly what `from_pcm16` was given."""
    return np.clip(np.rint(samples * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes()


def resample(samples: Samples, sample_rate: int, wanted_rate: int) -> Samples:
    """Samples at another rate, both in Hz."""
    return cast(Samples, soxr.resample(samples, sample_rate, wanted_rate))


def voiced(samples: Samples) -> tuple[int, int]:
    """The first and the last sample that can be heard (-40 dB of full scale); both 0 where none can."""
    loud = np.flatnonzero(np.abs(samples) > AUDIBLE)
    return (int(loud[0]), int(loud[-1])) if len(loud) else (0, 0)


def fade_in(samples: Samples) -> Samples:
    """Samples that rise from silence, so that a beginning in the midst of a sound makes no click."""
    return samples * np.linspace(0, 1, len(samples), dtype=np.float32)


def fade_out(samples: Samples) -> Samples:
    """Samples that fall to silence."""
    return samples * np.linspace(1, 0, len(samples), dtype=np.float32)


def read_audio(path: Path, sample_rate: int) -> Samples:
    """Read an audio file: any rate, width and number of channels, as WAV, FLAC, OGG, MP3 or what else libsndfile reads.

    Channels are mixed. Of a file that was cut off, what is there is read. Blocks.

    Args:
        path: The file.
        sample_rate: In Hz, of what is returned.

    Raises:
        BadAudio: Not an audio file, nothing in it, values that are no numbers, or longer than `LONGEST_S`.
    """
    try:
        if path.is_dir():
            raise BadAudio(f"{path} is a folder, not an audio file.", hint="Name a file in it.")
        with path.open("rb") as source:
            return _read(path, source, sample_rate)
    except FileNotFoundError as error:
        raise BadAudio(f"There is no file {path}.", hint="Check the name and the folder.") from error
    except OSError as error:
        raise BadAudio(
            f"{path} cannot be read: {error.strerror or error}.", hint="Check that you may read it."
        ) from error
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: of a name in .raw it wants to know the format
        if not path.stat().st_size:
            raise BadAudio(f"{path} is empty.", hint="Record or copy it again.") from error
        raise BadAudio(f"{path} is not an audio file that can be read.", hint=_CONVERT) from error


def _read(path: Path, source: BinaryIO, sample_rate: int) -> Samples:
    too_long = BadAudio(f"{path} is longer than {LONGEST_S // 60} minutes.", hint="Cut it into shorter files.")
    with soundfile.SoundFile(source) as file:
        rate = file.samplerate
        if file.frames > LONGEST_S * rate:
            raise too_long
        resampler = soxr.ResampleStream(rate, sample_rate, 1, dtype="float32")
        pieces: list[Samples] = []
        frames = 0
        for block in file.blocks(rate, dtype="float32", always_2d=True):
            if not np.isfinite(block).all():
                raise BadAudio(f"{path} holds values that are no numbers.", hint="Record or convert it again.")
            if (frames := frames + len(block)) > LONGEST_S * rate:
                raise too_long
            pieces.append(resampler.resample_chunk(block.mean(axis=1)))
        pieces.append(resampler.resample_chunk(np.zeros(0, np.float32), last=True))
    samples = np.clip(np.concatenate(pieces), -1, 1)
    if not len(samples):
        raise BadAudio(f"There is no audio in {path}.", hint="Record it again.")
    return samples


def check_writable(path: Path) -> None:
    """See whether `write_wav` could write there, before the work for it is done.

    Raises:
        BadInput: It could not.
    """
    try:
        if path.is_dir():
            raise _unwritable(path, "it is a folder")
        if not path.parent.is_dir():
            raise _unwritable(path, f"there is no folder {path.parent}")
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise _unwritable(path, "you may not write there")
    except OSError as error:  # a name that is too long, for example
        raise _unwritable(path, error.strerror or str(error)) from error


def write_wav(path: Path, pcm: bytes, sample_rate: int) -> None:
    """Write PCM as a WAV file, whole or not at all: another file of that name stays until the new one is complete.

    Raises:
        BadInput: The disk is full, or may not be written.
    """
    check_writable(path)
    target = path.resolve()
    if target.exists() and not target.is_file():
        part = target  # a pipe or a device such as /dev/null: written to, not replaced
    else:
        part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_bytes(_wav(pcm, sample_rate))
        part.replace(target)
    except OSError as error:
        if part != target:
            part.unlink(missing_ok=True)
        raise _unwritable(path, error.strerror or str(error)) from error


def _wav(pcm: bytes, sample_rate: int) -> bytes:
    file = BytesIO()
    with wave.open(file, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(BYTES_PER_SAMPLE)
        wav.setframerate(sample_rate)
        wav.writeframesraw(pcm)
    return file.getvalue()


def _unwritable(path: Path, why: str) -> BadInput:
    return BadInput(f"{path} cannot be written: {why}.", hint="Choose another place.")
