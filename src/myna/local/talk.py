"""A session and the devices of this machine, joined."""

import logging
from collections.abc import Callable
from typing import Protocol, Self

import anyio

from myna.core.audio import duration_ms
from myna.core.commands import AppendAudio, Command, ReportPlayed
from myna.core.errors import DeviceUnavailable
from myna.core.events import (
    Event,
    Interrupted,
    PlaybackPaused,
    PlaybackResumed,
    ReplyAudio,
    ReplyEnded,
    TurnEnded,
)
from myna.core.ids import TurnId
from myna.engines.samples import from_pcm16
from myna.engines.task_group import open_task_group
from myna.local.devices import DEVICE_RATE, DuplexDevice
from myna.local.echo import EchoRemover
from myna.local.player import Player, Position
from myna.local.sound import Sound
from myna.wire.audio_formats import Resampler

log = logging.getLogger(__name__)

LISTEN_S = 0.01
"""How often it is looked what was heard. The audio thread does not wake the event loop: that would take a lock."""

REPORT_S = 0.05
"""How often the session is told how much of a reply was played."""

STUCK_S = 2.0
"""A device that asks for nothing so long is gone. Not all sound systems tell when it is unplugged."""

MUTE_S = 5.0
"""A microphone that gives not even noise so long is switched off, or the system keeps it from us."""

ECHO_MS = 60
"""About how late an echo comes: the device's buffers, and a room."""


class Talkable(Protocol):
    """A `myna.session.session.Session`, here or elsewhere."""

    async def send(self, command: Command) -> None:
        """Do what the client asks for."""
        ...

    def __aiter__(self) -> Self: ...

    async def __anext__(self) -> Event: ...


async def talk(
    session: Talkable,
    device: DuplexDevice,
    tell: Callable[[Event], None],
    warn: Callable[[str], None],
    *,
    remove_echo: bool,
) -> None:
    """Talk until the session ends.

    Args:
        session: Who answers. It was told that this client pauses its playback.
        device: What to hear and to play with; started here, and silent in the end.
        tell: Is given each event that happens.
        warn: Is given what the user should see to, in a sentence.
        remove_echo: Whether what is played is taken out of what is heard.

    Raises:
        DeviceUnavailable: The devices do not start, or are gone.
    """
    sound = Sound(device.blocks_ahead, EchoRemover(ECHO_MS) if remove_echo else None)
    await device.start(sound.exchange)
    try:
        async with open_task_group() as tasks:
            tasks.start_soon(_listen, session, sound, device.name, warn)
            tasks.start_soon(_report, session, sound.player)
            speaker = _Speaker(sound.player)
            async for event in session:
                speaker.take(event)
                tell(event)
            tasks.cancel_scope.cancel()
    finally:
        sound.player.flush()  # who opened the device may take a while to close it


class _Speaker:
    """Does with the player what events say."""

    def __init__(self, player: Player) -> None:
        self._player = player
        self._resampler: Resampler | None = None
        self._turn_id: TurnId | None = None
        self._paused: TurnId | None = None

    def take(self, event: Event) -> None:
        self._pause_or_go_on(event)
        match event:
            case ReplyAudio(turn_id=turn_id, pcm=pcm, sample_rate=rate):
                if self._resampler is None or turn_id != self._turn_id:
                    self._resampler, self._turn_id = Resampler(rate, DEVICE_RATE), turn_id
                self._play(turn_id, self._resampler.feed(pcm))
            case ReplyEnded(turn_id=turn_id) if self._resampler is not None and turn_id == self._turn_id:
                self._play(turn_id, self._resampler.finish())
                self._resampler = None
            case Interrupted():
                self._player.flush()
                self._resampler = None
            case TurnEnded(turn_id=turn_id) if turn_id == self._turn_id:
                self._resampler = None
            case _:
                pass

    def _pause_or_go_on(self, event: Event) -> None:
        match event:
            case PlaybackPaused(turn_id=turn_id):
                self._paused = turn_id
                self._player.pause()
                return
            case PlaybackResumed():
                pass
            case TurnEnded(turn_id=turn_id) if turn_id == self._paused:  # nothing resumes what has ended
                pass
            case ReplyAudio(turn_id=turn_id) if turn_id != self._paused:
                pass
            case _:
                return
        if self._paused is not None:
            self._paused = None
            self._player.resume()

    def _play(self, turn_id: TurnId, pcm: bytes) -> None:
        if pcm and not self._player.play(turn_id, from_pcm16(pcm)):
            lost_ms = duration_ms(pcm, DEVICE_RATE)
            log.warning("%.0f ms of a reply are lost: too much waits to be played", lost_ms)


async def _listen(session: Talkable, sound: Sound, microphone: str, warn: Callable[[str], None]) -> None:
    blocks, since, lost_ms, warned = sound.blocks, anyio.current_time(), 0.0, False
    while True:
        if pcm := sound.take_heard():
            await session.send(AppendAudio(pcm))
        if sound.blocks != blocks:
            blocks, since = sound.blocks, anyio.current_time()
        elif anyio.current_time() - since > STUCK_S:
            raise DeviceUnavailable(
                f"Nothing comes from {microphone} any more.",
                hint="Was it unplugged? Plug it in and start `myna talk` again, or choose another with --input.",
            )
        if sound.lost_ms > lost_ms:
            log.warning("%.0f ms of what was heard are lost: this machine is too busy", sound.lost_ms - lost_ms)
            lost_ms = sound.lost_ms
        if sound.exact_silence_s > MUTE_S and not warned:
            warn(f"Nothing comes from {microphone}, not even noise. Is it switched off, or kept from programs?")
            warned = True
        await anyio.sleep(LISTEN_S)


async def _report(session: Talkable, player: Player) -> None:
    told: Position | None = None
    while True:
        if (position := player.position) is not None and position != told:
            await session.send(ReportPlayed(position.turn_id, position.played_ms))
            told = position
        await anyio.sleep(REPORT_S)
