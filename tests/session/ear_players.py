"""Hearing with scripted engines, on the virtual clock: audio in real time, and the notes that came of it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import numpy as np

from myna.core.audio import HEARING_RATE
from myna.core.preferences import Preferences, TurnTakingPreferences
from myna.engines.samples import to_pcm16
from myna.session.ears import Done
from myna.session.hear import Ears, Hearing, HearingOptions
from myna.session.notes import FinalHeard, Note, PartialHeard

PIECE_MS = 20


def speech(ms: float) -> bytes:
    """What `ScriptedVAD` takes for speech. No two samples near each other are alike."""
    places = np.arange(round(ms * HEARING_RATE / 1000))
    return to_pcm16((0.1 + 0.05 * np.sin(places * 0.37) * np.sin(places * 0.0011)).astype(np.float32))


def silence(ms: float) -> bytes:
    """Nothing at all."""
    return bytes(2 * round(ms * HEARING_RATE / 1000))


@dataclass
class Room:
    """Somebody who speaks, and what was heard."""

    hearing: Hearing
    inbox: list[Done] = field(default_factory=list[Done])
    notes: list[Note] = field(default_factory=list[Note])

    async def say(self, *audio: bytes, piece_ms: float = PIECE_MS) -> Sequence[Note]:
        """Play audio in real time; the notes that came of it meanwhile."""
        before = len(self.notes)
        pcm = b"".join(audio)
        size = 2 * round(piece_ms * HEARING_RATE / 1000)
        for place in range(0, len(pcm), size):
            piece = pcm[place : place + size]
            await anyio.sleep(len(piece) / 2 / HEARING_RATE)
            self.settle()
            self.notes += await self.hearing.feed(piece)
        return self.notes[before:]

    async def wait(self, seconds: float) -> Sequence[Note]:
        """No audio comes, and nobody minds."""
        before = len(self.notes)
        for _ in range(10):  # a job that has ended may start another
            await anyio.sleep(seconds / 10)
            self.settle()
        return self.notes[before:]

    def settle(self) -> None:
        """What the owner does with the jobs that have ended."""
        while self.inbox:
            self.notes += self.hearing.settle(self.inbox.pop(0))

    def commit(self) -> Sequence[Note]:
        notes = self.hearing.commit()
        self.notes += notes
        return notes

    def texts(self) -> list[str]:
        """The final texts."""
        return [note.utterance.text for note in self.notes if isinstance(note, FinalHeard)]


@asynccontextmanager
async def room(
    ears: Ears, taking: TurnTakingPreferences | None = None, options: HearingOptions | None = None
) -> AsyncGenerator[Room]:
    async with anyio.create_task_group() as jobs:
        inbox: list[Done] = []

        async def done(one: Done) -> None:
            inbox.append(one)

        hearing = Hearing(ears, options or HearingOptions(), jobs, done)
        hearing.configure(Preferences(turn_taking=taking or TurnTakingPreferences()))
        yield Room(hearing, inbox)
        jobs.cancel_scope.cancel()


def kinds(notes: Sequence[Note], *, partials: bool = False) -> list[str]:
    return [type(note).__name__ for note in notes if partials or not isinstance(note, PartialHeard)]
