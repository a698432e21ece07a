"""The bridge between a session and the devices, on a virtual clock, with a session that says what it is told to."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Self

import anyio
import anyio.lowlevel
import numpy as np
import pytest
from anyio.streams.memory import MemoryObjectReceiveStream
from tests.local.air import BLOCK_S, Air, audible

from myna.core.audio import HEARING_RATE
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
from myna.engines.base import Samples
from myna.engines.samples import from_pcm16, to_pcm16
from myna.engines.task_group import open_task_group
from myna.local.devices import DEVICE_RATE, Exchange
from myna.local.talk import STUCK_S, talk
from myna.testing.clock import on_virtual_clock

TURN, NEXT = TurnId("turn_a"), TurnId("turn_b")
RATE = 24_000


def tone(seconds: float, rate: int = RATE) -> Samples:
    return 0.3 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate).astype(np.float32)


def audio(seconds: float, turn_id: TurnId = TURN) -> ReplyAudio:
    return ReplyAudio(turn_id, 0, to_pcm16(tone(seconds)), RATE)


class Told:
    """A session that does what the test says."""

    def __init__(self, events: MemoryObjectReceiveStream[Event]) -> None:
        self.commands: list[Command] = []
        self._events = events

    async def send(self, command: Command) -> None:
        self.commands.append(command)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        try:
            return await self._events.receive()
        except anyio.EndOfStream:
            raise StopAsyncIteration from None

    @property
    def reports(self) -> list[ReportPlayed]:
        return [command for command in self.commands if isinstance(command, ReportPlayed)]

    @property
    def heard(self) -> Samples:
        return from_pcm16(b"".join(each.pcm for each in self.commands if isinstance(each, AppendAudio)))


class Talking:
    """A talk whose time the test lets pass."""

    def __init__(self, air: Air, *, remove_echo: bool = False) -> None:
        self.air = air
        self.told: list[Event] = []
        self.warned: list[str] = []
        self._remove_echo = remove_echo
        self._happen, self._events = anyio.create_memory_object_stream[Event](100)
        self.session = Told(self._events)

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[Self]:
        with self._events, self._happen:
            async with open_task_group() as tasks:
                tasks.start_soon(self._talk)
                await anyio.lowlevel.checkpoint()
                yield self
                self._happen.close()

    async def _talk(self) -> None:
        await talk(self.session, self.air, self.told.append, self.warned.append, remove_echo=self._remove_echo)

    def happens(self, *events: Event) -> None:
        for event in events:
            self._happen.send_nowait(event)

    async def passes(self, seconds: float) -> Samples:
        """Let time pass; give what was played."""
        since = len(self.air.played)
        for _ in range(round(seconds / BLOCK_S)):
            await anyio.sleep(BLOCK_S)
            self.air.step()
        return np.concatenate(self.air.played[since:])


@on_virtual_clock
async def test_a_reply_is_played_at_the_rate_of_the_device_and_its_progress_is_told():
    async with Talking(Air()).open() as talking:
        talking.happens(audio(0.5), audio(0.5), ReplyEnded(TURN, complete=True))
        out = await talking.passes(1.5)
        expected = tone(1.0, DEVICE_RATE)
        first = int(np.flatnonzero(out)[0])
        likeness = np.corrcoef(out[first : first + len(expected) - 100], expected[1 : len(expected) - 99])[0, 1]
        assert likeness > 0.99
        played = [report.played_ms for report in talking.session.reports]
        assert played == sorted(set(played))
        assert played[-1] == 1000
        assert len(played) >= 15


@on_virtual_clock
async def test_a_pause_is_heard_within_20_ms_and_the_reply_goes_on_where_it_stopped():
    async with Talking(Air()).open() as talking:
        talking.happens(audio(1.0), ReplyEnded(TURN, complete=True))
        before = await talking.passes(0.3)
        talking.happens(PlaybackPaused(TURN, 250))
        during = await talking.passes(0.5)
        talking.happens(PlaybackResumed(TURN))
        after = await talking.passes(1.2)
        assert audible(before)
        assert not audible(during[DEVICE_RATE * 20 // 1000 :])
        sounded = (np.abs(before) > 1e-6).sum() + (np.abs(after) > 1e-6).sum()
        assert sounded / DEVICE_RATE == pytest.approx(1.0, abs=0.02)
        assert talking.session.reports[-1] == ReportPlayed(TURN, 1000)


@on_virtual_clock
async def test_what_was_interrupted_is_never_heard_and_the_next_reply_is():
    async with Talking(Air()).open() as talking:
        talking.happens(audio(5.0))
        await talking.passes(0.3)
        talking.happens(PlaybackPaused(TURN, 250))
        await talking.passes(0.3)
        talking.happens(Interrupted(TURN, "", 260), TurnEnded(TURN, "interrupted", None))
        assert not audible(await talking.passes(0.5))
        talking.happens(audio(0.2, NEXT), ReplyEnded(NEXT, complete=True))
        assert audible(await talking.passes(0.5))
        assert talking.session.reports[-1] == ReportPlayed(NEXT, 200)


@on_virtual_clock
async def test_what_the_microphone_hears_reaches_the_session_at_16_khz_within_40_ms():
    async with Talking(Air()).open() as talking:
        talking.air.say(tone(0.5, HEARING_RATE), HEARING_RATE)
        await talking.passes(0.54)
        heard = talking.session.heard
        assert np.corrcoef(heard[2:8000], tone(0.5, HEARING_RATE)[: 8000 - 2])[0, 1] > 0.99


@on_virtual_clock
async def test_every_event_is_told_and_the_talk_ends_with_the_session():
    events = (audio(5.0), ReplyEnded(TURN, complete=True), TurnEnded(TURN, "completed", None))
    async with Talking(Air()).open() as talking:
        talking.happens(*events)
        assert audible(await talking.passes(0.1))
    assert talking.told == list(events)
    for _ in range(10):
        talking.air.step()
    assert not audible(np.concatenate(talking.air.played[-9:]))  # although nobody has closed the device yet


@on_virtual_clock
@pytest.mark.parametrize("end", [TurnEnded(TURN, "completed", None), PlaybackResumed(TURN), None])
async def test_what_was_paused_for_a_reply_does_not_stay_silent_for_the_next(end: Event | None):
    async with Talking(Air()).open() as talking:
        talking.happens(audio(0.4), ReplyEnded(TURN, complete=True))
        await talking.passes(0.2)
        talking.happens(PlaybackPaused(TURN, 150))
        await talking.passes(0.2)
        if end is not None:
            talking.happens(end)
            assert audible(await talking.passes(0.1))
        talking.happens(audio(0.3, NEXT), ReplyEnded(NEXT, complete=True))
        await talking.passes(1.0)
        assert talking.session.reports[-1] == ReportPlayed(NEXT, 300)


@on_virtual_clock
async def test_the_end_of_an_utterance_resumes_no_reply():
    async with Talking(Air()).open() as talking:
        talking.happens(audio(1.0), ReplyEnded(TURN, complete=True))
        await talking.passes(0.2)
        talking.happens(PlaybackPaused(TURN, 150), TurnEnded(NEXT, "silent", None))
        await talking.passes(0.1)
        assert not audible(await talking.passes(0.5))


@on_virtual_clock
async def test_a_device_that_is_unplugged_ends_the_talk_with_what_to_do():
    async def unplugged() -> None:
        async with Talking(Air()).open() as talking:
            await talking.passes(1.0)
            await anyio.sleep(STUCK_S + 1)

    with pytest.raises(DeviceUnavailable, match="Nothing comes from a microphone in the air") as error:
        await unplugged()
    assert "unplugged" in error.value.hint


@on_virtual_clock
async def test_a_device_that_does_not_start_says_so():
    class Broken(Air):
        async def start(self, exchange: Exchange) -> None:
            raise DeviceUnavailable("The microphone is taken by another program.")

    with pytest.raises(DeviceUnavailable, match="taken"):
        async with Talking(Broken()).open():
            await anyio.sleep(1)


@on_virtual_clock
async def test_a_microphone_that_is_switched_off_is_told_once():
    class Mute(Air):
        async def start(self, exchange: Exchange) -> None:
            await super().start(lambda near: exchange(np.zeros_like(near)))

    async with Talking(Mute()).open() as talking:
        await talking.passes(15)
        [warning] = talking.warned
        assert warning.startswith("Nothing comes from a microphone in the air, not even noise.")


def test_what_a_busy_machine_loses_is_logged(caplog: pytest.LogCaptureFixture):
    @on_virtual_clock
    async def run() -> None:
        async with Talking(Air()).open() as talking:
            talking.happens(*(audio(20) for _ in range(4)))
            await talking.passes(0.1)
            for _ in range(700):
                talking.air.step()  # and the event loop does not come to it
            await talking.passes(0.1)

    with caplog.at_level(logging.WARNING):
        run()
    reply, heard = (record.getMessage() for record in caplog.records)
    assert "of a reply are lost" in reply
    assert "of what was heard are lost" in heard
