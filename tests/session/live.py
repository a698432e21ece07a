"""A user at a microphone in front of a session, on the virtual clock."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import numpy as np
from tests.session.players import Stage, on_stage

from myna.core.audio import HEARING_RATE
from myna.core.commands import AppendAudio, Command
from myna.core.events import Event
from myna.engines.base import LLM, TTS, ASRInfo, ASROptions, Samples, Transcript, TranscriptSegment
from myna.engines.samples import to_pcm16
from myna.session.options import SessionOptions
from myna.store.base import Store
from myna.testing.tts import ScriptedTTS
from myna.testing.vad import ScriptedVAD

LEAD_MS = 400
LIVE = SessionOptions(playback_lead_ms=LEAD_MS)
FRAME_MS = 20
LETTERS_PER_S = 6


def _frame(level: float) -> bytes:
    time = np.arange(HEARING_RATE * FRAME_MS // 1000)
    return to_pcm16((np.sin(2 * np.pi * 200 * time / HEARING_RATE) * level).astype(np.float32))


SPEECH, SILENCE = _frame(0.3), _frame(0)


@dataclass
class Attentive:
    """Hears what the user says now, so many letters of it as were said."""

    text: str = ""
    delay_s: float = 0.1

    @property
    def info(self) -> ASRInfo:
        return ASRInfo("attentive", HEARING_RATE, frozenset(), word_times=False)

    async def transcribe(self, samples: Samples, options: ASROptions) -> Transcript:
        await anyio.sleep(self.delay_s)
        seconds = len(samples) / HEARING_RATE
        text = self.text[: 1 + round(seconds * LETTERS_PER_S)]
        return Transcript(text, "zh", (TranscriptSegment(text, 0, seconds),)) if text else Transcript("", None)


@dataclass
class Live:
    """A user at a microphone, and what reaches him, with the times.

    Attributes:
        heeds: What else is done with each event when it comes.
        stalled_until: Until then nothing is read.
    """

    stage: Stage
    asr: Attentive
    heeds: Callable[[Event], None] | None = None
    events: list[tuple[float, Event]] = field(default_factory=list[tuple[float, Event]])
    speaks: bool = False
    muted: bool = False
    stalled_until: float = 0.0

    async def speak(self, seconds: float, text: str) -> None:
        self.asr.text = text
        self.speaks = True
        await anyio.sleep(seconds)
        self.speaks = False

    async def do(self, command: Command) -> None:
        await self.stage.session.send(command)

    def told(self) -> list[Event]:
        return [event for _, event in self.events]

    def at(self, kind: type[Event], nth: int = 0) -> float:
        return [at for at, event in self.events if isinstance(event, kind)][nth]

    async def talk(self) -> None:
        while not self.muted:
            await self.do(AppendAudio(SPEECH if self.speaks else SILENCE))
            await anyio.sleep(FRAME_MS / 1000)

    async def listen(self) -> None:
        async for event in self.stage.session:
            self.events.append((anyio.current_time(), event))
            if self.heeds is not None:
                self.heeds(event)
            while anyio.current_time() < self.stalled_until:
                await anyio.sleep_until(self.stalled_until)


@asynccontextmanager
async def live(
    llm: LLM | None,
    *,
    options: SessionOptions = LIVE,
    asr_delay_s: float = 0.1,
    tts: TTS | None = None,
    store: Store | None = None,
    heeds: Callable[[Event], None] | None = None,
) -> AsyncGenerator[Live]:
    asr, tts = Attentive(delay_s=asr_delay_s), ScriptedTTS() if tts is None else tts
    async with on_stage(llm, asr=asr, tts=tts, vad=ScriptedVAD(), options=options, store=store) as stage:
        user = Live(stage, asr, heeds)
        async with anyio.create_task_group() as group:
            group.start_soon(user.listen)
            group.start_soon(user.talk)
            yield user
            group.cancel_scope.cancel()
