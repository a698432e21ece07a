"""A real conversation through the air: the loudspeaker is heard by the microphone, and a user speaks into it."""

from collections.abc import AsyncGenerator
from contextlib import closing
from typing import TypeVar

import anyio
import jiwer
import numpy as np
import pytest
from tests.engines.recordings import Recording, needs_recordings, recordings
from tests.local.air import TimedAir, audible
from tests.local.rooms import Room

from myna.core.audio import HEARING_RATE
from myna.core.commands import Say
from myna.core.events import (
    Event,
    Interrupted,
    PlaybackPaused,
    ReplyAudio,
    SpeechStarted,
    TranscriptFinal,
    TurnEnded,
)
from myna.core.ids import new_conversation_id
from myna.core.messages import Conversation
from myna.core.preferences import Preferences
from myna.engines.asr.faster_whisper import plugin as whisper
from myna.engines.base import Resources
from myna.engines.scheduler import open_scheduler
from myna.engines.tts.kokoro import plugin as kokoro
from myna.engines.turn.smart_turn import plugin as smart_turn
from myna.engines.vad.silero import plugin as silero
from myna.local.devices import DEVICE_RATE
from myna.local.talk import talk
from myna.personas.load import Personas
from myna.session.options import SessionEngines, SessionOptions
from myna.session.session import Session, open_session
from myna.store.in_memory import InMemoryStore
from myna.testing.llm import ScriptedLLM
from myna.weights.locate import Weights

pytestmark = [pytest.mark.models, pytest.mark.anyio, needs_recordings]

GREETING = "你好，很高兴见到你。今天想聊些什么呢？你可以随时打断我，我会马上停下来听你说。"
LONG = "[平静] 这个问题很有意思。让我从头慢慢讲给你听。很久很久以前，有一座高高的山，山上住着一位老人。他每天都在种树。"
SHORT = "[平静] 好的，我听着呢。"

T = TypeVar("T")


@pytest.fixture
async def engines(weights: Weights, anyio_backend: str) -> AsyncGenerator[SessionEngines]:
    async with open_scheduler({"cpu": 2}) as scheduler:
        resources = Resources(weights, scheduler)
        async with (
            whisper.open(whisper.options_model(), resources) as asr,
            kokoro.open(kokoro.options_model(), resources) as tts,
            silero.open(silero.options_model(), resources) as vad,
            smart_turn.open(smart_turn.options_model(), resources) as detector,
        ):
            yield SessionEngines(ScriptedLLM(LONG, SHORT), asr, tts, vad, detector)


class User:
    """Somebody in the room who reacts to what happens."""

    def __init__(self, air: TimedAir) -> None:
        self.air = air
        self.events: list[Event] = []
        self.played_at: list[int] = []
        self.interrupts = False
        self.over = anyio.Event()

    def happens(self, event: Event) -> None:
        self.events.append(event)
        self.played_at.append(len(self.air.played))
        match event:
            case TurnEnded() if self.ended == ["completed"]:
                self.says(recordings()[4])
            case ReplyAudio() if self.ended == ["completed"] and not self.interrupts:
                self.says(recordings()[10], after_s=2.0)
                self.interrupts = True
            case TurnEnded() if len(self.ended) == 3:
                self.over.set()
            case _:
                pass

    def says(self, what: Recording, after_s: float = 0.3) -> None:
        voice = 0.3 * what.samples / np.abs(what.samples).max()
        self.air.say(np.pad(voice, (int(after_s * HEARING_RATE), 0)).astype(np.float32), HEARING_RATE)

    @property
    def ended(self) -> list[str]:
        return [event.outcome for event in self.events if isinstance(event, TurnEnded)]

    def all(self, kind: type[T]) -> list[T]:
        return [event for event in self.events if isinstance(event, kind)]


async def converse(engines: SessionEngines, air: TimedAir) -> User:
    persona, store = Personas(None).find("assistant"), InMemoryStore()
    conversation = Conversation(new_conversation_id(), persona.id)
    await store.create(conversation)
    options = SessionOptions(playback_lead_ms=400, preferences=Preferences(pauses_playback=True, language="zh"))
    user = User(air)

    async def run(session: Session) -> None:
        with closing(air):
            await talk(session, air, user.happens, print, remove_echo=True)

    async with (
        open_session(conversation, persona, engines, store, options) as session,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(run, session)
        await session.send(Say(GREETING))
        with anyio.fail_after(240):
            await user.over.wait()
        tasks.cancel_scope.cancel()
    return user


async def test_the_bot_does_not_hear_itself_and_is_interrupted_by_who_speaks_over_it(engines: SessionEngines):
    air = TimedAir(Room())
    user = await converse(engines, air)

    assert user.ended == ["completed", "interrupted", "completed"]
    assert len(user.all(SpeechStarted)) == 2  # the user's, and none of its own
    question, interruption = (event.text for event in user.all(TranscriptFinal))
    assert jiwer.cer(recordings()[4].text, question) < 0.5
    assert jiwer.cer(recordings()[10].text, interruption) < 0.8
    [interrupted] = user.all(Interrupted)
    reply = LONG.removeprefix("[平静] ")
    assert reply.startswith(interrupted.heard)
    assert interrupted.heard != reply
    assert user.all(PlaybackPaused)

    begins, ends = (user.played_at[user.events.index(each)] for each in (user.all(TurnEnded)[0], interrupted))
    played = np.count_nonzero(np.concatenate(air.played[begins:ends]))
    assert interrupted.played_ms == pytest.approx(played / DEVICE_RATE * 1000, abs=100)

    first, last = (user.events.index(each) for each in (interrupted, user.all(SpeechStarted)[1]))
    silent = air.played[user.played_at[first] + 3 : user.played_at[last + 1]]
    assert not audible(np.concatenate([np.zeros(1, np.float32), *silent]))
    assert audible(air.sound[-5 * DEVICE_RATE :])
