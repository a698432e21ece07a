"""Message classes as rosidl makes them: fields by name, arrays of the standard library."""

from array import array
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest

from myna_ros.messages import AudioIn, AudioKind, AudioOut, message_type
from myna_ros.pcm import BadAudio

SOUND = array("h", [0, 1000, -1000, 32_767])


class Bytes:
    """audio_common_msgs/msg/AudioData."""

    def __init__(self, data: Any = b"") -> None:
        self.data = data

    @classmethod
    def get_fields_and_field_types(cls) -> dict[str, str]:
        return {"data": "sequence<uint8>"}


class Frame:
    """myna_ros_interfaces/msg/Audio, and vendors' like it."""

    of: ClassVar[str] = "sequence<int16>"

    def __init__(self, **fields: Any) -> None:
        self.header = SimpleNamespace(stamp=None)
        self.sample_rate, self.channels, self.sample_format, self.data = 0, 0, "", SOUND
        for name, value in fields.items():
            setattr(self, name, value)

    @classmethod
    def get_fields_and_field_types(cls) -> dict[str, str]:
        return {"header": "std_msgs/Header", "sample_rate": "uint32", "data": cls.of}


class Floats(Frame):
    of = "sequence<float>"


class Texts(Frame):
    of = "sequence<string>"


class Stamped:
    """audio_common_msgs/msg/AudioDataStamped."""

    def __init__(self, data: Any) -> None:
        self.audio = Bytes(data)


@pytest.mark.parametrize(
    "message",
    [
        Bytes(array("B", SOUND.tobytes())),
        Bytes(SOUND.tobytes()),
        Stamped(array("B", SOUND.tobytes())),
        Frame(sample_rate=16_000, channels=1),
        Frame(sample_format="S16LE"),
        Frame(data=np.array(SOUND, np.int16)),
        Frame(data=array("i", [each << 16 for each in SOUND])),
    ],
)
def test_sound_is_found_in_messages_of_any_kind(message: Any) -> None:
    assert AudioIn(AudioKind()).take(message) == (16_000, SOUND.tobytes())


def test_what_a_message_says_of_itself_counts_before_the_parameters() -> None:
    hears = AudioIn(AudioKind(sample_rate=8_000, channels=1), channel=1)
    rate, pcm = hears.take(Frame(sample_rate=48_000, channels=2, data=array("h", [1, 2, 3, 4])))
    assert (rate, array("h", pcm).tolist()) == (48_000, [2, 4])
    rate, pcm = hears.take(Frame(data=array("h", [7])))
    assert (rate, array("h", pcm).tolist()) == (8_000, [7])


def test_a_rate_that_the_server_does_not_take_is_resampled_without_a_gap() -> None:
    hears = AudioIn(AudioKind(sample_rate=44_100))
    heard = [hears.take(Frame(data=array("h", bytes(882)))) for _ in range(100)]
    assert {rate for rate, _ in heard} == {16_000}
    assert sum(len(pcm) for _, pcm in heard) / 2 == pytest.approx(16_000, abs=40)


@pytest.mark.parametrize(
    "message",
    [
        Bytes(b"odd"),
        Bytes(array("B", b"odd")),
        Bytes("text"),
        Bytes(None),
        Bytes([1, 2]),
        Bytes(array("d", [0.5])),
        Frame(sample_rate=1),
        Frame(sample_rate=4_000_000_000),
        Frame(channels=65),
        Frame(channels=3),
        Frame(sample_format="mp3"),
        Frame(data=array("h", bytes(2 * 16_000 * 11))),
    ],
)
def test_what_is_no_sound_is_told(message: Any) -> None:
    hears = AudioIn(AudioKind())
    with pytest.raises(BadAudio):
        hears.take(message)
    assert hears.take(Frame()) == (16_000, SOUND.tobytes())


def test_sound_is_put_into_messages_of_any_kind() -> None:
    def stamp() -> int:
        return 7

    assert AudioOut(Bytes, 24_000, stamp).make(SOUND.tobytes()).data == array("B", SOUND.tobytes())
    frame = AudioOut(Frame, 24_000, stamp).make(SOUND.tobytes())
    assert (frame.sample_rate, frame.channels, frame.sample_format, frame.data) == (24_000, 1, "s16le", SOUND)
    assert frame.header.stamp == 7
    assert AudioOut(Floats, 24_000, stamp).make(SOUND.tobytes()).data == array("f", [each / 32_768 for each in SOUND])
    with pytest.raises(BadAudio):
        AudioOut(Texts, 24_000, stamp)


@pytest.mark.parametrize(
    "name", ["", "AudioData", "no_such_package/msg/AudioData", "a/b/c", "../x/msg/Y", "json/msg/X"]
)
def test_a_type_that_is_not_there_is_told(name: str) -> None:
    with pytest.raises(BadAudio):
        message_type(name)
