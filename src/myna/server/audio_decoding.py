"""Audio files that clients send, as samples to be heard. In pieces: a long one takes no more memory than a short.

A minute of samples is 4 MB; two hours would be 460 MB.
"""

import itertools
from collections.abc import Generator
from typing import BinaryIO, cast

import av
import av.container
import numpy as np
from av.error import FFmpegError, InvalidDataError

from myna.core.audio import HEARING_RATE
from myna.core.errors import BadAudio
from myna.engines.base import Samples

PIECE_S = 60
"""The longest piece. The file is cut where it is quietest in the last `LOOK_BACK_S` of each."""

LOOK_BACK_S = 20
LOWEST_RATE = 4000
"""In Hz. Telephones have 8000; a small file at a few Hz would become hours."""

_FRAME = HEARING_RATE // 20

_FORMATS = "wav,w64,aiff,au,caf,flac,ogg,mp3,aac,ac3,amr,asf,matroska,mov,mpeg,mpegts,wv"
"""What FFmpeg may take a file for: containers that hold their own data. A playlist would have it fetch other files."""

_CONVERT = "Convert it to WAV, MP3, FLAC, OGG, M4A or WebM, for example with `ffmpeg -i FILE out.wav`."


def decoded_pieces(file: BinaryIO, longest_s: float) -> Generator[Samples]:
    """The audio in ``file`` as samples at `HEARING_RATE`, its channels mixed. Blocks.

    A file may be cut off, or damaged in places: what can be read is given.

    Args:
        file: Any container and codec that FFmpeg knows; of a video the sound.
        longest_s: How much of it is taken.

    Raises:
        BadAudio: No audio file, nothing in it, values that are no numbers, or too long. With the first piece, except
            that it may turn out later to be longer than its header tells.
    """
    waiting: list[Samples] = []
    length = total = 0
    for block in _blocks(file, longest_s):
        waiting.append(block)
        length += len(block)
        total += len(block)
        if total > longest_s * HEARING_RATE:
            raise _too_long(longest_s)
        if length >= PIECE_S * HEARING_RATE:
            samples = np.concatenate(waiting)
            end = quietest(samples, len(samples) - LOOK_BACK_S * HEARING_RATE)
            yield samples[:end]
            waiting, length = [samples[end:].copy()], len(samples) - end
    if not total:
        raise BadAudio("There is no sound in the file.", hint="Record it again.")
    if length:
        yield np.concatenate(waiting)


def quietest(samples: Samples, first: int) -> int:
    """Where to cut behind ``first``: in the middle of the quietest quarter of a second."""
    frames = samples[first : first + (len(samples) - first) // _FRAME * _FRAME].reshape(-1, _FRAME)
    power = np.convolve(np.mean(np.square(frames), axis=1), np.ones(5), "valid")
    return first + int(power.argmin()) * _FRAME + 5 * _FRAME // 2


def _blocks(file: BinaryIO, longest_s: float) -> Generator[Samples]:
    try:
        with av.open(file, "r", options={"format_whitelist": _FORMATS, "protocol_whitelist": "none"}) as container:
            if not container.streams.audio:
                raise BadAudio("There is no sound in the file.", hint=_CONVERT)
            if container.duration is not None and container.duration / av.time_base > longest_s:
                raise _too_long(longest_s)
            yield from _resampled(container)
    except (FFmpegError, ValueError) as error:
        raise BadAudio("The file is not audio that can be read.", hint=_CONVERT) from error


def _resampled(container: av.container.InputContainer) -> Generator[Samples]:
    resampler = av.AudioResampler(format="flt", layout="mono", rate=HEARING_RATE)
    for frame in itertools.chain(_frames(container), [None]):  # None has it give what it holds back
        for resampled in resampler.resample(frame):
            samples = cast(Samples, resampled.to_ndarray()).reshape(-1)
            if not np.isfinite(samples).all():
                raise BadAudio("The file holds values that are no numbers.", hint="Record or convert it again.")
            yield np.clip(samples, -1, 1)


def _frames(container: av.container.InputContainer) -> Generator[av.AudioFrame]:
    """All frames that can be decoded; a damaged packet is left out."""
    packets = container.demux(container.streams.audio[0])
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except InvalidDataError:  # the file was cut off here
            return
        try:
            frames = packet.decode()
        except InvalidDataError:
            continue
        for frame in frames:
            if frame.sample_rate < LOWEST_RATE:
                raise BadAudio(f"The sample rate is {frame.sample_rate} Hz.", hint=f"Take {LOWEST_RATE} Hz or more.")
            if frame.samples > PIECE_S * frame.sample_rate:  # ALAC may claim millions of samples in a few bytes
                raise BadAudio("The file is packed in pieces that are too long.", hint=_CONVERT)
            yield frame


def _too_long(longest_s: float) -> BadAudio:
    return BadAudio(
        f"The audio is longer than {longest_s / 60:g} minutes.",
        hint="Cut it into shorter files, or raise asr.longest_file_s.",
    )
