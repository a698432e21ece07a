"""A live session: audio in real time, on the virtual clock, with scripted engines."""

from collections.abc import Sequence
from dataclasses import replace

import anyio
import pytest
from tests.session.live import FRAME_MS, LEAD_MS, LIVE, SILENCE, SPEECH, Live, live
from tests.session.players import kinds, on_stage

from myna.core.audio import duration_ms
from myna.core.commands import (
    AddMessage,
    AppendAudio,
    CommitAudio,
    Configure,
    CreateReply,
    DeleteMessage,
    Interrupt,
    ReportPlayed,
    Say,
    SendText,
    TruncateReply,
)
from myna.core.events import (
    Event,
    Interrupted,
    LevelsHeard,
    MessageAdded,
    MessageDeleted,
    PlaybackPaused,
    PlaybackResumed,
    Refused,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    ReplyTruncated,
    SpeechStopped,
    StageTimed,
    ToolCalled,
    TranscriptFinal,
    TurnEnded,
    TurnStarted,
)
from myna.core.ids import MessageId, TurnId, new_turn_id
from myna.core.messages import AssistantMessage, ToolResultMessage, UserMessage
from myna.core.preferences import Preferences, TurnTakingPreferences
from myna.core.tools import ToolSpec
from myna.engines.base import Finished, ToolCallDelta
from myna.session.hear import Hearing
from myna.session.notes import Note
from myna.session.options import SessionOptions
from myna.testing.asr import ScriptedASR
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import HANG, Pause, ScriptedLLM
from myna.testing.tts import ScriptedTTS
from myna.testing.vad import ScriptedVAD
from myna.tools.tool import tool
from myna.tools.toolbox import Tools, open_toolbox


def taking_turns(**wanted: object) -> SessionOptions:
    preferences = Preferences(turn_taking=replace(TurnTakingPreferences(), **wanted))  # pyright: ignore[reportArgumentType]
    return replace(LIVE, preferences=preferences)


def without_stages(events: Sequence[Event]) -> list[str]:
    kept = [event for event in events if not isinstance(event, StageTimed)]
    names = kinds(kept)
    return [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]


@on_virtual_clock
async def test_a_spoken_turn_tells_its_events_in_order() -> None:
    async with live(ScriptedLLM("[开心] 你好。")) as user:
        await anyio.sleep(1)
        await user.speak(1, "你好吗？")
        await anyio.sleep(5)
    names = [name for name in without_stages(user.told()) if name != "TranscriptPartial"]
    assert names == [
        "SpeechStarted",
        "SpeechStopped",
        "TurnStarted",
        "TranscriptFinal",
        "EmotionChanged",
        "ReplyText",
        "SegmentReady",
        "ReplyAudio",
        "ReplyEnded",
        "TurnEnded",
    ]
    assert len({getattr(event, "turn_id", None) for event in user.told()}) == 1


@on_virtual_clock
async def test_the_reply_is_made_while_it_is_not_yet_sure_and_told_when_it_is() -> None:
    llm = ScriptedLLM([Pause(0.4), "[开心] 你好。"])
    async with live(llm, options=taking_turns(stable_nochange_ms=5000)) as user:
        await user.speak(1, "你好吗")
        await anyio.sleep(5)
    silence_s = user.at(ReplyAudio) - 1
    assert 0.75 <= silence_s <= 0.95  # 800 ms of silence; the LLM's 400 ms went by meanwhile
    assert len(llm.calls) == 1


@on_virtual_clock
async def test_a_reply_that_was_supposed_too_soon_is_never_told_of() -> None:
    llm = ScriptedLLM("[平静] 一。", "[平静] 二。")
    async with live(llm, options=taking_turns(stable_nochange_ms=9000)) as user:
        await user.speak(1, "我想")
        await anyio.sleep(0.5)
        await user.speak(1, "我想回家")
        await anyio.sleep(5)
        history = await user.stage.history()
    assert len(llm.calls) == 2
    assert [event.text for event in user.told() if isinstance(event, ReplyText)] == ["二。"]
    assert [event.text for event in user.told() if isinstance(event, TranscriptFinal)] == ["我想回家"]
    assert [type(message) for message in history] == [UserMessage, AssistantMessage]


@on_virtual_clock
async def test_audio_is_sent_ahead_of_its_time_by_the_lead_and_no_more() -> None:
    async with live(ScriptedLLM("[平静] " + "很长的一句话" * 30 + "。")) as user:
        await user.speak(0.6, "说")
        await anyio.sleep(30)
    sent = [(at, event) for at, event in user.events if isinstance(event, ReplyAudio)]
    began = sent[0][0]
    ahead = 0.0
    for at, event in sent:
        ahead += duration_ms(event.pcm, event.sample_rate)
        assert ahead - (at - began) * 1000 <= LEAD_MS + 101
    assert ahead > 5000
    assert user.at(TurnEnded) - began == pytest.approx(ahead / 1000, abs=0.1)  # it ends when it has been played


LONG = "[平静] " + "很长的一句话，" * 40


@on_virtual_clock
async def test_speech_over_a_reply_pauses_it_and_then_ends_it_with_what_was_heard() -> None:
    async with live(ScriptedLLM(LONG, "[平静] 好。")) as user:
        await user.speak(0.8, "说吧")
        await anyio.sleep(4)
        onset = anyio.current_time()
        await user.speak(2, "不对，我想问别的事情")
        await anyio.sleep(6)
        history = await user.stage.history()
    assert user.at(PlaybackPaused) - onset <= 0.2
    last_audio = max(
        at for at, event in user.events if isinstance(event, ReplyAudio) and event.turn_id == _turns(user)[0]
    )
    assert last_audio - onset <= 0.25
    names = without_stages(user.told())
    interruption = names.index("PlaybackPaused")
    following = [name for name in names[interruption:] if name != "TranscriptPartial"]
    assert [name for name in following if name != "ReplyAudio"][1:4] == ["SpeechStarted", "Interrupted", "TurnEnded"]
    interrupted = next(event for event in user.told() if isinstance(event, Interrupted))
    kept = [message for message in history if isinstance(message, AssistantMessage)]
    assert kept[0].outcome == "interrupted"
    assert kept[0].reply.heard == interrupted.heard
    # 60 ms a letter: what was sent until the pause was heard, for a client that does not pause
    assert len([c for c in interrupted.heard if c.isalnum()]) == pytest.approx(interrupted.played_ms / 60, abs=2)
    assert kept[1].reply.display == "好。"


@on_virtual_clock
async def test_a_cough_over_a_reply_only_pauses_it() -> None:
    llm = ScriptedLLM(LONG)
    async with live(llm) as user:
        await user.speak(0.8, "说吧")
        await anyio.sleep(4)
        await user.speak(0.25, "")
        await anyio.sleep(60)
    names = kinds(user.told())
    assert names.count("PlaybackPaused") == names.count("PlaybackResumed") == 1
    assert names.count("SpeechStarted") == 1
    assert next(event for event in user.told() if isinstance(event, TurnEnded)).outcome == "completed"
    assert user.at(PlaybackResumed) - user.at(PlaybackPaused) < 2


@on_virtual_clock
async def test_a_client_that_pauses_by_itself_has_heard_what_it_says_it_has_played() -> None:
    options = replace(LIVE, preferences=Preferences(pauses_playback=True))
    async with live(ScriptedLLM(LONG), options=options) as user:
        await user.speak(0.8, "说吧")
        await anyio.sleep(4)
        await user.do(ReportPlayed(_turns(user)[0], 1200))
        await user.do(Interrupt())
        await anyio.sleep(0.1)
    interrupted = next(event for event in user.told() if isinstance(event, Interrupted))
    assert interrupted.played_ms == 1200
    assert len([c for c in interrupted.heard if c.isalnum()]) == 20


@on_virtual_clock
async def test_speech_while_the_reply_is_thought_out_withdraws_it_and_joins_the_utterances() -> None:
    llm = ScriptedLLM([HANG], "[平静] 好。")
    async with live(llm) as user:
        await user.speak(1, "我想问一下。")
        await anyio.sleep(1.5)
        await user.speak(1.5, "明天的天气")
        await anyio.sleep(5)
        history = await user.stage.history()
    assert llm.calls[-1].request.messages[-1].content == "我想问一下。\n明天的天气"
    assert [type(message) for message in history] == [UserMessage, UserMessage, AssistantMessage]
    outcomes = [event.outcome for event in user.told() if isinstance(event, TurnEnded)]
    assert outcomes == ["interrupted", "completed"]


@on_virtual_clock
async def test_what_could_not_be_answered_before_is_answered_once_with_what_followed_it() -> None:
    llm = ScriptedLLM("[平静] 好。")
    async with live(llm, asr_delay_s=1.5) as user:
        await user.speak(1, "我想问一下。")
        await anyio.sleep(1.2)
        await user.speak(2, "明天的天气")  # while the first one is still being heard
        await anyio.sleep(8)
        history = await user.stage.history()
    assert [type(message) for message in history] == [UserMessage, UserMessage, AssistantMessage]
    assert len(llm.calls) == 1


@on_virtual_clock
async def test_a_mere_stop_ends_the_reply_and_is_not_answered() -> None:
    llm = ScriptedLLM(LONG)
    async with live(llm) as user:
        await user.speak(0.8, "说吧")
        await anyio.sleep(3)
        await user.speak(0.5, "停")
        await anyio.sleep(5)
        history = await user.stage.history()
    assert len(llm.calls) == 1
    assert [event.outcome for event in user.told() if isinstance(event, TurnEnded)] == ["interrupted", "completed"]
    assert isinstance(history[-1], UserMessage)


@on_virtual_clock
async def test_where_speech_may_not_interrupt_it_is_answered_when_the_reply_has_ended() -> None:
    llm = ScriptedLLM("[平静] " + "很长的一句话，" * 10, "[平静] 好。")
    async with live(llm, options=taking_turns(barge_in="never")) as user:
        await user.speak(0.8, "说吧")
        await anyio.sleep(2)
        await user.speak(0.8, "还有呢？")
        await anyio.sleep(20)
        history = await user.stage.history()
    assert "Interrupted" not in kinds(user.told())
    assert [type(message) for message in history] == [UserMessage, AssistantMessage, UserMessage, AssistantMessage]
    assert user.at(TurnStarted, 1) >= user.at(TurnEnded)


@on_virtual_clock
async def test_without_replies_utterances_are_heard_and_not_answered() -> None:
    async with live(None, options=taking_turns(replies=False)) as user:
        for text in ("一", "二"):
            await user.speak(0.8, text)
            await anyio.sleep(2)
    assert [event.text for event in user.told() if isinstance(event, TranscriptFinal)] == ["一", "二"]
    assert [event.outcome for event in user.told() if isinstance(event, TurnEnded)] == ["completed"] * 2


@on_virtual_clock
async def test_an_utterance_ends_though_its_audio_stops_coming() -> None:
    asr = ScriptedASR("你好")
    async with on_stage(ScriptedLLM("[平静] 好。"), asr=asr, vad=ScriptedVAD(), options=LIVE) as stage:
        for _ in range(50):
            await stage.session.send(AppendAudio(SPEECH))
            await anyio.sleep(FRAME_MS / 1000)
        with anyio.fail_after(5):
            assert [event for event in await stage.turn() if isinstance(event, SpeechStopped)]


@on_virtual_clock
async def test_audio_that_waits_is_heard_together_and_all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fed: list[int] = []
    feed = Hearing.feed

    async def noted(hearing: Hearing, pcm: bytes) -> Sequence[Note]:
        fed.append(len(pcm))
        return await feed(hearing, pcm)

    monkeypatch.setattr(Hearing, "feed", noted)
    async with on_stage(ScriptedLLM("[平静] 好。"), asr=ScriptedASR("你好"), vad=ScriptedVAD(), options=LIVE) as stage:
        for frame in (*[SPEECH] * 35, *[SILENCE] * 60):
            await stage.session.send(AppendAudio(frame))
        with anyio.fail_after(5):
            stopped = next(event for event in await stage.turn() if isinstance(event, SpeechStopped))
    assert abs(stopped.at_ms - 35 * FRAME_MS) <= 32  # as if it had come piece by piece
    assert sum(fed) == 95 * len(SPEECH)
    assert max(fed) <= 10 * len(SPEECH)
    assert len(fed) <= 12


@on_virtual_clock
async def test_committed_audio_is_answered_when_that_is_asked_for() -> None:
    options = taking_turns(automatic=False)
    async with on_stage(
        ScriptedLLM("[平静] 好。"), asr=ScriptedASR("你好"), vad=ScriptedVAD(), options=options
    ) as stage:
        await stage.session.send(AppendAudio(SPEECH * 50))
        await stage.session.send(CommitAudio(replies=False))
        turn_id = new_turn_id()
        await stage.session.send(CreateReply(turn_id))
        heard = await stage.turn()
        reply = await stage.turn()
    assert [name for name in kinds(heard) if name != "StageTimed"] == ["TurnStarted", "TranscriptFinal", "TurnEnded"]
    assert {
        event.turn_id
        for event in reply
        if not isinstance(event, LevelsHeard | MessageAdded | MessageDeleted | Refused | ReplyTruncated)
    } == {turn_id}
    assert "ReplyText" in kinds(reply)


@on_virtual_clock
async def test_a_tool_of_the_client_s_is_called_and_its_result_answered() -> None:
    call = ToolCallDelta(0, "call_1", "weather", '{"city": "北京"}')
    llm = ScriptedLLM(["[平静] 我看看。", call], "[开心] 晴天。")
    tool = ToolSpec("weather", "", {"type": "object", "properties": {"city": {"type": "string"}}})
    options = replace(LIVE, preferences=Preferences(tools=(tool,)))
    async with on_stage(llm, tts=ScriptedTTS(), options=options) as stage:
        await stage.session.send(SendText("天气？"))
        events: list[Event] = []
        async for event in stage.session:
            events.append(event)
            if isinstance(event, ReplyEnded):
                break
        called = next(event for event in events if isinstance(event, ToolCalled))
        assert called.call.arguments == '{"city": "北京"}'
        result = ToolResultMessage(MessageId("item_1"), TurnId(""), "call_1", "sunny")
        await stage.session.send(AddMessage(result))
        await stage.session.send(CreateReply(new_turn_id()))
        first = await stage.turn()
        second = await stage.turn()
    ended = first[-1]
    assert isinstance(ended, TurnEnded)
    assert ended.outcome == "completed"  # what was only being played is not cut short
    assert "ReplyText" in kinds(second)
    sent = llm.calls[1].request.messages[-3:]
    assert [message.role for message in sent] == ["user", "assistant", "tool"]
    assert sent[1].tool_calls[0].id == "call_1"
    assert (sent[2].content, sent[2].tool_call_id) == ("sunny", "call_1")


@on_virtual_clock
async def test_a_reply_apart_leaves_no_trace_and_runs_beside_another() -> None:
    llm = ScriptedLLM(["[平静] 一。", Pause(5), "二。"], "[平静] 旁白。")
    async with on_stage(llm, options=LIVE) as stage:
        await stage.session.send(SendText("数"))
        await anyio.sleep(1)
        question = UserMessage(MessageId("item_1"), TurnId(""), "总结一下")
        await stage.session.send(CreateReply(apart := new_turn_id(), messages=(question,), apart=True))
        first, second = await stage.turn(), await stage.turn()
        history = await stage.history()
    ends = [event for event in (*first, *second) if isinstance(event, TurnEnded)]
    assert [(end.turn_id == apart, end.outcome) for end in ends] == [(True, "completed"), (False, "completed")]
    assert llm.calls[1].request.messages[-1].content == "总结一下"
    assert len(history) == 2


@on_virtual_clock
async def test_messages_are_added_deleted_and_truncated() -> None:
    async with on_stage(ScriptedLLM("[平静] " + "很长的一句话，" * 4), tts=ScriptedTTS(), options=LIVE) as stage:
        session = stage.session
        await session.send(AddMessage(UserMessage(MessageId("item_1"), TurnId(""), "早")))
        await session.send(Say("[开心] 你好，我是鸟。"))
        events = await stage.turn()
        reply_id = next(event.reply_id for event in events if isinstance(event, TurnStarted))
        assert reply_id is not None
        await session.send(TruncateReply(reply_id, 2 * 60))
        await session.send(DeleteMessage(MessageId("item_1")))
        await session.send(DeleteMessage(MessageId("item_9"), ref="evt_1"))
        await session.send(TruncateReply(reply_id, 60_000, ref="evt_2"))
        told = [await anext(session) for _ in range(4)]
        history = await stage.history()
    assert told[0] == ReplyTruncated(reply_id, "你好，", 120)
    assert told[1] == MessageDeleted(MessageId("item_1"))
    assert [(event.ref, event.code) for event in told[2:] if isinstance(event, Refused)] == [
        ("evt_1", "unknown_name"),
        ("evt_2", "bad_input"),
    ]
    assert [message.reply.heard for message in history if isinstance(message, AssistantMessage)] == ["你好，"]


@on_virtual_clock
async def test_preferences_hold_from_the_next_turn_on() -> None:
    llm, tts = ScriptedLLM("[平静] 好。"), ScriptedTTS()
    async with on_stage(llm, tts=tts) as stage:
        await stage.session.send(Configure(Preferences(instructions="Be brief.", voice="af_heart", max_tokens=7)))
        await stage.session.send(SendText("早"))
        await stage.turn()
        await stage.session.send(Configure(Preferences(speaks=False)))
        await stage.session.send(SendText("早"))
        await stage.turn()
    assert llm.calls[0].request.messages[0].content.startswith("Be brief.")
    assert llm.calls[0].request.sampling.max_tokens == 7
    assert [call.style.voice for call in tts.calls] == ["af_heart"]


@on_virtual_clock
async def test_closing_tells_what_was_begun_to_its_end() -> None:
    options = taking_turns(replies=False)
    async with on_stage(None, asr=ScriptedASR([Pause(1), "你好"]), vad=ScriptedVAD(), options=options) as stage:
        await stage.session.send(AppendAudio(SPEECH * 50))
        await stage.session.send(CommitAudio(replies=False))
        stage.session.close()
        told = [event async for event in stage.session]
    assert [event.text for event in told if isinstance(event, TranscriptFinal)] == ["你好"]


@on_virtual_clock
async def test_after_a_long_silence_behind_a_reply_the_assistant_speaks_by_itself() -> None:
    llm = ScriptedLLM("[平静] 一。", "[平静] 你还在吗？")
    async with live(llm, options=taking_turns(idle_timeout_ms=5000)) as user:
        await user.speak(0.8, "你好")
        await anyio.sleep(20)
    assert kinds(user.told()).count("IdleTimedOut") == 1
    assert [event.text for event in user.told() if isinstance(event, ReplyText)] == ["一。", "你还在吗？"]


def _turns(user: Live) -> list[TurnId]:
    return [event.turn_id for event in user.told() if isinstance(event, TurnStarted)]


@on_virtual_clock
async def test_audio_that_comes_faster_than_it_is_heard_waits_and_none_is_lost() -> None:
    options = taking_turns(replies=False)
    told: list[Event] = []
    asr = ScriptedASR(*[[Pause(0.5), f"第{n}句"] for n in range(40)])
    async with on_stage(None, asr=asr, vad=ScriptedVAD(), options=options) as stage:

        async def talk() -> None:
            for _ in range(20):
                await stage.session.send(AppendAudio(SPEECH * 100))
                await stage.session.send(AppendAudio(SILENCE * 100))
            stage.session.close()

        async with anyio.create_task_group() as group:
            group.start_soon(talk)
            told = [event async for event in stage.session]
    assert "Failed" not in kinds(told)
    assert kinds(told).count("TranscriptFinal") == 20


@on_virtual_clock
async def test_a_reply_of_which_nothing_was_heard_still_has_its_place() -> None:
    async with on_stage(ScriptedLLM([HANG]), options=LIVE) as stage:
        session = stage.session
        await session.send(SendText("早"))
        await anyio.sleep(1)
        await session.send(Interrupt())
        reply_id = next(event.reply_id for event in await stage.turn() if isinstance(event, TurnStarted))
        await session.send(AddMessage(UserMessage(MessageId("item_1"), TurnId(""), "晚"), after=reply_id))
        await session.send(DeleteMessage(reply_id or MessageId("")))
        await session.send(DeleteMessage(reply_id or MessageId(""), ref="again"))
        told = [await anext(session) for _ in range(3)]
        history = await stage.history()
    assert kinds(told) == ["MessageAdded", "MessageDeleted", "Refused"]
    assert [message.text for message in history if isinstance(message, UserMessage)] == ["早", "晚"]


@on_virtual_clock
async def test_a_reply_that_is_deleted_while_it_is_spoken_ends_and_leaves_no_trace() -> None:
    async with on_stage(ScriptedLLM(LONG), tts=ScriptedTTS(), options=LIVE) as stage:
        await stage.session.send(SendText("说"))
        await anyio.sleep(2)
        reply_id = next(event.reply_id for event in [await anext(stage.session)] if isinstance(event, TurnStarted))
        await stage.session.send(DeleteMessage(reply_id or MessageId("")))
        told = await stage.turn()
        assert isinstance(await anext(stage.session), MessageDeleted)
        history = await stage.history()
    assert isinstance(told[-1], TurnEnded)
    assert told[-1].outcome == "interrupted"
    assert [type(message) for message in history] == [UserMessage]


@on_virtual_clock
async def test_a_tool_waits_until_it_is_sure_that_the_utterance_is_over() -> None:
    rang: list[float] = []

    @tool
    async def ring() -> str:
        """Ring the bell."""
        rang.append(anyio.current_time())
        return "rang"

    call = [ToolCallDelta(0, "c", "ring", "{}"), Finished("tool_calls")]
    llm = ScriptedLLM(call, call, "好了。")
    async with open_toolbox([Tools((ring,))]) as toolbox:
        options = replace(taking_turns(stable_nochange_ms=9000), tools=toolbox.select(["*"]))
        async with live(llm, options=options) as user:
            await user.speak(1, "请")
            await anyio.sleep(0.5)
            await user.speak(1, "请按铃")
            await anyio.sleep(5)
            stopped_at = max(at for at, event in user.events if isinstance(event, SpeechStopped))
    assert len(llm.calls) == 3  # supposed, withdrawn, and asked again
    assert [at >= stopped_at for at in rang] == [True]
