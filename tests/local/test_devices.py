"""The devices, with miniaudio's null backend: real threads, a real clock, and nothing to hear."""

import os
import threading
from collections.abc import Callable, Iterator

import anyio
import miniaudio
import numpy as np
import pytest

from myna.core.audio import BYTES_PER_SAMPLE
from myna.core.errors import DeviceUnavailable, UnknownName
from myna.core.ids import TurnId
from myna.engines.base import Samples
from myna.local import devices
from myna.local.devices import Device, MiniaudioDevice, SoundSystem, find_sound_system, open_device
from myna.local.sound import Sound

pytestmark = pytest.mark.anyio

HELD_BACK = 208
"""Samples that the way to 16 kHz holds back, 13 ms."""

NULL = [miniaudio.Backend.NULL]


@pytest.fixture
async def null(monkeypatch: pytest.MonkeyPatch, anyio_backend: str) -> SoundSystem:
    monkeypatch.setattr(devices, "BACKENDS", NULL)
    return await find_sound_system()


@pytest.fixture
def hanging() -> Iterator[threading.Event]:
    """What a thread waits for that shall hang."""
    answers = threading.Event()
    yield answers
    answers.set()


def refusing(code: int) -> Callable[..., miniaudio.AbstractDevice]:
    def refuse(*args: object, **options: object) -> miniaudio.AbstractDevice:
        raise miniaudio.MiniaudioError("failed to init device", code)

    return refuse


def waiting(answers: threading.Event) -> Callable[..., None]:
    """A call that hangs."""

    def wait(*args: object) -> None:
        answers.wait()

    return wait


async def until(reached: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not reached():
            await anyio.sleep(0.01)


async def test_a_device_asks_for_as_much_as_it_gives_until_it_is_closed(null: SoundSystem):
    sound = Sound(4, None)
    sound.player.play(TurnId("turn_a"), np.full(4800, 0.5, np.float32))
    async with open_device() as device:
        await device.start(sound.exchange)
        await until(lambda: sound.player.position is not None and sound.player.position.played_ms == 100)
    blocks = sound.blocks
    await anyio.sleep(0.1)
    assert sound.blocks == blocks
    assert 0 <= blocks * 160 - len(sound.take_heard()) // BYTES_PER_SAMPLE <= HELD_BACK


async def test_the_audio_thread_is_none_of_ours_and_never_waits_for_the_event_loop(null: SoundSystem):
    threads: list[threading.Thread] = []
    many = threading.Event()

    def exchange(near: Samples) -> Samples:
        threads.append(threading.current_thread())
        if len(threads) == 20:
            many.set()
        return near

    async with open_device() as device:
        await device.start(exchange)
        assert many.wait(20)  # while the event loop stands still
    assert threading.current_thread() not in threads


def test_devices_are_found_by_their_name_or_a_part_of_it():
    usb, hda = Device("microphone", "USB Headset Mono", 1), Device("microphone", "HDA Intel", 2)
    system = SoundSystem("ALSA", miniaudio.Backend.ALSA, (usb, hda, Device("loudspeaker", "HDA Intel", 3)))
    assert system.find("microphone", "usb headset mono") is usb
    assert system.find("microphone", "intel") is hda
    assert system.find("loudspeaker", None) is None
    with pytest.raises(UnknownName, match="No loudspeaker is called 'usb'") as unknown:
        system.find("loudspeaker", "usb")
    assert "'HDA Intel'" in unknown.value.hint
    with pytest.raises(UnknownName, match="Several microphones are called 'h'"):
        system.find("microphone", "h")


@pytest.mark.parametrize("missing", ["microphone", "loudspeaker"])
def test_a_machine_without_one_of_the_two_says_which(missing: devices.Kind):
    there: devices.Kind = "loudspeaker" if missing == "microphone" else "microphone"
    system = SoundSystem("ALSA", miniaudio.Backend.ALSA, (Device(there, "HDA Intel", 1),))
    with pytest.raises(DeviceUnavailable, match=f"no {missing}") as error:
        MiniaudioDevice(system)
    assert "--list-devices" in error.value.hint


async def test_a_machine_without_sound_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devices, "BACKENDS", [miniaudio.Backend.CUSTOM])
    with pytest.raises(DeviceUnavailable, match="no sound system") as error:
        await find_sound_system()
    assert "/dev/snd" in error.value.hint


@pytest.mark.parametrize(
    ("code", "says"), [(-6, "may not be used .* usermod -aG audio"), (-19, "is taken .* Close"), (-401, "plugged in")]
)
@pytest.mark.parametrize(("which", "opens"), [("microphone", "CaptureDevice"), ("loudspeaker", "PlaybackDevice")])
async def test_a_device_that_does_not_open_says_which_and_why(
    null: SoundSystem, monkeypatch: pytest.MonkeyPatch, which: str, opens: str, code: int, says: str
):
    monkeypatch.setattr(miniaudio, "DuplexStream", refusing(code))
    monkeypatch.setattr(miniaudio, opens, refusing(code))
    with pytest.raises(DeviceUnavailable, match=f"The {which} .*{says}") as error:
        MiniaudioDevice(null)
    assert error.value.code == "device_unavailable"


async def test_a_sound_system_that_hangs_is_left_to_itself_and_standard_error_is_what_it_was(
    monkeypatch: pytest.MonkeyPatch, hanging: threading.Event, capfd: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(devices, "ANSWER_S", 0.05)
    monkeypatch.setattr(miniaudio, "Devices", waiting(hanging))
    with pytest.raises(DeviceUnavailable, match="did not answer"):
        async with open_device():
            pass
    with pytest.raises(DeviceUnavailable, match="did not answer"):
        await find_sound_system()
    os.write(2, b"the error")
    assert capfd.readouterr().err == "the error"


async def test_a_device_that_hangs_when_it_starts_is_left_to_itself_and_closed_when_it_answers(
    null: SoundSystem, monkeypatch: pytest.MonkeyPatch, hanging: threading.Event
):
    done: list[str] = []

    def start(stream: miniaudio.DuplexStream, blocks: object) -> None:
        hanging.wait()
        done.append("started")

    def close(stream: miniaudio.DuplexStream) -> None:
        done.append("closed")

    monkeypatch.setattr(miniaudio.DuplexStream, "start", start)
    monkeypatch.setattr(miniaudio.DuplexStream, "close", close)
    monkeypatch.setattr(devices, "CLOSE_S", 0.05)
    async with open_device() as device:
        monkeypatch.setattr(devices, "ANSWER_S", 0.05)
        with pytest.raises(DeviceUnavailable, match="did not answer"):
            await device.start(lambda near: near)
    assert done == []
    hanging.set()
    await until(lambda: "closed" in done)
    assert done[0] == "started"


async def test_a_device_that_hangs_when_it_closes_holds_nobody_up(
    null: SoundSystem, monkeypatch: pytest.MonkeyPatch, hanging: threading.Event
):
    closed: list[bool] = []

    def close(stream: miniaudio.DuplexStream) -> None:
        closed.append(hanging.wait(30))

    monkeypatch.setattr(devices, "CLOSE_S", 0.05)
    monkeypatch.setattr(miniaudio.DuplexStream, "close", close)
    async with open_device():
        pass
    assert closed == []


async def test_what_sound_libraries_complain_of_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
):
    for backend in devices.BACKENDS:
        monkeypatch.setattr(devices, "BACKENDS", [backend])
        try:
            async with open_device():
                pass
        except DeviceUnavailable:
            continue
    assert capfd.readouterr().err == ""
