"""The laws of the heart that hold already, each as a property over scripts, commands and their times."""

from collections.abc import Sequence
from dataclasses import replace

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.session.live import LIVE, live
from tests.session.players import on_stage

from myna.core.audio import duration_ms
from myna.core.commands import (
    AddMessage,
    AllowTool,
    ClearAudio,
    Command,
    CommitAudio,
    Configure,
    CreateReply,
    Interrupt,
    Say,
    SendText,
)
from myna.core.errors import EngineRefused
from myna.core.events import (
    Event,
    Interrupted,
    PlaybackPaused,
    PlaybackResumed,
    ReplyAudio,
    ReplyText,
    SpeechStarted,
    SpeechStopped,
    ToolEnded,
    ToolStarted,
    TranscriptFinal,
    TurnEnded,
    TurnStarted,
)
from myna.core.ids import TurnId, new_message_id, new_turn_id
from myna.core.messages import AssistantMessage, Message, ToolCallMessage, ToolResultMessage, UserMessage
from myna.core.preferences import BargeIn, Preferences, TurnTakingPreferences
from myna.core.tools import ToolSpec
from myna.engines.base import ToolCallDelta
from myna.session.speak import FADE_MS, PIECE_MS
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import HANG, Pause, ScriptedLLM, Step
from myna.testing.tools import ScriptedTool
from myna.testing.tts import MS_PER_CHARACTER
from myna.tools.toolbox import Tools, open_toolbox

steps = st.one_of(
    st.sampled_from(["[开心] ", "[生气]", "一，", "二。", "<think>想</think>", "three ", "**四**", "\n", "[", "]"]),
    st.floats(0.01, 20).map(Pause),
    st.sampled_from([HANG, EngineRefused("No.")]),
)
replies = st.lists(st.lists(steps, max_size=8), min_size=1, max_size=4)
commands = st.lists(
    st.tuples(st.floats(0, 10), st.sampled_from([SendText("早"), SendText("晚"), Interrupt(), Interrupt(played_ms=0)])),
    max_size=8,
)


@given(replies=replies, commands=commands, reads_every_s=st.sampled_from([0.0, 0.5, 30.0]))
@settings(deadline=None, max_examples=150)
@on_virtual_clock
async def test_an_interrupted_reply_says_nothing_more_and_history_keeps_what_was_said(
    replies: Sequence[Sequence[Step]], commands: Sequence[tuple[float, Command]], reads_every_s: float
) -> None:
    taken: list[tuple[float, Event]] = []
    given_at: list[float] = []
    llm = ScriptedLLM(*replies)

    async with on_stage(llm) as stage:

        async def read() -> None:
            async for event in stage.session:
                taken.append((anyio.current_time(), event))
                await anyio.sleep(reads_every_s)

        async with anyio.create_task_group() as group:
            group.start_soon(read)
            for after_s, command in commands:
                await anyio.sleep(after_s)
                given_at.append(anyio.current_time())
                await stage.session.send(command)
            await anyio.sleep(10_000)
            group.cancel_scope.cancel()
        history = await stage.history()

    events = [event for _, event in taken]
    sent = [command.text for _, command in commands if isinstance(command, SendText)]
    assert [message.text for message in history if isinstance(message, UserMessage)] == sent  # none is lost
    ended = [event for event in events if isinstance(event, TurnEnded)]
    assert len(ended) == len(sent)  # every turn ends, whatever its engine does
    assert all(call.ended is not None for call in llm.calls)  # and has let go of its engine
    next_at = [
        given_at[place + 1] if place + 1 < len(commands) else float("inf")
        for place, (_, command) in enumerate(commands)
        if isinstance(command, SendText)
    ]
    for end, over_at in zip(ended, next_at, strict=True):
        said_at = [at for at, event in taken if isinstance(event, ReplyText) and event.turn_id == end.turn_id]
        assert end.outcome != "interrupted" or max(said_at, default=0) <= over_at
        of_turn = [event for event in events if getattr(event, "turn_id", None) == end.turn_id]
        assert of_turn[-1] == end
        after_interruption = [type(event) for event in of_turn if isinstance(event, Interrupted | TurnEnded)]
        assert [type(event) for event in of_turn[-len(after_interruption) :]] == after_interruption
        said = "".join(event.text for event in of_turn if isinstance(event, ReplyText))
        kept = [m.reply for m in history if isinstance(m, AssistantMessage) and m.turn_id == end.turn_id]
        assert kept == ([end.reply] if end.reply else [])
        assert [reply.display for reply in kept] == ([said] if said else [])


# ------------------------------------------------------------------------------------------------ a live session

SAID = ["你好", "今天天气怎么样？", "不对，我说的是明天", "停", "嗯", ""]
reply_scripts = st.lists(
    st.lists(
        st.one_of(
            st.sampled_from(["[开心] ", "一句话，", "又是一句话。", "three words here. ", "```\ncode\n```", "😀"]),
            st.floats(0.01, 3).map(Pause),
            st.sampled_from([HANG, EngineRefused("No.")]),
            st.tuples(st.integers(0, 2), st.sampled_from(["look", "order", "pay", "nothing", "show_map"])).map(
                lambda call: ToolCallDelta(call[0], None, call[1], "{}")
            ),
        ),
        max_size=8,
    ),
    min_size=1,
    max_size=4,
)
MAPS = ToolSpec("show_map", "The client's.", {"type": "object", "properties": {}})


BARGE_INS: tuple[BargeIn, ...] = ("pause", "stop_words", "never")


def barging_in(barge_in: BargeIn) -> Configure:
    return Configure(Preferences(tools=(MAPS,), turn_taking=TurnTakingPreferences(barge_in=barge_in)))


acts = st.lists(
    st.tuples(
        st.floats(0.05, 6),
        st.one_of(
            st.tuples(st.floats(0.1, 2.5), st.sampled_from(SAID)),
            st.sampled_from([SendText("早"), Interrupt(), Interrupt(played_ms=100), Say("你好。"), ClearAudio()]),
            st.sampled_from([CommitAudio(), CommitAudio(replies=False)]),
            st.just("create"),
            st.just("message"),
            st.just("allow"),
            st.sampled_from(BARGE_INS).map(barging_in),
        ),
    ),
    max_size=6,
)


@given(
    replies=reply_scripts,
    acts=acts,
    barge_in=st.sampled_from(BARGE_INS),
    pauses_playback=st.booleans(),
    asr_delay_s=st.sampled_from([0.05, 0.4, 2.5]),
    tools=st.tuples(st.sampled_from([0.0, 0.3, 4.0]), st.booleans()),
)
@settings(deadline=None, max_examples=80)
@on_virtual_clock
async def test_whatever_happens_in_a_live_session_the_laws_hold(
    replies: Sequence[Sequence[Step]],
    acts: Sequence[tuple[float, object]],
    barge_in: BargeIn,
    pauses_playback: bool,
    asr_delay_s: float,
    tools: tuple[float, bool],
) -> None:
    turn_taking = TurnTakingPreferences(barge_in=barge_in)
    tool_s, allows = tools
    preferences = Preferences(
        tools=(MAPS,), allows_tools=allows, pauses_playback=pauses_playback, turn_taking=turn_taking
    )
    llm = ScriptedLLM(*replies)
    source = Tools(
        (
            ScriptedTool("look", [Pause(tool_s), "seen"]),
            ScriptedTool("order", [Pause(tool_s), "comes"], cancellable=False),
            ScriptedTool("pay", "paid", confirm=True),
        )
    )
    async with (
        open_toolbox([source]) as toolbox,
        live(
            llm,
            options=replace(LIVE, preferences=preferences, tools=toolbox.select(["*"]), most_rounds=3),
            asr_delay_s=asr_delay_s,
        ) as user,
    ):
        for after_s, act in acts:
            await anyio.sleep(after_s)
            match act:
                case (float() as seconds, str() as text):
                    await user.speak(seconds, text)
                case "create":
                    await user.do(CreateReply(new_turn_id()))
                case "allow":
                    started = [event.call.id for event in user.told() if isinstance(event, ToolStarted) and event.asks]
                    await user.do(AllowTool(started[-1] if started else "call_of_nobody", allowed=True))
                case "message":
                    await user.do(AddMessage(UserMessage(new_message_id(), TurnId(""), "补充")))
                case _:
                    await user.do(act)  # pyright: ignore[reportArgumentType]
        await anyio.sleep(3)
        user.muted = True
        await anyio.sleep(300)
        history = await user.stage.history()
    told = user.events
    one_turn_at_a_time(told)
    nothing_follows_an_end([event for _, event in told])
    every_pause_is_decided(told)
    paused_replies_are_silent(told)
    nobody_is_answered_while_he_speaks(told)
    history_is_what_was_heard([event for _, event in told], history)
    every_call_has_its_result([event for _, event in told], history)
    assert all(call.ended is not None for call in llm.calls)  # every engine was let go of


def every_call_has_its_result(events: Sequence[Event], history: Sequence[Message]) -> None:
    """What began is told to end, or to go on; and what was called is known with its result."""
    begun = {event.call.id: event for event in events if isinstance(event, ToolStarted)}
    ended = [event.call_id for event in events if isinstance(event, ToolEnded)]
    assert len(ended) == len(set(ended))
    assert set(ended) == set(begun)
    calls = [message for message in history if isinstance(message, ToolCallMessage) and message.call.name != "show_map"]
    results = [message for message in history if isinstance(message, ToolResultMessage)]
    assert sorted(message.call.id for message in calls) == sorted(message.call_id for message in results)
    place = {message.id: at for at, message in enumerate(history)}
    at_call = {message.call.id: place[message.id] for message in calls}
    assert all(at_call[message.call_id] < place[message.id] for message in results)


def one_turn_at_a_time(told: Sequence[tuple[float, Event]]) -> None:
    answered: str | None = None
    for _, event in told:
        if isinstance(event, TurnStarted) and event.reply_id is not None:
            assert answered is None
            answered = event.turn_id
        elif isinstance(event, TurnEnded) and event.turn_id == answered:
            answered = None
    assert answered is None  # every turn ends, whatever its engines do


def nothing_follows_an_end(events: Sequence[Event]) -> None:
    ended: set[str] = set()
    for event in events:
        turn_id = getattr(event, "turn_id", None)
        assert turn_id not in ended
        if isinstance(event, TurnEnded):
            ended.add(event.turn_id)
    begun = {event.turn_id for event in events if isinstance(event, SpeechStarted | TurnStarted)}
    assert begun <= ended
    finals = [event.turn_id for event in events if isinstance(event, TranscriptFinal)]
    assert len(finals) == len(set(finals))  # an utterance has one final text


def every_pause_is_decided(told: Sequence[tuple[float, Event]]) -> None:
    for place, (paused_at, event) in enumerate(told):
        if isinstance(event, PlaybackPaused):
            decided_at = next(
                at
                for at, later in told[place:]
                if isinstance(later, PlaybackResumed | TurnEnded) and later.turn_id == event.turn_id
            )
            assert decided_at - paused_at <= 3.0


def paused_replies_are_silent(told: Sequence[tuple[float, Event]]) -> None:
    paused: set[str] = set()
    sent_ms = 0.0
    for _, event in told:
        match event:
            case PlaybackPaused(turn_id=turn_id):
                paused.add(turn_id)
                sent_ms = 0.0
            case PlaybackResumed(turn_id=turn_id):
                paused.discard(turn_id)
            case ReplyAudio(turn_id=turn_id) if turn_id in paused:
                sent_ms += duration_ms(event.pcm, event.sample_rate)
                assert sent_ms <= PIECE_MS + FADE_MS  # what was under way, and the fading of it
            case _:
                pass


def nobody_is_answered_while_he_speaks(told: Sequence[tuple[float, Event]]) -> None:
    """No reply begins to sound between the start of an utterance and its end."""
    speaking: set[str] = set()
    sounding: set[str] = set()
    for _, event in told:
        match event:
            case SpeechStarted(turn_id=turn_id):
                speaking.add(turn_id)
            case SpeechStopped(turn_id=turn_id) | TurnEnded(turn_id=turn_id):
                speaking.discard(turn_id)
            case ReplyAudio(turn_id=turn_id) if turn_id not in sounding:
                assert not speaking
                sounding.add(turn_id)
            case _:
                pass


def history_is_what_was_heard(events: Sequence[Event], history: Sequence[Message]) -> None:
    ends = {event.turn_id: event for event in events if isinstance(event, TurnEnded)}
    kept = {message.turn_id: message for message in history if isinstance(message, AssistantMessage)}
    for turn_id, end in ends.items():
        shown = "".join(event.text for event in events if isinstance(event, ReplyText) and event.turn_id == turn_id)
        message = kept.get(turn_id)
        assert (message.reply if message else None) == end.reply
        if message is None:
            continue
        assert shown.startswith(message.reply.heard)
        if end.outcome == "interrupted":
            sent = [event for event in events if isinstance(event, ReplyAudio) and event.turn_id == turn_id]
            sent_ms = sum(duration_ms(event.pcm, event.sample_rate) for event in sent)
            letters = sum(map(str.isalnum, message.reply.heard.replace("```\ncode\n", "")))  # code is not spoken
            assert letters <= sent_ms / MS_PER_CHARACTER * 1.2 + 1  # no more than was sent; the fastest emotion is 1.2
        else:
            assert message.reply.heard == shown
    finals = [event.text for event in events if isinstance(event, TranscriptFinal) and event.text]
    said = [message.text for message in history if isinstance(message, UserMessage)]
    assert sorted([*finals, *(text for text in said if text in ("早", "补充"))]) == sorted(
        said
    )  # none is lost, none kept twice
