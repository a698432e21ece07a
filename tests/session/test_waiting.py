"""An ASR that hangs or is slow, in a session: of a microphone nothing is held up, of a recording nothing is lost."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import anyio
import pytest
from tests.session.live import LIVE, SILENCE, SPEECH
from tests.session.players import Stage, on_stage

from myna.core.commands import AppendAudio, CommitAudio, SendText
from myna.core.events import Event, Failed, SpeechStopped, TranscriptFinal, TurnStarted
from myna.core.preferences import Preferences, TurnTakingPreferences
from myna.session.bounds import Limits
from myna.session.hear import UNHEARD_S
from myna.session.pace import AHEAD_S
from myna.session.waiting import LAGS
from myna.testing.asr import ScriptedASR
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import HANG, Pause, ScriptedLLM
from myna.testing.vad import ScriptedVAD

HEAR_S = 20.0
PIECE_S = 0.1
LOUD, QUIET = SPEECH * 5, SILENCE * 5
HELLO = [LOUD] * 6 + [QUIET] * 10
"""What somebody says who gets no answer, in pieces."""
HELLO_S = 1.6


@dataclass
class Client:
    """Sends audio, and notes what happens, and when."""

    stage: Stage
    events: list[tuple[float, Event]] = field(default_factory=list[tuple[float, Event]])
    sent_s: float = 0.0
    most_ahead_s: float = 0.0
    longest_wait_s: float = 0.0

    async def send(self, pieces: Sequence[bytes], *, live: bool = True) -> None:
        for piece in pieces:
            before = anyio.current_time()
            await self.stage.session.send(AppendAudio(piece))
            self.longest_wait_s = max(self.longest_wait_s, anyio.current_time() - before)
            self.sent_s += PIECE_S
            self.most_ahead_s = max(self.most_ahead_s, self.sent_s - HELLO_S * len(self.finals()))
            if live:
                await anyio.sleep(PIECE_S)

    async def listen(self) -> None:
        async for event in self.stage.session:
            self.events.append((anyio.current_time(), event))

    def finals(self) -> list[str]:
        return [event.text for _, event in self.events if isinstance(event, TranscriptFinal) and event.text]

    def failures(self) -> list[str]:
        return [event.code for _, event in self.events if isinstance(event, Failed)]

    def waited_s(self) -> list[float]:
        """How long it took from the end of each utterance until it was told what became of it."""
        ends = {event.turn_id: at for at, event in self.events if isinstance(event, SpeechStopped)}
        known = {event.turn_id: at for at, event in self.events if isinstance(event, Failed | TranscriptFinal)}
        return [known[turn_id] - at if turn_id in known else float("inf") for turn_id, at in ends.items()]


@asynccontextmanager
async def client(asr: ScriptedASR, *, automatic: bool = True) -> AsyncGenerator[Client]:
    taking = TurnTakingPreferences(automatic=automatic, replies=False)
    options = replace(LIVE, limits=Limits(hear_s=HEAR_S), preferences=Preferences(turn_taking=taking), tick_s=1000)
    async with on_stage(ScriptedLLM("[平静] 好。"), asr=asr, vad=ScriptedVAD(), options=options) as stage:
        one = Client(stage)
        async with anyio.create_task_group() as group:
            group.start_soon(one.listen)
            yield one
            group.cancel_scope.cancel()


@on_virtual_clock
async def test_who_repeats_himself_to_an_asr_that_hangs_is_told_each_time_and_nothing_of_his_is_held_up() -> None:
    async with client(ScriptedASR([HANG])) as user:
        await user.send(HELLO * 40)
        await anyio.sleep(HEAR_S + 5)
        assert user.longest_wait_s == 0
        waited_s = user.waited_s()
        assert len(waited_s) == 40
        assert max(waited_s) <= HEAR_S + 1.5  # long audio may take longer: a quarter of it
        assert set(user.failures()) == {"engine_timeout", "busy"}
        assert len(user.failures()) == 40


@on_virtual_clock
async def test_what_is_typed_while_utterances_wait_is_taken_at_once() -> None:
    async with client(ScriptedASR([HANG])) as user:
        await user.send(HELLO * (LAGS + 2))
        await user.stage.session.send(SendText("你在吗？"))
        await anyio.sleep(0.1)
        assert isinstance(user.events[-2][1], TurnStarted)
        assert len(await user.stage.history()) == 1
        await anyio.sleep(2 * HEAR_S)
        assert len(user.failures()) == LAGS + 2


@on_virtual_clock
async def test_an_asr_that_has_hung_once_costs_what_waited_too_long_and_nothing_else() -> None:
    async with client(ScriptedASR([HANG], [Pause(0.3), "你好"])) as user:
        await user.send(HELLO * 20)
        await anyio.sleep(HEAR_S)
        assert user.failures()[0] == "engine_timeout"
        assert 2 <= len(user.failures()) <= 6
        assert len(user.finals()) + len(user.failures()) == 20
        assert max(user.waited_s()) <= HEAR_S + 1.5


@on_virtual_clock
async def test_an_asr_that_is_slower_than_speech_hears_what_it_can_and_the_rest_is_told() -> None:
    async with client(ScriptedASR([Pause(3.0), "你好"])) as user:
        await user.send(HELLO * 60)
        await anyio.sleep(2 * HEAR_S)
        assert user.longest_wait_s == 0
        assert set(user.failures()) == {"busy"}
        assert len(user.finals()) >= 25
        assert len(user.finals()) + len(user.failures()) == 60
        assert max(user.waited_s()) <= HEAR_S + 1.5


@pytest.mark.parametrize("slow_s", [0.1, 15.0])
@on_virtual_clock
async def test_a_recording_that_is_sent_at_once_waits_and_is_heard_whole(slow_s: float) -> None:
    async with client(ScriptedASR([Pause(slow_s), "你好"])) as user:
        await user.send(HELLO * 60, live=False)
        await user.send([QUIET] * 20)
        await anyio.sleep(30 * slow_s)
        assert user.failures() == []
        assert user.finals() == ["你好"] * 60
        on_its_way_s = 64 * PIECE_S  # in the inbox
        assert user.most_ahead_s <= AHEAD_S + (LAGS + 2) * HELLO_S + on_its_way_s


@on_virtual_clock
async def test_a_long_recording_without_a_pause_waits_as_well() -> None:
    async with client(ScriptedASR([Pause(6.0), "啊"]), automatic=False) as user:
        began_at = anyio.current_time()
        await user.send([LOUD] * 3000, live=False)
        heard_s = (anyio.current_time() - began_at) / 6.0 * 8.0  # at most
        assert heard_s >= 300 - UNHEARD_S - 10
        await user.stage.session.send(CommitAudio())
        await anyio.sleep(100)
        assert user.failures() == []
        [text] = user.finals()
        assert len(text) >= 300 / 8


@on_virtual_clock
async def test_a_recording_is_told_of_an_asr_that_hangs_too_and_goes_on() -> None:
    async with client(ScriptedASR([HANG], "你好")) as user:
        await user.send(HELLO * 30, live=False)
        await user.send([QUIET] * 20)
        await anyio.sleep(HEAR_S)
        assert len(user.finals()) + len(user.failures()) == 30
        assert user.failures()[0] == "engine_timeout"
        assert len(user.failures()) <= 1 + AHEAD_S / HELLO_S
