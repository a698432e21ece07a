"""The devices, with miniaudio's null backend: real threads, a real clock, and nothing to hear."""

import threading
from collections.abc import Callable

import anyio
import miniaudio
import numpy as np
import pytest

from myna.core.errors import DeviceUnavailable, UnknownName
from myna.core.ids import TurnId
from myna.engines.base import Samples
from myna.local import devices
from myna.local.devices import Device, MiniaudioDevice, SoundSystem, find_sound_system, open_device
from myna.local.sound import Sound

pytestmark = pytest.mark.anyio

NULL = [miniaudio.Backend.NULL]


@pytest.fixture
def null(monkeypatch: pytest.MonkeyPatch) -> SoundSystem:
    monkeypatch.setattr(devices, "BACKENDS", NULL)
    return find_sound_system()


def refusing(code: int) -> Callable[..., miniaudio.AbstractDevice]:
    def refuse(*args: object, **options: object) -> miniaudio.AbstractDevice:
        raise miniaudio.MiniaudioError("failed to init device", code)

    return refuse


async def until(reached: Callable[[], bool]) -> None:
    with anyio.fail_after(20):
        while not reached():
            await anyio.sleep(0.01)


async def test_a_device_asks_for_as_much_as_it_gives_until_it_is_closed(null: SoundSystem):
    sound = Sound(4, None)
    sound.player.play(TurnId("turn_a"), np.full(4800, 0.5, np.float32))
    async with open_device() as device:
        device.start(sound.exchange)
        await until(lambda: sound.player.position is not None and sound.player.position.played_ms == 100)
    blocks = sound.blocks
    await anyio.sleep(0.1)
    assert sound.blocks == blocks
    assert len(sound.take_heard()) == blocks * 320


async def test_the_audio_thread_is_none_of_ours_and_never_waits_for_the_event_loop(null: SoundSystem):
    threads: list[threading.Thread] = []
    many = threading.Event()

    def exchange(near: Samples) -> Samples:
        threads.append(threading.current_thread())
        if len(threads) == 20:
            many.set()
        return near

    async with open_device() as device:
        device.start(exchange)
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


def test_a_machine_without_sound_says_what_to_do(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devices, "BACKENDS", [miniaudio.Backend.CUSTOM])
    with pytest.raises(DeviceUnavailable, match="no sound system") as error:
        find_sound_system()
    assert "/dev/snd" in error.value.hint


@pytest.mark.parametrize(
    ("code", "says"), [(-6, "may not be used .* usermod -aG audio"), (-19, "is taken .* Close"), (-401, "plugged in")]
)
@pytest.mark.parametrize(("which", "opens"), [("microphone", "CaptureDevice"), ("loudspeaker", "PlaybackDevice")])
def test_a_device_that_does_not_open_says_which_and_why(
    null: SoundSystem, monkeypatch: pytest.MonkeyPatch, which: str, opens: str, code: int, says: str
):
    monkeypatch.setattr(miniaudio, "DuplexStream", refusing(code))
    monkeypatch.setattr(miniaudio, opens, refusing(code))
    with pytest.raises(DeviceUnavailable, match=f"The {which} .*{says}") as error:
        MiniaudioDevice(null)
    assert error.value.code == "device_unavailable"


async def test_a_sound_system_that_hangs_is_left_to_itself(null: SoundSystem, monkeypatch: pytest.MonkeyPatch):
    answers = threading.Event()
    monkeypatch.setattr(devices, "OPEN_S", 0.05)
    monkeypatch.setattr(devices, "find_sound_system", answers.wait)
    try:
        with pytest.raises(DeviceUnavailable, match="did not answer"):
            async with open_device():
                pass
    finally:
        answers.set()


def test_what_sound_libraries_complain_of_is_not_shown(capfd: pytest.CaptureFixture[str]):
    for backend in devices.BACKENDS:
        try:
            MiniaudioDevice(find_sound_system([backend]))
        except DeviceUnavailable:
            continue
    assert capfd.readouterr().err == ""
