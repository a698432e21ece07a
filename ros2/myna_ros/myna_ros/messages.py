"""Audio messages of any type: what is in them, and how to fill them.

A message has PCM in ``data``, as bytes or as numbers; it may say its ``sample_rate``, ``channels`` and
``sample_format``, and may keep all that in a field ``audio``. So all that is known of a type are the names of its
fields.
"""

from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from myna_ros.pcm import (
    BYTES_PER_SAMPLE,
    LONGEST_S,
    BadAudio,
    Resampler,
    check_rate,
    mono,
    samples_of,
    to_bytes,
    to_pcm16,
    wire_rate,
)

_NAMED = {
    "": "",
    "s16": "s16le",
    "s16le": "s16le",
    "pcm16": "s16le",
    "int16": "s16le",
    "pcm_s16le": "s16le",
    "s16be": "s16be",
    "s32": "s32le",
    "s32le": "s32le",
    "int32": "s32le",
    "f32": "f32le",
    "f32le": "f32le",
    "float32": "f32le",
    "u8": "u8",
    "uint8": "u8",
}
"""How formats are called."""

_BYTES = ("uint8", "char")
_NUMBERS = {"int16": "s16le", "int32": "s32le", "float": "f32le"}


@dataclass(frozen=True)
class AudioKind:
    """What audio is like where the message does not say it."""

    sample_rate: int = 16_000
    channels: int = 1
    sample_format: str = "s16le"


def message_type(name: str) -> Any:
    """The class of a message type, such as ``audio_common_msgs/msg/AudioData``.

    Raises:
        BadAudio: There is none of that name here, or it has no ``data``.
    """
    parts = name.split("/")
    package, kind = parts[0], parts[-1]
    if len(parts) not in (2, 3) or (len(parts) == 3 and parts[1] != "msg") or not package.isidentifier():
        raise BadAudio(f"{name!r} is no message type; write it as in audio_common_msgs/msg/AudioData")
    try:
        found = getattr(import_module(f"{package}.msg"), kind)
    except (ImportError, AttributeError):
        raise BadAudio(
            f"there is no message type {name}: is its package installed, and its workspace sourced?"
        ) from None
    if _field(found, "data") is None:
        raise BadAudio(f"the message type {name} has no field `data`, and none in `audio`")
    return found


def _field(found: Any, name: str) -> str | None:
    """The ROS type of a field, be it in ``audio``."""
    fields: Mapping[str, str] = found.get_fields_and_field_types()
    if name in fields:
        return fields[name]
    inner = fields.get("audio")
    if inner is None or "/" not in inner:
        return None
    package, kind = inner.split("/")
    return getattr(import_module(f"{package}.msg"), kind).get_fields_and_field_types().get(name)


class AudioIn:
    """Messages of a type, made into 16-bit mono PCM at a rate that the server takes.

    Args:
        kind: What a message is that does not say it.
        channel: Which of several is heard; `pcm.MEAN` mixes them.
    """

    def __init__(self, kind: AudioKind, channel: int = 0) -> None:
        self._kind = kind
        self._channel = channel
        self._resampler: tuple[int, Resampler] | None = None

    def take(self, message: Any) -> tuple[int, bytes]:
        """The rate in Hz and the PCM of the next message.

        Raises:
            BadAudio: It is none that can be understood.
        """
        body = getattr(message, "audio", message)
        rate = _number(body, message, "sample_rate") or self._kind.sample_rate
        channels = _number(body, message, "channels") or self._kind.channels
        check_rate(rate, channels)
        samples, sample_format = self._samples(body, message)
        if len(samples) > LONGEST_S * rate * channels:
            raise BadAudio(
                f"{len(samples) / rate / channels:.0f} s of audio in one message; {LONGEST_S:g} are the most"
            )
        pcm = to_pcm16(mono(samples, channels, self._channel), sample_format)
        target = wire_rate(rate)
        if target == rate:
            self._resampler = None
            return rate, to_bytes(pcm)
        if self._resampler is None or self._resampler[0] != rate:
            self._resampler = rate, Resampler(rate, target)
        return target, to_bytes(self._resampler[1].feed(pcm))

    def _samples(self, body: Any, message: Any) -> Any:
        named = getattr(body, "sample_format", getattr(message, "sample_format", ""))
        told = _NAMED.get(named.strip().lower()) if isinstance(named, str) else ""
        if told is None:
            raise BadAudio(f"the format {named!r}; there are {', '.join(sorted(set(_NAMED.values()) - {''}))}")
        sample_format = told or self._kind.sample_format
        data = body.data
        if hasattr(data, "dtype"):  # arrays of a fixed length come as NumPy's
            data = array(data.dtype.char, data.tobytes())
        if isinstance(data, (bytes, bytearray)):
            return samples_of(bytes(data), sample_format), sample_format
        if isinstance(data, array):
            if data.itemsize == 1:
                return samples_of(data.tobytes(), sample_format), sample_format
            own = {"h": "s16le", "i": "s32le", "l": "s32le", "f": "f32le"}.get(data.typecode)
            if own is not None:
                return data, own
        raise BadAudio(f"`data` of a type that is no PCM: {type(data).__name__}")


def _number(body: Any, message: Any, name: str) -> int:
    value = getattr(body, name, getattr(message, name, 0))
    return value if isinstance(value, int) else 0


class AudioOut:
    """Fills messages of a type with 16-bit mono PCM.

    Args:
        found: The message class.
        sample_rate: In Hz, of what it is given.
        stamp: Gives the time for a header.

    Raises:
        BadAudio: Its ``data`` cannot hold PCM.
    """

    def __init__(self, found: Any, sample_rate: int, stamp: Callable[[], Any]) -> None:
        self._found = found
        self._sample_rate = sample_rate
        self._stamp = stamp
        of = (_field(found, "data") or "").removeprefix("sequence<").split(">")[0].split(",")[0]
        if of not in _BYTES and of not in _NUMBERS:
            raise BadAudio(f"`data` of {found.__name__} holds {of or 'something else'}, which is no PCM")
        self._format = "bytes" if of in _BYTES else _NUMBERS[of]

    def make(self, pcm: bytes) -> Any:
        """A message with it."""
        message = self._found()
        body = getattr(message, "audio", message)
        for name, value in (("sample_rate", self._sample_rate), ("channels", 1), ("sample_format", self._named())):
            for place in (body, message):
                if hasattr(place, name):
                    setattr(place, name, value)
                    break
        if hasattr(message, "header"):
            message.header.stamp = self._stamp()
        body.data = self._data(pcm)
        return message

    def _named(self) -> str:
        return "s16le" if self._format == "bytes" else self._format

    def _data(self, pcm: bytes) -> "array[Any]":
        if self._format == "bytes":
            return array("B", pcm)
        samples = array("h", pcm[: len(pcm) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE])
        if self._format == "s32le":
            return array("i", [sample << 16 for sample in samples])
        return array("f", [sample / 32_768 for sample in samples]) if self._format == "f32le" else samples
