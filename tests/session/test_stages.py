"""When the stages of a turn are reached: what each means, on the virtual clock."""

from collections.abc import Sequence
from dataclasses import replace

import anyio
import pytest
from tests.session.live import LIVE, live
from tests.session.players import CONVERSATION, Stage, on_stage
from tests.session.test_memory import Known

from myna.core.commands import ReportPlayed, Say, SendText
from myna.core.events import Event, ReplyAudio, StageTimed, TurnEnded
from myna.core.ids import TurnId
from myna.session.options import SessionOptions
from myna.store.in_memory import InMemoryStore
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import HANG, Pause, ScriptedLLM
from myna.testing.tts import ScriptedTTS

LONG = ["[平静] 一二三四五六七八九十，", Pause(0.5), "一二三四五六七八九十。"]


def timed(events: Sequence[Event]) -> dict[str, float]:
    return {event.stage: event.at_ms for event in events if isinstance(event, StageTimed)}


async def sounding(stage: Stage) -> list[Event]:
    """The events up to the first audio."""
    events: list[Event] = []
    async for event in stage.session:
        events.append(event)
        if isinstance(event, StageTimed) and event.stage == "first_audio":
            return events
    raise AssertionError(events)


async def reported(*played_ms: int) -> tuple[dict[str, float], float, float, dict[str, float]]:
    """What is told when a client reports this every half second, when it began, when it first did, and what is kept."""
    async with on_stage(ScriptedLLM(LONG), tts=ScriptedTTS(), options=LIVE) as stage:
        began_at = anyio.current_time()
        await stage.session.send(SendText("数"))
        events = await sounding(stage)
        turn_id = next(event.turn_id for event in events if isinstance(event, ReplyAudio))
        first_at = anyio.current_time() + 0.5
        for played in played_ms:
            await anyio.sleep(0.5)
            await stage.session.send(ReportPlayed(turn_id, played))
        events += await stage.turn()
        assert isinstance(stage.store, InMemoryStore)
        (kept,) = await stage.store.turns(CONVERSATION.id)
    assert len([event for event in events if isinstance(event, StageTimed) and event.stage == "first_played"]) <= 1
    return timed(events), began_at, first_at, {str(stage): at_ms for stage, at_ms in kept.reached_ms.items()}


@on_virtual_clock
async def test_the_first_sound_was_played_when_the_client_s_first_report_says():
    told, began_at, first_at, kept = await reported(300, 700)
    assert told["first_played"] == pytest.approx((first_at - began_at) * 1000 - 300)
    assert told["first_played"] > told["first_audio"]
    assert kept == told


@on_virtual_clock
async def test_a_report_of_nothing_is_no_first_sound():
    told, began_at, first_at, _ = await reported(0, 200)
    assert told["first_played"] == pytest.approx((first_at + 0.5 - began_at) * 1000 - 200)


@on_virtual_clock
async def test_no_sound_is_played_before_it_was_sent_whatever_a_client_reports():
    told, *_ = await reported(5000)
    assert told["first_played"] == told["first_audio"]


@on_virtual_clock
async def test_of_a_client_that_reports_nothing_nobody_knows_what_was_played():
    told, *_ = await reported()
    assert "first_played" not in told


@on_virtual_clock
async def test_a_report_that_comes_after_the_turn_tells_nothing():
    async with on_stage(ScriptedLLM("[平静] 好。"), tts=ScriptedTTS(), options=LIVE) as stage:
        await stage.session.send(SendText("早"))
        events = await stage.turn()
        await stage.session.send(
            ReportPlayed(TurnId(next(one.turn_id for one in events if isinstance(one, TurnEnded))), 9)
        )
        await anyio.sleep(1)
        stage.session.close()
        assert [event async for event in stage.session] == []


@pytest.mark.parametrize(("takes_s", "recalled_ms"), [(0.0, 0), (0.2, 200), (HANG.seconds, 500)])
@on_virtual_clock
async def test_memory_has_answered_when_it_is_known_what_fits_or_nobody_waits_any_more(
    takes_s: float, recalled_ms: int
):
    memory = Known(takes_s=takes_s)
    options = SessionOptions(memory=memory)
    async with on_stage(ScriptedLLM([Pause(1), "[平静] 好。"]), options=options) as stage:
        await stage.session.send(SendText("我的猫叫什么？"))
        told = timed(await stage.turn())
    assert told["recalled"] == pytest.approx(recalled_ms)
    assert told["first_token"] == pytest.approx(recalled_ms + 1000)


@on_virtual_clock
async def test_a_spoken_turn_reaches_its_stages_in_this_order():
    async with live(ScriptedLLM("[平静] 好，二三四五。"), options=replace(LIVE, memory=Known(takes_s=0.02))) as user:
        await user.speak(1.2, "今天天气好")
        await anyio.sleep(15)
    told = timed(user.told())
    assert set(told) == {"heard", "sure", "recalled", "first_token", "first_segment", "first_audio", "reply", "turn"}
    assert 200 <= told["heard"] < told["recalled"] <= told["first_token"] <= told["first_segment"]
    assert told["first_segment"] < told["sure"] <= told["first_audio"] < told["turn"]  # all but the sound came before


@on_virtual_clock
async def test_what_is_only_recited_has_no_first_token():
    async with on_stage(ScriptedLLM(), tts=ScriptedTTS(), options=LIVE) as stage:
        await stage.session.send(Say("[开心] 你好，我是鸟。"))
        told = timed(await stage.turn())
    assert set(told) == {"first_segment", "first_audio", "reply", "turn"}
