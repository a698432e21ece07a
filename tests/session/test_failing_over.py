"""A session whose LLM is a chain, or has to load first, on the virtual clock."""

from collections.abc import Sequence
from dataclasses import replace

import anyio
import pytest
from tests.session.players import Stage, kinds, on_stage, shown

from myna.core.commands import SendText
from myna.core.errors import EngineUnavailable, PromptTooLong
from myna.core.events import (
    EngineFailedOver,
    Event,
    Failed,
    ModelLoads,
    ReplyEnded,
    ReplyText,
    ToolEnded,
    TurnEnded,
)
from myna.engines.base import LLM, LLMInfo, LLMMessage, Loading, TextDelta, ToolCallDelta
from myna.engines.llm.chain import ChainLLM, Member
from myna.session.bounds import Limits, pieces
from myna.session.options import SessionOptions
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import HANG, Pause, ScriptedLLM, Step
from myna.testing.tools import ScriptedTool
from myna.tools.plan_and_solve import plan_and_solve
from myna.tools.react import react
from myna.tools.rounds import call_tools
from myna.tools.toolbox import Tools, open_toolbox

GONE = EngineUnavailable("It is out of reach.", hint="Start it.")
OPTIONS = SessionOptions(limits=Limits(first_token_s=30, idle_s=15, reply_s=60))


def of(name: str, llm: LLM) -> Member:
    return Member(name, lambda: llm)


async def said(stage: Stage, text: str = "你好") -> list[Event]:
    await stage.session.send(SendText(text))
    return await stage.turn()


@on_virtual_clock
async def test_that_another_engine_answers_is_told_before_what_it_says() -> None:
    llm = ChainLLM([of("cloud", ScriptedLLM([GONE])), of("llamacpp", ScriptedLLM("[平静] 你好！"))])
    async with on_stage(llm) as stage:
        events = await said(stage)
    told = next(event for event in events if isinstance(event, EngineFailedOver))
    assert told == EngineFailedOver(
        told.turn_id, "cloud", "engine_unavailable", "It is out of reach.", answers="llamacpp"
    )
    assert kinds(events).index("EngineFailedOver") < kinds(events).index("EmotionChanged")
    assert shown(events) == "你好！"
    assert isinstance(events[-1], TurnEnded)
    assert events[-1].outcome == "completed"


@pytest.mark.parametrize("strategy", [call_tools, react, plan_and_solve])
@on_virtual_clock
async def test_in_a_reply_of_many_rounds_it_is_told_once(strategy: object) -> None:
    written = {
        call_tools: [[ToolCallDelta(0, "a", "look", "{}")], "[平静] 好了。"],
        react: ["Thought: hm.\nAction: look\nAction Input: {}\n", "Final Answer: 好了。"],
        plan_and_solve: ['{"steps": ["look"]}', [ToolCallDelta(0, "a", "look", "{}")], "[平静] 好了。"],
    }
    scripts: Sequence[str | Sequence[Step]] = written[strategy]  # pyright: ignore[reportArgumentType]
    llm = ChainLLM([of("a", ScriptedLLM([GONE])), of("b", ScriptedLLM(*scripts))])
    async with open_toolbox([Tools((ScriptedTool("look", "seen"),))]) as toolbox:
        options = replace(OPTIONS, tools=toolbox.select(["*"]), strategy=strategy)
        async with on_stage(llm, options=options) as stage:
            events = await said(stage)
    assert [type(event) for event in events if isinstance(event, EngineFailedOver | ToolEnded)] == [
        EngineFailedOver,
        ToolEnded,
    ]
    assert shown(events).endswith("好了。")


@on_virtual_clock
async def test_who_takes_over_late_has_all_the_time_of_a_first_token() -> None:
    llm = ChainLLM([of("a", ScriptedLLM([HANG])), of("b", ScriptedLLM([Pause(20), "[平静] 你好！"]))])
    async with on_stage(llm, options=OPTIONS) as stage:
        events = await said(stage)
    assert shown(events) == "你好！"


@on_virtual_clock
async def test_while_a_model_loads_no_limit_of_the_reply_runs() -> None:
    llm = ScriptedLLM([Pause(20), Loading("a model on gpu-box"), Pause(500), TextDelta(""), Pause(10), "[平静] 你好！"])
    async with on_stage(llm, options=OPTIONS) as stage:
        events = await said(stage)
    assert [event.what for event in events if isinstance(event, ModelLoads)] == ["a model on gpu-box"]
    assert shown(events) == "你好！"
    llm = ScriptedLLM([Loading("a model"), Pause(500), TextDelta(""), HANG])
    async with on_stage(llm, options=OPTIONS) as stage:
        events = await said(stage)
    assert [event.code for event in events if isinstance(event, Failed)] == ["engine_timeout"]


@on_virtual_clock
async def test_a_model_that_is_never_loaded_holds_no_reply_for_ever() -> None:
    async with on_stage(ScriptedLLM([Loading("a model"), HANG]), options=OPTIONS) as stage:
        events = await said(stage)
    assert [event.code for event in events if isinstance(event, Failed)] == ["engine_timeout"]


@on_virtual_clock
async def test_both_are_told_at_once() -> None:
    a = ScriptedLLM([Loading("a model", each_time=True), Pause(50), GONE])
    llm = ChainLLM([of("a", a), of("b", ScriptedLLM([Pause(5), "[平静] 你好！"]))])
    at: dict[type[Event], float] = {}
    async with on_stage(llm, options=OPTIONS) as stage:
        await stage.session.send(SendText("你好"))
        async for event in stage.session:
            at.setdefault(type(event), anyio.current_time())
            if isinstance(event, TurnEnded):
                break
    assert (at[ModelLoads], at[EngineFailedOver], at[ReplyText]) == (0, 50, 55)


@on_virtual_clock
async def test_a_model_that_loads_can_be_interrupted() -> None:
    llm = ScriptedLLM([Loading("a model"), HANG])
    async with on_stage(llm, options=OPTIONS) as stage:
        await stage.session.send(SendText("你好"))
        await anyio.sleep(100)
        with anyio.fail_after(2):
            await stage.session.send(SendText("不用了"))
            events = await stage.turn()
    assert kinds(events)[-1] == "TurnEnded"
    assert llm.calls[0].ended == "closed"


@on_virtual_clock
async def test_loading_is_not_counted_among_the_time_of_a_stream() -> None:
    async def loads(times: int):
        for _ in range(times):
            yield Loading("it")
            await anyio.sleep(1000)
            yield TextDelta("x")
            await anyio.sleep(1)

    stream = pieces(loads(5), first_s=2, idle_s=2, total_s=6, what="The LLM")
    assert len([item async for item in stream]) == 10


class Small(ScriptedLLM):
    """One with little room, whose tokens are characters."""

    def __init__(self, context: int, *replies: str | Sequence[Step]) -> None:
        super().__init__(*replies)
        self.context = context

    @property
    def info(self) -> LLMInfo:
        return LLMInfo(f"small-{self.context}", self.context, native_tools=True, output_schema=False)

    async def count_tokens(self, messages: Sequence[LLMMessage]) -> int:
        return sum(len(message.content) for message in messages)


@on_virtual_clock
async def test_an_engine_with_less_room_is_asked_again_with_a_shorter_prompt() -> None:
    large = Small(20000, "[平静] 一。" * 100, "[平静] 二。" * 100, [GONE])
    small = Small(2400, [PromptTooLong("Too long.")], "[平静] 三。")
    llm = ChainLLM([of("large", large), of("small", small)])
    async with on_stage(llm, options=OPTIONS) as stage:
        await said(stage, "一" * 400)
        await said(stage, "二" * 400)
        events = await said(stage, "三" * 400)
    assert shown(events) == "三。"
    first, second = (call.request for call in small.calls)
    assert first.messages == large.calls[-1].request.messages
    assert await small.count_tokens(second.messages) < await small.count_tokens(first.messages)
    assert (second.messages[0], second.messages[-1]) == (first.messages[0], first.messages[-1])
    assert sum(isinstance(event, EngineFailedOver) for event in events) == 1
    assert sum(isinstance(event, ReplyEnded) for event in events) == 1


@on_virtual_clock
async def test_what_has_no_room_even_alone_fails_and_the_session_lives() -> None:
    llm = ChainLLM(
        [of("large", Small(20000, [GONE])), of("small", Small(600, [PromptTooLong("Too long.")], "[平静] 嗯。"))]
    )
    async with on_stage(llm, options=OPTIONS) as stage:
        events = await said(stage, "一" * 3000)
        assert [event.code for event in events if isinstance(event, Failed)] == ["prompt_too_long"]
