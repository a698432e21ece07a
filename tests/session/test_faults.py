"""Engines and a store that hang, die, crash or babble, at every step of a spoken turn: told once, and life goes on."""

import gc
import weakref
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import anyio
import numpy as np
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.session.faulty import (
    ANSWER,
    FAULTS,
    BadASR,
    BadDetector,
    BadLLM,
    BadStore,
    BadTTS,
    BadVAD,
    EndlessLLM,
    EndlessTTS,
    Fault,
    Trouble,
    hang,
)
from tests.session.players import CONVERSATION, PERSONA

from myna.core.commands import AppendAudio, SendText
from myna.core.errors import Closed
from myna.core.events import PlaybackPaused, ReplyAudio, ReplyText, SpeechStarted, TranscriptFinal
from myna.core.messages import AssistantMessage, UserMessage
from myna.core.preferences import Preferences, TurnTakingPreferences
from myna.session.bounds import Limits
from myna.session.options import SessionEngines, SessionOptions
from myna.session.session import Session, open_session
from myna.store.base import Store
from myna.store.in_memory import InMemoryStore
from myna.testing.asr import ScriptedASR
from myna.testing.clock import on_virtual_clock
from myna.testing.lines import SessionLine
from myna.testing.llm import ScriptedLLM
from myna.testing.microphone import Absent, Expect, Note, Say, Silence, converse
from myna.testing.tts import ScriptedTTS
from myna.testing.vad import ScriptedVAD

LOUD = np.full(16_000, 0.5, np.float32)
LOUD_PCM = b"\x00\x40" * 320
QUIET_PCM = bytes(640)


@dataclass
class Parts:
    """What a session is made of: all of it works, but for what a test replaces."""

    llm: object = field(default_factory=lambda: ScriptedLLM(ANSWER))
    asr: object = field(default_factory=lambda: ScriptedASR("你好"))
    tts: object = field(default_factory=ScriptedTTS)
    vad: object = field(default_factory=ScriptedVAD)
    detector: object = None
    store: object = field(default_factory=InMemoryStore)
    options: SessionOptions = field(default_factory=lambda: SessionOptions(playback_lead_ms=400))


@asynccontextmanager
async def live(parts: Parts) -> AsyncGenerator[Session]:
    store: Store = parts.store  # pyright: ignore[reportAssignmentType] - a test's own parts
    await store.create(CONVERSATION)
    engines = SessionEngines(parts.llm, parts.asr, parts.tts, parts.vad, parts.detector)  # pyright: ignore[reportArgumentType]
    async with open_session(CONVERSATION, PERSONA, engines, store, parts.options) as session:
        yield session


async def talk(parts: Parts, first: Sequence[Expect | Absent]) -> Sequence[Note]:
    """Two spoken turns: of the first this is expected, and the second is answered."""
    async with live(parts) as session:
        script = [Say(LOUD), *first, Silence(6), Say(LOUD), Expect("said", ANSWER), Absent("failed", for_s=10)]
        return await converse(SessionLine(session), script)


def failures(notes: Sequence[Note]) -> list[str]:
    return [note.text for note in notes if note.kind == "failed"]


NEEDED: Mapping[str, Callable[[Trouble], Parts]] = {
    "vad": lambda trouble: Parts(vad=BadVAD(trouble)),
    "the final transcript": lambda trouble: Parts(asr=BadASR(trouble, partial=False)),
    "the first token": lambda trouble: Parts(llm=BadLLM(trouble, 0)),
    "a later token": lambda trouble: Parts(llm=BadLLM(trouble, 1)),
    "the first sound": lambda trouble: Parts(tts=BadTTS(trouble, 0)),
    "a later sound": lambda trouble: Parts(tts=BadTTS(trouble, 1)),
    "keeping the utterance": lambda trouble: Parts(store=BadStore(trouble, UserMessage)),
    "keeping the reply": lambda trouble: Parts(store=BadStore(trouble, AssistantMessage)),
}
SPARED: Mapping[str, Callable[[Trouble], Parts]] = {
    "a partial transcript": lambda trouble: Parts(asr=BadASR(trouble, partial=True)),
    "the turn detector": lambda trouble: Parts(detector=BadDetector(trouble)),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("place", NEEDED)
@on_virtual_clock
async def test_what_a_turn_cannot_do_without_is_told_once_and_the_next_turn_is_answered(
    fault: Fault, place: str
) -> None:
    trouble = Trouble(fault)
    notes = await talk(NEEDED[place](trouble), [Expect("failed", within_s=100)])
    assert trouble.times > 0
    [told] = failures(notes)
    code, message = told.split(": ", 1)
    assert code in {"engine_timeout", "engine_unavailable", "internal"}
    assert message
    assert "a fault in the engine's own code" not in message


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("place", SPARED)
@on_virtual_clock
async def test_what_a_turn_can_do_without_is_not_missed(fault: Fault, place: str) -> None:
    trouble = Trouble(fault)
    notes = await talk(SPARED[place](trouble), [Expect("said", ANSWER, within_s=100)])
    assert trouble.times > 0
    assert failures(notes) == []


@pytest.mark.parametrize("piece", ["一句话。", "哈", "word ", "[", "<think>", "```json\n{"])
@on_virtual_clock
async def test_a_text_that_never_ends_is_ended(piece: str) -> None:
    options = SessionOptions(playback_lead_ms=400, limits=Limits(reply_s=5))
    notes = await talk(Parts(llm=EndlessLLM(piece), options=options), [Expect("failed", within_s=100)])
    assert [told.partition(":")[0] for told in failures(notes)] == ["engine_timeout"]


@on_virtual_clock
async def test_a_voice_that_never_ends_is_ended() -> None:
    notes = await talk(Parts(tts=EndlessTTS()), [Expect("failed", within_s=200)])
    assert [told.partition(":")[0] for told in failures(notes)] == ["engine_timeout"]


@on_virtual_clock
async def test_more_words_than_any_prompt_holds_are_refused() -> None:
    async with live(Parts(asr=ScriptedASR("哈" * 100_000))) as session:
        notes = await converse(SessionLine(session), [Say(LOUD), Expect("failed")])
        assert failures(notes)[0].startswith("prompt_too_long")
        await session.send(SendText("你好"))
        await converse(SessionLine(session), [Expect("said", ANSWER)])


# ------------------------------------------------------------------------------------------------------------- closing


async def feed(session: Session, loud_s: float) -> None:
    """A microphone: somebody speaks for a while, and is silent then."""
    with suppress(Closed):
        for frame in range(100_000):
            await session.send(AppendAudio(LOUD_PCM if frame * 0.02 < loud_s else QUIET_PCM))
            await anyio.sleep(0.02)


async def close_when(parts: Parts, reached: Callable[[set[type]], bool], *, reads: bool = True) -> None:
    """Close a session in the midst of something; nothing of it is left after 2 s."""
    seen: set[type] = set()

    async def read(session: Session) -> None:
        async for event in session:
            seen.add(type(event))

    async def use() -> "weakref.ref[Session] | None":
        async with anyio.create_task_group() as tasks:
            async with live(parts) as session:
                left = weakref.ref(session)
                tasks.start_soon(feed, session, 1.0)
                if reads:
                    tasks.start_soon(read, session)
                with anyio.fail_after(500):
                    while not reached(seen):
                        await anyio.sleep(0.01)
                closed_at = anyio.current_time()
            assert anyio.current_time() - closed_at <= 2.0
            tasks.cancel_scope.cancel()
            return left

    left = await use()
    assert left is not None
    gc.collect()
    assert left() is None


@pytest.mark.parametrize("reads", [True, False])
@pytest.mark.parametrize("place", [*NEEDED, *SPARED])
@on_virtual_clock
async def test_a_session_closes_while_an_engine_hangs(place: str, reads: bool) -> None:
    trouble = Trouble(hang)
    parts = {**NEEDED, **SPARED}[place](trouble)
    await close_when(parts, lambda _: trouble.times > 0, reads=reads)


@pytest.mark.parametrize("moment", [SpeechStarted, TranscriptFinal, ReplyText, ReplyAudio])
@on_virtual_clock
async def test_a_session_closes_at_any_moment(moment: type) -> None:
    parts = Parts(llm=ScriptedLLM("一二三四五六七八九十。" * 20))
    await close_when(parts, lambda seen: moment in seen)


@on_virtual_clock
async def test_a_session_closes_while_it_decides_whether_to_go_on() -> None:
    answers = ScriptedLLM("一二三四五六七八九十。" * 20)
    preferences = Preferences(pauses_playback=True, turn_taking=TurnTakingPreferences())
    options = SessionOptions(playback_lead_ms=400, preferences=preferences)
    async with live(Parts(llm=answers, options=options)) as session:
        await session.send(SendText("你好"))
        async for event in session:
            if isinstance(event, ReplyAudio):
                break
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(feed, session, 1.0)
            async for event in session:
                if isinstance(event, PlaybackPaused):
                    tasks.cancel_scope.cancel()
                    break
        closed_at = anyio.current_time()
    assert anyio.current_time() - closed_at <= 2.0


CALM = anyio.lowlevel.checkpoint
PLACES = {**NEEDED, **SPARED}


@dataclass(frozen=True)
class Case:
    """A fault at a place, whether the client reads, and when the session is closed; None: it lives on."""

    place: str
    fault: Fault
    reads: bool
    closes_after_s: float | None


cases = st.builds(
    Case,
    st.sampled_from(sorted(PLACES)),
    st.sampled_from([hang, *FAULTS, CALM]),
    st.booleans(),
    st.one_of(st.floats(0, 9), st.floats(0.3, 3), st.none()),
)


def test_whatever_goes_wrong_and_whenever_it_is_closed_a_session_ends_in_time_or_answers_again() -> None:
    seen: Counter[str] = Counter()

    @given(cases)
    @settings(deadline=None, max_examples=50)
    @on_virtual_clock
    async def it_does(case: Case) -> None:
        trouble = Trouble(case.fault)
        parts = PLACES[case.place](trouble)
        tasks_before = trio.lowlevel.current_statistics().tasks_living
        if case.closes_after_s is None:
            async with live(parts) as session:
                line = SessionLine(session)
                await converse(line, [Say(LOUD), Silence(80), Say(LOUD), Expect("said", ANSWER, within_s=20)])
        else:
            await close_after(parts, case.closes_after_s, reads=case.reads)
        assert trio.lowlevel.current_statistics().tasks_living == tasks_before
        seen["went on"] += case.closes_after_s is None
        seen["closed in trouble"] += case.closes_after_s is not None and trouble.times > 0
        seen["closed well"] += case.closes_after_s is not None and trouble.times == 0

    it_does()
    assert min(seen["went on"], seen["closed in trouble"], seen["closed well"]) >= 3


async def close_after(parts: Parts, seconds: float, *, reads: bool) -> None:
    """Close a session while somebody talks to it; it takes 2 s at most."""

    async def read(session: Session) -> None:
        async for _ in session:
            pass

    async with anyio.create_task_group() as tasks:
        async with live(parts) as session:
            tasks.start_soon(feed, session, 1.0)
            if reads:
                tasks.start_soon(read, session)
            await anyio.sleep(seconds)
            closed_at = anyio.current_time()
        assert anyio.current_time() - closed_at <= 2.0
        tasks.cancel_scope.cancel()
