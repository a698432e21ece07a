"""A client's audio as commands."""

from collections.abc import Iterable

from myna.core.commands import AppendAudio, Command
from myna.wire.audio_formats import AudioIn


def appended(audio: AudioIn, data: bytes) -> Iterable[Command]:
    """More of the audio, a second at a time.

    A message may bring minutes, whose resampling takes a second. So they are resampled as the commands are taken, and
    who takes them can let others work between two.
    """
    if len(data) <= audio.bytes_per_s:
        return _command(audio.feed(data))
    starts = range(0, len(data), audio.bytes_per_s)
    return (command for at in starts for command in _command(audio.feed(data[at : at + audio.bytes_per_s])))


def rest(audio: AudioIn) -> tuple[Command, ...]:
    """What is still held back, since the audio ends here."""
    return _command(audio.finish())


def _command(pcm: bytes) -> tuple[Command, ...]:
    return (AppendAudio(pcm),) if pcm else ()
