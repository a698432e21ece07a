"""The sound devices of this machine, through miniaudio.

Microphone and loudspeaker are opened as one duplex device: with each block that was recorded comes the one to play, so
the two streams cannot drift apart, which is what echo cancellation needs.
"""

import logging
import os
import sys
import tempfile
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, Protocol, TypeAlias, TypeVar, cast

import anyio
import anyio.to_thread
import miniaudio
import numpy as np

from myna.core.errors import DeviceUnavailable, UnknownName
from myna.engines.base import Samples

log = logging.getLogger(__name__)

T = TypeVar("T")

Kind: TypeAlias = Literal["microphone", "loudspeaker"]
Exchange: TypeAlias = Callable[[Samples], Samples]
"""Takes a block from the microphone, gives as many samples to the loudspeaker; at `DEVICE_RATE`, at once."""

DEVICE_RATE = 48_000
"""Sample rate in Hz of the devices: what nearly all of them run at by themselves."""

BLOCK_MS = 10
BLOCKS = 8
"""What the device holds at most, 80 ms. With half of it PulseAudio on a busy machine lost a block now and then, and
after each the echo came at another time, so that the canceller had to learn it anew."""

ANSWER_S = 8.0
"""How long the sound system may take to open or to start a device; one that hangs is left to itself."""

CLOSE_S = 1.0
"""Likewise to close it."""

_NOT_REAL = {miniaudio.Backend.NULL, miniaudio.Backend.CUSTOM}
BACKENDS = [each for each in miniaudio.Backend if each in miniaudio.get_enabled_backends() - _NOT_REAL]
"""Sound systems that this build knows, the preferred first: PulseAudio before ALSA, for example."""

_NOWHERE = "Discard all samples"
"""How the device of ALSA is called that is there on every machine and is none."""

# of ma_result, in miniaudio.h
_ACCESS_DENIED = -6
_TAKEN = {-19, -23}  # MA_BUSY, MA_ALREADY_IN_USE

_LIST = "`myna talk --list-devices` shows what there is."


class DuplexDevice(Protocol):
    """A microphone and a loudspeaker that run by one clock, at `DEVICE_RATE`."""

    @property
    def blocks_ahead(self) -> int:
        """How many blocks it holds that it was given and has not played yet."""
        ...

    @property
    def name(self) -> str:
        """What to call its microphone in messages."""
        ...

    async def start(self, exchange: Exchange) -> None:
        """Begin; ``exchange`` is called in a thread of the device's own until who opened the device closes it.

        Raises:
            DeviceUnavailable: It does not start.
        """
        ...


@dataclass(frozen=True, slots=True)
class Device:
    """A device that can be chosen by name."""

    kind: Kind
    name: str
    handle: Any
    """Of miniaudio."""


@dataclass(frozen=True, slots=True)
class SoundSystem:
    """What can be heard and played with on this machine."""

    name: str
    backend: miniaudio.Backend
    devices: tuple[Device, ...]

    def find(self, kind: Kind, name: str | None) -> Device | None:
        """The device whose name this is, or the one that has it in its name; None for the default.

        Raises:
            DeviceUnavailable: There is none of that kind.
            UnknownName: None is called so, or several are.
        """
        there = [device for device in self.devices if device.kind == kind]
        if not there:
            raise DeviceUnavailable(
                f"This machine has no {kind}, as far as {self.name} knows.", hint=f"Plug one in. {_LIST}"
            )
        if name is None:
            return None
        wanted = name.strip().casefold()
        found = [device for device in there if device.name.casefold() == wanted] or [
            device for device in there if wanted in device.name.casefold()
        ]
        if len(found) != 1:
            known = ", ".join(repr(device.name) for device in found or there)
            what = f"Several {kind}s are called" if found else f"No {kind} is called"
            raise UnknownName(f"{what} {name!r}.", hint=f"There is: {known}. A part of a name is enough.")
        return found[0]


async def find_sound_system() -> SoundSystem:
    """The first sound system that has a device.

    Raises:
        DeviceUnavailable: There is none, or it hangs.
    """
    return await _answer(_find_sound_system)


def _find_sound_system() -> SoundSystem:
    for backend in BACKENDS:
        try:
            known = miniaudio.Devices([backend])
            microphones, loudspeakers = known.get_captures(), known.get_playbacks()
        except miniaudio.MiniaudioError:
            continue
        devices = (*_named("microphone", microphones), *_named("loudspeaker", loudspeakers))
        if devices:
            return SoundSystem(cast(str, known.backend), backend, devices)  # pyright: ignore[reportUnknownMemberType]
    raise DeviceUnavailable(
        "This machine has no sound system that answers.",
        hint="Start PulseAudio or PipeWire, or see whether `aplay -l` lists a card. In a container, pass /dev/snd or "
        "the socket of PulseAudio in. To talk from another machine, run `myna talk --url` there.",
    )


def _named(kind: Kind, devices: list[dict[str, Any]]) -> Iterator[Device]:
    return (Device(kind, each["name"], each["id"]) for each in devices if not each["name"].startswith(_NOWHERE))


class MiniaudioDevice:
    """A `DuplexDevice`. Opening it blocks.

    Args:
        system: Whose devices these are.
        microphone: Its name or a part of it; None is the default.
        loudspeaker: Likewise.

    Raises:
        DeviceUnavailable: It cannot be opened; the message says which of the two, and why.
        UnknownName: There is no such device.
    """

    blocks_ahead = BLOCKS

    def __init__(self, system: SoundSystem, microphone: str | None = None, loudspeaker: str | None = None) -> None:
        ear, mouth = system.find("microphone", microphone), system.find("loudspeaker", loudspeaker)
        self.name = f"{ear.name if ear else 'the default microphone'} of {system.name}"
        common: dict[str, Any] = {
            "sample_rate": DEVICE_RATE,
            "buffersize_msec": BLOCK_MS,
            "callback_periods": BLOCKS,
            "backends": [system.backend],
            "app_name": "Myna",
        }
        self._alone: dict[Kind, Callable[[], miniaudio.AbstractDevice]] = {
            "microphone": partial(miniaudio.CaptureDevice, _FLOAT, 1, device_id=ear and ear.handle, **common),
            "loudspeaker": partial(miniaudio.PlaybackDevice, _FLOAT, 1, device_id=mouth and mouth.handle, **common),
        }
        self._starting = threading.Lock()  # a start that hangs goes on in its thread; closing amid it would crash
        try:
            self._duplex = miniaudio.DuplexStream(
                _FLOAT,
                1,
                _FLOAT,
                1,
                playback_device_id=mouth and mouth.handle,
                capture_device_id=ear and ear.handle,
                **common,
            )
        except miniaudio.MiniaudioError as error:
            raise self._explained(error) from error

    async def start(self, exchange: Exchange) -> None:
        """Begin."""
        blocks = _blocks(exchange)
        next(blocks)
        await _answer(partial(self._start, blocks))

    def close(self) -> None:
        """End; the exchange is called no more. Blocks."""
        with self._starting:
            self._duplex.close()

    def _start(self, blocks: Generator[bytes, Any, None]) -> None:
        try:
            with self._starting:
                self._duplex.start(blocks)  # pyright: ignore[reportUnknownMemberType]
        except miniaudio.MiniaudioError as error:
            raise self._explained(error) from error

    def _explained(self, error: miniaudio.MiniaudioError) -> DeviceUnavailable:
        """Which of the two is at fault: each is tried alone."""
        for kind, open_alone in self._alone.items():
            try:
                open_alone().close()
            except miniaudio.MiniaudioError as its:
                return _unavailable(f"The {kind}", its)
        return _unavailable(f"The microphone and the loudspeaker together ({self.name})", error)


_FLOAT = miniaudio.SampleFormat.FLOAT32


def _blocks(exchange: Exchange) -> Generator[bytes, Any, None]:
    """``exchange`` as miniaudio wants it."""
    recorded = yield b""
    while True:
        recorded = yield exchange(np.frombuffer(recorded, np.float32)).astype(np.float32, copy=False).tobytes()


def _unavailable(what: str, error: miniaudio.MiniaudioError) -> DeviceUnavailable:
    why, code = (*error.args, None, None)[:2]
    if code == _ACCESS_DENIED:
        return DeviceUnavailable(
            f"{what} may not be used by this program.",
            hint="Allow it in the privacy settings of your system; on Linux, join the group audio: "
            "sudo usermod -aG audio $USER, and log in again.",
        )
    if code in _TAKEN:
        return DeviceUnavailable(f"{what} is taken by another program.", hint="Close that, or choose another. " + _LIST)
    return DeviceUnavailable(
        f"{what} cannot be opened ({why}, {code}).",
        hint="See that it is plugged in and switched on, or choose another with --input or --output. " + _LIST,
    )


async def _answer(ask: Callable[[], T]) -> T:
    """What ``ask`` gives, asked in a thread, which is left to itself when it hangs.

    Raises:
        DeviceUnavailable: It hangs.
    """
    try:
        # Quiet out here, not in the thread: where that hangs, standard error would be lost, and this error with it.
        with anyio.fail_after(ANSWER_S), _quiet():
            return await anyio.to_thread.run_sync(ask, abandon_on_cancel=True)
    except TimeoutError:
        raise DeviceUnavailable(
            f"The sound system did not answer within {ANSWER_S:g} s.",
            hint="Restart it: `systemctl --user restart pipewire pulseaudio`, for example.",
        ) from None


@contextmanager
def _quiet() -> Generator[None]:
    """What sound libraries write to standard error, past Python, goes to the log: ALSA tells of each attempt there."""
    sys.stderr.flush()
    standard_error = os.dup(2)
    with tempfile.TemporaryFile() as told:
        os.dup2(told.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
            told.seek(0)
            for line in told.read(100_000).decode(errors="replace").splitlines():
                log.debug("%s", line)


@asynccontextmanager
async def open_device(microphone: str | None = None, loudspeaker: str | None = None) -> AsyncGenerator[DuplexDevice]:
    """Both devices, not yet started; None is the default one.

    Raises:
        DeviceUnavailable: One is missing, taken or refused, or the sound system hangs.
        UnknownName: There is no device of that name.
    """
    device = await _answer(lambda: MiniaudioDevice(_find_sound_system(), microphone, loudspeaker))
    try:
        yield device
    finally:
        with anyio.move_on_after(CLOSE_S, shield=True):
            await anyio.to_thread.run_sync(device.close, abandon_on_cancel=True)
