"""Levels for meters: what they tell, how often, and to whom."""

from collections.abc import Sequence
from dataclasses import replace

import anyio
import numpy as np
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.session.ear_players import room, silence, speech
from tests.session.laws import nothing_follows_an_end
from tests.session.live import LIVE, SILENCE, live
from tests.session.players import on_stage
from tests.session.test_hear import MANUAL, Detector, ears

from myna.core.audio import HEARING_RATE
from myna.core.commands import AppendAudio, Configure
from myna.core.events import LevelsHeard, ReplyText, TurnEnded
from myna.core.ids import TurnId
from myna.core.levels import Completeness
from myna.core.preferences import Preferences, TurnTakingPreferences
from myna.engines.samples import to_pcm16
from myna.session.ears import Ears
from myna.session.hear import Hearing
from myna.session.meter import EVERY_MS, QUIETEST_DBFS, Meter
from myna.session.outbox import Outbox
from myna.session.turn_taking import TurnTaking
from myna.testing.asr import ScriptedASR
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import Pause, ScriptedLLM
from myna.testing.vad import ScriptedVAD

TURN = TurnId("turn_a")
SHOWN = Preferences(levels=True)
WATCHED = replace(LIVE, preferences=SHOWN)


def measured(at_ms: int) -> LevelsHeard:
    return LevelsHeard(at_ms, -20.0, 0.5, 0.5, "speech")


async def fed(hearing: Hearing, *audio: bytes, piece_ms: float = 20) -> list[LevelsHeard]:
    """What the meters show while this is fed."""
    pcm, size = b"".join(audio), 2 * round(piece_ms * HEARING_RATE / 1000)
    shown: list[LevelsHeard] = []
    for place in range(0, len(pcm), size):
        await hearing.feed(pcm[place : place + size])
        if (levels := hearing.levels()) is not None:
            shown.append(levels)
        await checkpoint()
    return shown


def level_of(amplitude: float) -> float:
    """The level of a square wave."""
    meter = Meter()
    meter.hear(to_pcm16(np.full(HEARING_RATE, amplitude, np.float32)), 0.0)
    return meter.read(1000, TurnTaking(TurnTakingPreferences()), automatic=True).level_dbfs


@pytest.mark.parametrize(
    ("amplitude", "level_dbfs"), [(0.5, -6.02), (0.1, -20.0), (0.0, QUIETEST_DBFS), (1e-5, QUIETEST_DBFS)]
)
def test_the_level_is_that_of_a_square_wave_against_one_of_full_scale(amplitude: float, level_dbfs: float):
    assert level_of(amplitude) == pytest.approx(level_dbfs, abs=0.01)


@on_virtual_clock
async def test_they_tell_speech_and_silence_and_how_long_is_waited_for_its_end():
    async with room(ears([Pause(0.1), "你好"])) as user:
        user.hearing.configure(SHOWN)
        shown = await fed(user.hearing, silence(500), speech(1000), silence(1500))
    states = [levels.state for levels in shown]
    assert [state for place, state in enumerate(states) if states[place - 1 : place] != [state]] == [
        "silence",
        "speech",
        "waiting",
        "silence",
    ]
    waited = [levels for levels in shown if levels.state == "waiting"]
    assert all(0 < (levels.waited_ms or 0) <= (levels.wait_ms or 0) for levels in waited)
    assert [levels.waited_ms for levels in waited] == sorted(levels.waited_ms or 0 for levels in waited)
    assert {(levels.waited_ms, levels.wait_ms) for levels in shown if levels.state != "waiting"} == {(None, None)}
    assert {levels.threshold for levels in shown} == {0.5}
    assert min(levels.speech or 0 for levels in shown if levels.state == "speech") >= 0.5
    assert {levels.speech for levels in shown[:4]} == {0.0}
    assert shown[0].level_dbfs == QUIETEST_DBFS
    assert max(levels.level_dbfs for levels in shown) == pytest.approx(-20, abs=3)


@on_virtual_clock
async def test_they_tell_what_the_turn_detector_answered_last_and_where():
    engines = Ears(ScriptedASR([Pause(0.1), "你好"]), ScriptedVAD(), Detector(0.75))
    async with room(engines) as user:
        user.hearing.configure(SHOWN)
        before = await fed(user.hearing, silence(500), speech(1000))
        await user.say(silence(400))
        (after,) = await fed(user.hearing, silence(100))
    assert {levels.detector for levels in before} == {None}
    assert after.detector is not None
    assert after.detector == Completeness(0.75, pytest.approx(1700, abs=70))  # pyright: ignore[reportArgumentType] - it is alike


@on_virtual_clock
async def test_where_the_client_commits_they_tell_the_level_alone():
    async with room(ears([Pause(0.1), "你好"])) as user:
        user.hearing.configure(replace(SHOWN, turn_taking=MANUAL))
        shown = await fed(user.hearing, speech(500))
    assert [levels.at_ms for levels in shown] == [100, 200, 300, 400, 500]
    assert {(levels.state, levels.speech, levels.wait_ms) for levels in shown} == {("collecting", None, None)}
    assert shown[0].level_dbfs == pytest.approx(-20, abs=3)


@given(
    lengths_ms=st.lists(st.integers(1, 700), min_size=1, max_size=12), piece_ms=st.sampled_from([5, 20, 64, 100, 333])
)
@settings(deadline=None, max_examples=60)
@on_virtual_clock
async def test_there_is_one_for_each_100_ms_of_audio_at_most(lengths_ms: Sequence[int], piece_ms: int):
    audio = [(speech if place % 2 else silence)(length_ms) for place, length_ms in enumerate(lengths_ms)]
    async with room(ears(*([Pause(0.1), "你好"] for _ in lengths_ms))) as user:
        user.hearing.configure(SHOWN)
        shown = await fed(user.hearing, *audio, piece_ms=piece_ms)
    places = [levels.at_ms // EVERY_MS for levels in shown]
    assert places == sorted(set(places))  # none twice in the same tenth of a second
    assert len(shown) <= sum(lengths_ms) / EVERY_MS
    slowest_ms = max(EVERY_MS, piece_ms) + 32 + piece_ms  # a frame of the VAD, and a piece that holds no whole one
    assert len(shown) >= sum(lengths_ms) // slowest_ms - 1


@on_virtual_clock
async def test_who_did_not_ask_gets_none_and_who_asks_no_more_gets_no_more():
    async with live(ScriptedLLM("好。")) as user:
        await user.speak(1, "今天天气好")
        await anyio.sleep(3)
        assert not [event for event in user.told() if isinstance(event, LevelsHeard)]
        await user.do(Configure(SHOWN))
        await anyio.sleep(1)
        shown = len([event for event in user.told() if isinstance(event, LevelsHeard)])
        assert 7 <= shown <= 10
        await user.do(Configure(Preferences()))
        await anyio.sleep(1)
        assert len([event for event in user.told() if isinstance(event, LevelsHeard)]) == shown


@given(says=st.lists(st.tuples(st.floats(0.1, 2), st.floats(0.05, 2.5)), max_size=5), reads_every_s=st.floats(0, 0.5))
@settings(deadline=None, max_examples=40)
@on_virtual_clock
async def test_a_session_that_shows_them_keeps_its_laws(says: Sequence[tuple[float, float]], reads_every_s: float):
    async with live(ScriptedLLM("好，二三四五六。"), options=WATCHED) as user:
        for speaks_s, rests_s in says:
            await user.speak(speaks_s, "今天天气好不好我们去公园吧")
            await anyio.sleep(rests_s)
        await anyio.sleep(20)
        user.muted = True
        await anyio.sleep(20)
    nothing_follows_an_end(user.told())
    shown = [event.at_ms for event in user.told() if isinstance(event, LevelsHeard)]
    assert shown == sorted(set(shown))
    assert len(shown) <= shown[-1] / EVERY_MS


@on_virtual_clock
async def test_a_client_that_does_not_read_finds_the_newest_alone():
    async with on_stage(ScriptedLLM(), asr=ScriptedASR(), vad=ScriptedVAD(), options=WATCHED) as stage:
        for _ in range(250):
            await stage.session.send(AppendAudio(SILENCE))
        await anyio.sleep(1)
        stage.session.close()
        found = [event async for event in stage.session]
    (levels,) = found
    assert isinstance(levels, LevelsHeard)
    assert levels.at_ms == pytest.approx(5000, abs=EVERY_MS)


async def waiting(outbox: Outbox) -> list[object]:
    """What waits in it."""
    outbox.close()
    events: list[object] = []
    while (event := await outbox.take()) is not None:
        events.append(event)
    return events


@on_virtual_clock
async def test_of_levels_only_the_newest_waits():
    outbox = Outbox(limit=4)
    for at_ms in range(100, 1000, 100):
        outbox.post(measured(at_ms))
    outbox.post(TurnEnded(TURN, "completed", None))
    outbox.post(measured(1000))
    assert await waiting(outbox) == [TurnEnded(TURN, "completed", None), measured(1000)]


@on_virtual_clock
async def test_a_full_outbox_takes_no_levels_and_stays_open_for_them():
    outbox = Outbox(limit=2)
    outbox.post(measured(100))
    outbox.post(ReplyText(TURN, "a"))
    outbox.post(ReplyText(TURN, "b"))
    for at_ms in range(200, 2_000_000, 100):
        outbox.post(measured(at_ms))
    assert not outbox.closed
    assert await waiting(outbox) == [ReplyText(TURN, "a"), ReplyText(TURN, "b")]
