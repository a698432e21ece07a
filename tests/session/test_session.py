from collections.abc import AsyncGenerator, Sequence

import anyio
import pytest
from tests.session.players import kinds, on_stage, said, shown, turn_ids

from myna.core.commands import AppendAudio, CommitAudio, Interrupt, SendText
from myna.core.errors import BadInput, Closed, EngineUnavailable
from myna.core.events import (
    EmotionChanged,
    Event,
    Failed,
    Interrupted,
    ReplyText,
    SegmentReady,
    StageTimed,
    TranscriptFinal,
    TurnEnded,
    TurnStarted,
)
from myna.core.messages import AssistantMessage, UserMessage
from myna.engines.base import LLMDelta, LLMInfo, LLMMessage, LLMRequest, Sampling, TextDelta
from myna.session.options import SessionOptions
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import HANG, Pause, ScriptedLLM
from myna.testing.tts import ScriptedTTS


@on_virtual_clock
async def test_a_text_turn_shows_words_and_emotion_and_never_the_tag() -> None:
    async with on_stage(ScriptedLLM(["[开", "心] 你", "好！"])) as stage:
        await stage.session.send(SendText("早"))
        events = await stage.turn()
        assert shown(events) == "你好！"
        assert [event.emotion for event in events if isinstance(event, EmotionChanged)] == ["开心"]
        assert [event.segment.speech for event in events if isinstance(event, SegmentReady)] == ["你好！"]
        assert isinstance(events[0], TurnStarted)
        assert isinstance(events[-1], TurnEnded)
        assert events[-1].outcome == "completed"
        assert events[-1].reply is not None
        assert (events[-1].reply.raw, events[-1].reply.display) == ("[开心] 你好！", "你好！")
        assert len(turn_ids(events)) == 1


@on_virtual_clock
async def test_raw_replies_go_back_to_the_model_with_their_tags() -> None:
    llm = ScriptedLLM("[开心] 你好！", "[平静] 嗯。")
    async with on_stage(llm) as stage:
        for text in ("早", "晚"):
            await stage.session.send(SendText(text))
            await stage.turn()
    assert [message.content for message in llm.calls[1].request.messages[-3:]] == ["早", "[开心] 你好！", "晚"]
    assert llm.calls[1].request.messages[: len(llm.calls[0].request.messages)] == llm.calls[0].request.messages
    assert llm.calls[0].request.cache_key == llm.calls[1].request.cache_key == "conv_test"


@on_virtual_clock
async def test_only_the_first_words_of_a_reply_are_urgent() -> None:
    tts = ScriptedTTS()
    async with on_stage(ScriptedLLM("好的，我们现在就出发。今天去公园。"), tts=tts) as stage:
        await stage.session.send(SendText("走吧"))
        await stage.turn()
        await stage.session.send(SendText("走吧"))
        await stage.turn()
    half = len(tts.calls) // 2
    assert half > 1
    assert [call.urgent for call in tts.calls] == [True, *[False] * (half - 1)] * 2


@on_virtual_clock
async def test_what_was_said_before_the_llm_died_is_spoken_to_its_end_and_then_the_failure_is_told() -> None:
    llm = ScriptedLLM(["[平静] 第一句话。第二句话。第三", EngineUnavailable("The LLM is gone.")])
    tts = ScriptedTTS([Pause(1)])
    async with on_stage(llm, tts=tts) as stage:
        await stage.session.send(SendText("说"))
        events = await stage.turn()
    assert shown(events) == "第一句话。第二句话。第三"
    assert "".join(call.text for call in tts.calls) == "第一句话。第二句话。第三"
    assert kinds(events)[-2:] == ["Failed", "TurnEnded"]
    assert isinstance(events[-1], TurnEnded)
    assert (events[-1].outcome, events[-1].reply and events[-1].reply.display) == ("failed", shown(events))


@on_virtual_clock
async def test_a_model_that_says_nothing_is_asked_again_and_then_its_silence_is_told() -> None:
    llm = ScriptedLLM("[平静]", "好。", "[开心]", " ")
    async with on_stage(llm) as stage:
        await stage.session.send(SendText("早"))
        assert shown(await stage.turn()) == "好。"
        assert llm.calls[0].request.messages == llm.calls[1].request.messages
        await stage.session.send(SendText("早"))
        told = await stage.turn()
        assert [event.message for event in told if isinstance(event, Failed)] == ["The LLM scripted said nothing."]


@on_virtual_clock
async def test_stages_are_timed_in_their_order() -> None:
    async with on_stage(ScriptedLLM([Pause(1), "[平静] 一，", Pause(2), "二。"])) as stage:
        await stage.session.send(SendText("数"))
        timed = {event.stage: event.at_ms for event in await stage.turn() if isinstance(event, StageTimed)}
    assert timed == pytest.approx({"first_token": 1000, "first_segment": 3000, "reply": 3000, "turn": 3000})


@on_virtual_clock
async def test_an_interrupt_ends_the_turn_before_the_next_may_begin() -> None:
    llm = ScriptedLLM(["[平静] 一。", Pause(5), "二。"], "[开心] 好。")
    async with on_stage(llm) as stage:
        await stage.session.send(SendText("数"))
        with anyio.move_on_after(1):
            async for _ in stage.session:
                pass
        await stage.session.send(Interrupt())
        await stage.session.send(SendText("停"))
        first = await stage.turn()
        assert llm.calls[0].ended == "closed"
        assert kinds(first) == ["Interrupted", "TurnEnded"]
        second = await stage.turn()
        assert shown(second) == "好。"
        assert not turn_ids(first) & turn_ids(second)
        history = await stage.history()
    assert said(history) == ["数", "[平静] 一。", "停", "[开心] 好。"]


@on_virtual_clock
async def test_a_new_utterance_interrupts_the_reply_that_runs() -> None:
    async with on_stage(ScriptedLLM(["[平静] 一。", HANG], "[平静] 好。")) as stage:
        await stage.session.send(SendText("数"))
        await anyio.sleep(1)
        await stage.session.send(SendText("停"))
        assert kinds(await stage.turn())[-2:] == ["Interrupted", "TurnEnded"]
        assert shown(await stage.turn()) == "好。"


@on_virtual_clock
async def test_what_the_client_has_not_taken_is_withdrawn_and_never_was_said() -> None:
    async with on_stage(ScriptedLLM(["[平静] 一。", "二。", "三。", HANG])) as stage:
        await stage.session.send(SendText("数"))
        seen = ""
        async for event in stage.session:
            if isinstance(event, ReplyText):
                seen = event.text
                break
        await anyio.sleep(1)
        await stage.session.send(Interrupt())
        await anyio.sleep(1)
        events = await stage.turn()
        assert shown(events) == ""
        ended = events[-1]
        assert isinstance(ended, TurnEnded)
        assert ended.reply is not None
        assert ended.reply.heard == seen
        assert ended.reply.raw == f"[平静] {seen}"
        message = (await stage.history())[-1]
    assert isinstance(message, AssistantMessage)
    assert message.outcome == "interrupted"
    assert message.reply == ended.reply


@on_virtual_clock
async def test_an_interrupt_with_nothing_running_is_nothing() -> None:
    async with on_stage(ScriptedLLM("[平静] 好。")) as stage:
        await stage.session.send(Interrupt())
        await stage.session.send(SendText("早"))
        assert shown(await stage.turn()) == "好。"


@on_virtual_clock
async def test_an_engine_that_fails_is_told_and_the_session_answers_the_next_turn() -> None:
    llm = ScriptedLLM(["[平静] 一，", EngineUnavailable("The LLM is gone.", hint="Wait.")], "[平静] 好。")
    async with on_stage(llm) as stage:
        await stage.session.send(SendText("数"))
        events = await stage.turn()
        failed = next(event for event in events if isinstance(event, Failed))
        assert (failed.code, failed.message, failed.hint) == ("engine_unavailable", "The LLM is gone.", "Wait.")
        assert shown(events) == "一，"
        assert isinstance(events[-1], TurnEnded)
        assert events[-1].outcome == "failed"
        await stage.session.send(SendText("再来"))
        assert shown(await stage.turn()) == "好。"


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ([HANG], "did not answer within 30 s"),
        (["[平静] 一，", HANG], "did not answer within 15 s"),
        (["[平静] 一，", *[Pause(10), "。"] * 20], "did not answer within 60 s"),
    ],
)
@on_virtual_clock
async def test_an_llm_that_hangs_is_given_up(script: Sequence[str | Pause], told: str) -> None:
    llm = ScriptedLLM(script, "[平静] 好。")
    async with on_stage(llm) as stage:
        await stage.session.send(SendText("数"))
        events = await stage.turn()
        failed = next(event for event in events if isinstance(event, Failed))
        assert failed.code == "engine_timeout"
        assert told in failed.message
        assert llm.calls[0].ended == "closed"
        await stage.session.send(SendText("再来"))
        assert shown(await stage.turn()) == "好。"


# ------------------------------------------------------------------------------------------------------- the budget


@on_virtual_clock
async def test_an_utterance_longer_than_the_context_is_refused_and_not_kept_and_the_next_is_answered() -> None:
    llm = ScriptedLLM("[平静] 好。")
    options = SessionOptions(max_context_tokens=1000)
    async with on_stage(llm, options=options) as stage:
        await stage.session.send(SendText("长" * 5000))
        events = await stage.turn()
        failed = next(event for event in events if isinstance(event, Failed))
        assert failed.code == "prompt_too_long"
        assert "message is 5004 tokens long" in failed.message
        assert llm.calls == []
        assert list(await stage.history()) == []
        await stage.session.send(SendText("短"))
        assert shown(await stage.turn()) == "好。"
        assert [message.text for message in await stage.history() if isinstance(message, UserMessage)] == ["短"]


@on_virtual_clock
async def test_a_long_conversation_stays_within_the_context_and_the_answer_has_its_room() -> None:
    llm = ScriptedLLM(f"[平静] {'好' * 60}。")
    options = SessionOptions(sampling=Sampling(max_tokens=800), max_history_rounds=100, max_context_tokens=1000)
    async with on_stage(llm, options=options) as stage:
        for turn in range(20):
            await stage.session.send(SendText(f"{turn} {'早' * 30}"))
            await stage.turn()
    for turn, call in enumerate(llm.calls):
        assert await llm.count_tokens(call.request.messages) <= 500
        assert call.request.sampling.max_tokens == 500
        assert call.request.messages[-1].content.startswith(f"{turn} ")
        assert turn == 0 or call.request.messages[-3].content.startswith(f"{turn - 1} ")
    starts = [call.request.messages[1].content for call in llm.calls]
    assert 1 < len(set(starts)) < 10


class SlowToCountLLM(ScriptedLLM):
    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        await anyio.sleep(60)
        return len(messages)


@on_virtual_clock
async def test_a_tokenizer_that_hangs_is_given_up_and_loses_no_utterance() -> None:
    options = SessionOptions(max_context_tokens=1000)
    async with on_stage(SlowToCountLLM("[平静] 好。"), options=options) as stage:
        await stage.session.send(SendText("长" * 500))
        failed = next(event for event in await stage.turn() if isinstance(event, Failed))
        assert failed.code == "engine_timeout"
        assert "within 30 s" in failed.message
        assert [m.text for m in await stage.history() if isinstance(m, UserMessage)] == ["长" * 500]


@on_virtual_clock
async def test_an_interruption_while_tokens_are_counted_loses_no_utterance() -> None:
    options = SessionOptions(max_context_tokens=1000)
    async with on_stage(SlowToCountLLM("[平静] 好。"), options=options) as stage:
        await stage.session.send(SendText("长" * 500))
        await anyio.sleep(0.1)
        await stage.session.send(Interrupt())
        await stage.turn()
        assert [m.text for m in await stage.history() if isinstance(m, UserMessage)] == ["长" * 500]


class BuggyLLM:
    info = LLMInfo("buggy", None, native_tools=False, output_schema=False)

    async def generate(self, request: LLMRequest) -> AsyncGenerator[LLMDelta]:
        yield TextDelta(f"[平静] {request.messages[0].role[10]}")

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        return len(messages)


@on_virtual_clock
async def test_an_engine_s_own_fault_ends_the_turn_and_not_the_session(caplog: pytest.LogCaptureFixture) -> None:
    async with on_stage(BuggyLLM()) as stage:
        for _ in range(2):
            await stage.session.send(SendText("早"))
            events = await stage.turn()
            assert [event.code for event in events if isinstance(event, Failed)] == ["engine_unavailable"]
    assert "IndexError" in caplog.text


@on_virtual_clock
async def test_closing_takes_less_than_two_seconds_with_a_client_that_never_reads() -> None:
    llm = ScriptedLLM(["[平静] ", *["字"] * 1000, HANG])
    async with on_stage(llm) as stage:
        await stage.session.send(SendText("数"))
        await anyio.sleep(5)
        began = anyio.current_time()
    assert anyio.current_time() - began < 2
    assert llm.calls[0].ended == "closed"
    assert [type(message) for message in await stage.history()] == [UserMessage]  # what nobody took was never said


@on_virtual_clock
async def test_what_was_said_before_the_session_was_closed_is_kept() -> None:
    async with on_stage(ScriptedLLM(["[平静] 一。", HANG])) as stage:
        await stage.session.send(SendText("数"))
        with anyio.move_on_after(1):
            async for _ in stage.session:
                pass
    message = (await stage.history())[-1]
    assert isinstance(message, AssistantMessage)
    assert (message.outcome, message.reply.raw) == ("interrupted", "[平静] 一。")


@on_virtual_clock
async def test_a_closed_session_takes_no_commands_and_its_events_end() -> None:
    async with on_stage(ScriptedLLM("[平静] 好。")) as stage:
        pass
    with pytest.raises(Closed):
        await stage.session.send(SendText("早"))
    assert [event async for event in stage.session] == []


@on_virtual_clock
async def test_commands_that_make_no_sense_are_refused_and_change_nothing() -> None:
    async with on_stage(ScriptedLLM("[平静] 好。")) as stage:
        with pytest.raises(BadInput, match="half a sample"):
            await stage.session.send(AppendAudio(b"123"))
        with pytest.raises(BadInput, match="empty"):
            await stage.session.send(SendText(" \n"))
        await stage.session.send(SendText("早"))
        assert shown(await stage.turn()) == "好。"


@on_virtual_clock
async def test_audio_without_an_asr_is_a_clear_failure() -> None:
    async with on_stage(ScriptedLLM("[平静] 好。")) as stage:
        await stage.session.send(AppendAudio(bytes(3200)))
        await stage.session.send(CommitAudio())
        events: list[Event] = await stage.turn()
        assert [event.message for event in events if isinstance(event, Failed)] == [
            "This session has no ASR, so it cannot hear."
        ]
        assert not any(isinstance(event, TranscriptFinal | Interrupted) for event in events)
