"""Answers that begin with what the user has agreed to."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest
from tests.session.players import CONVERSATION, PERSONA, Stage, on_stage, shown
from tests.session.test_memory import Known
from tests.session.test_tools import calls, prompt, results

from myna.core.commands import Configure, SendText
from myna.core.errors import EngineUnavailable
from myna.core.events import ToolEnded, TurnEnded
from myna.core.ids import MessageId, TurnId, new_turn_id
from myna.core.messages import AssistantMessage, Message, ToolCallMessage, ToolResultMessage, UserMessage
from myna.core.preferences import Preferences
from myna.core.reply import Reply
from myna.core.tools import ToolCall, ToolResult, ToolSpec
from myna.engines.base import LLMRequest, Sampling
from myna.session.answer import Answering
from myna.session.consent import ASK_FIRST
from myna.session.options import SessionEngines, SessionOptions
from myna.session.outbox import Outbox
from myna.session.turn import Turn
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import ScriptedLLM
from myna.tools.base import Tool, Work
from myna.tools.react import react
from myna.tools.rounds import call_tools
from myna.tools.tool import tool
from myna.tools.toolbox import open_toolbox


@dataclass
class Shop:
    """A source whose tools change, and what they did."""

    tools: Sequence[Tool] = ()
    done: list[str] = field(default_factory=list[str])

    def opens(self, description: str) -> None:
        @tool(name="pay", description=description, confirm=True)
        async def pay(amount: int) -> str:
            self.done.append(f"{description} {amount}")
            return "paid"

        self.tools = (pay,)


@asynccontextmanager
async def shopping(llm: ScriptedLLM, shop: Shop) -> AsyncGenerator[Stage]:
    async with (
        open_toolbox([shop]) as toolbox,
        on_stage(llm, options=SessionOptions(tools=toolbox.select(["*"]))) as stage,
    ):
        yield stage


@on_virtual_clock
async def test_what_was_agreed_to_is_run_in_the_next_turn() -> None:
    llm, shop = ScriptedLLM(calls(("pay", {"amount": 5})), "要付五块吗？", "好。"), Shop()
    shop.opens("Pay in cash.")
    async with shopping(llm, shop) as stage:
        await stage.session.send(SendText("付钱"))
        await stage.turn()
        shop.opens("Pay in cash.")  # listed anew, and the same
        await stage.session.send(SendText("好的"))
        await stage.turn()
    assert shop.done == ["Pay in cash. 5"]


@on_virtual_clock
async def test_a_tool_that_changed_since_the_user_was_asked_is_not_run() -> None:
    llm, shop = ScriptedLLM(calls(("pay", {"amount": 5})), "要付五块吗？", "还要再问一次。"), Shop()
    shop.opens("Pay in cash.")
    async with shopping(llm, shop) as stage:
        await stage.session.send(SendText("付钱"))
        await stage.turn()
        shop.opens("Pay with a house.")
        await stage.session.send(SendText("好的"))
        ((name, told, status),) = results(await stage.turn())
    assert shop.done == []
    assert (name, status) == ("pay", "refused")
    assert "changed" in told
    assert prompt(llm, 2)[-1].content == told


@on_virtual_clock
async def test_a_tool_that_went_away_since_the_user_was_asked_is_not_run() -> None:
    llm, shop = ScriptedLLM(calls(("pay", {"amount": 5})), "要付五块吗？", "不行了。"), Shop()
    shop.opens("Pay in cash.")
    async with shopping(llm, shop) as stage:
        await stage.session.send(SendText("付钱"))
        await stage.turn()
        shop.tools = ()
        await stage.session.send(SendText("好的"))
        ((_, told, status),) = results(await stage.turn())
    assert (shop.done, status) == ([], "refused")
    assert "no tool 'pay'" in told


@on_virtual_clock
async def test_a_yes_whose_calls_were_taken_back_adds_nothing_to_the_prompt() -> None:
    """As when the client deletes the reply that asked, between what was supposed and what is sure."""
    llm = ScriptedLLM("好。")
    asks = ToolSpec("pay", "Pay.", {})
    turn = Turn(Outbox(100), new_turn_id(), SessionOptions().emotions, Preferences(), speaks=False, consents=True)
    waits: list[Message] = [
        UserMessage(MessageId("m1"), TurnId("t"), "付钱"),
        ToolCallMessage(MessageId("m2"), TurnId("t"), ToolCall("c", "pay", "{}")),
        ToolResultMessage(MessageId("m3"), TurnId("t"), "c", ASK_FIRST.output, asks),
        AssistantMessage(MessageId("m4"), TurnId("t"), Reply("付吗？", "付吗？", "付吗？"), "completed"),
        UserMessage(MessageId("m5"), turn.id, "好的"),
    ]

    async def late(_turn_id: TurnId, _call: ToolCall, _result: ToolResult) -> None:
        pytest.fail("nothing was run")

    await Answering(CONVERSATION.id, PERSONA, SessionEngines(llm), SessionOptions(), late).answer(turn, waits)
    assert prompt(llm, 0)[-1].content == "好的"


@on_virtual_clock
async def test_a_client_that_wants_one_call_at_a_time_is_asked_for_so() -> None:
    llm = ScriptedLLM("好。")
    async with on_stage(llm) as stage:
        await stage.session.send(Configure(Preferences(parallel_calls=False)))
        await stage.session.send(SendText("早"))
        await stage.turn()
    assert not llm.calls[0].request.parallel_calls


@on_virtual_clock
async def test_a_reply_that_does_not_ask_for_consent_is_followed_by_the_question() -> None:
    llm, shop = ScriptedLLM(calls(("pay", {"amount": 5})), "Done!", "Fine."), Shop()
    shop.opens("Pay in cash.")
    async with shopping(llm, shop) as stage:
        await stage.session.send(SendText("Pay!"))
        assert shown(await stage.turn()) == "Done! Pay in cash (amount: 5). Shall I do that?"
        await stage.session.send(SendText("Yes."))
        await stage.turn()
    assert shop.done == ["Pay in cash. 5"]


@on_virtual_clock
async def test_a_reply_that_asks_is_followed_by_no_second_question() -> None:
    llm, shop = ScriptedLLM(calls(("pay", {"amount": 5})), "要付五块吗？"), Shop()
    shop.opens("Pay in cash.")
    async with shopping(llm, shop) as stage:
        await stage.session.send(SendText("付钱"))
        assert shown(await stage.turn()) == "要付五块吗？"


@on_virtual_clock
async def test_a_strategy_that_tells_the_model_of_calls_in_its_own_words_asks_as_well() -> None:
    thought = 'Thought: pay\nAction: pay\nAction Input: {"amount": 5}'
    llm, shop = ScriptedLLM(thought, "Thought: done\nFinal Answer: It is paid."), Shop()
    shop.opens("Pay in cash.")
    async with (
        open_toolbox([shop]) as toolbox,
        on_stage(llm, options=SessionOptions(tools=toolbox.select(["*"]), strategy=react)) as stage,
    ):
        await stage.session.send(SendText("Pay!"))
        assert shown(await stage.turn()) == "It is paid. Pay in cash (amount: 5). Shall I do that?"
    assert shop.done == []


@on_virtual_clock
async def test_a_turn_that_fails_ends_the_calls_that_run() -> None:
    ended: list[str] = []

    @tool
    async def brew() -> str:
        """Make tea."""
        try:
            await anyio.sleep(60)
        finally:
            ended.append("brew")
        return "tea"

    async def fails_meanwhile(request: LLMRequest, work: Work) -> None:
        async with anyio.create_task_group() as both:
            both.start_soon(call_tools, request, work)
            await anyio.sleep(1)
            raise EngineUnavailable("It is gone.")

    async def strategy(request: LLMRequest, work: Work) -> None:
        try:
            await fails_meanwhile(request, work)
        except* EngineUnavailable as group:
            raise group.exceptions[0] from None

    llm = ScriptedLLM(calls(("brew", {})), "Here.")
    async with (
        open_toolbox([Shop((brew,))]) as toolbox,
        on_stage(llm, options=SessionOptions(tools=toolbox.select(["*"]), strategy=strategy)) as stage,
    ):
        await stage.session.send(SendText("Tea!"))
        events = await stage.turn()
        history = await stage.history()
    assert ended == ["brew"]
    assert [(e.name, e.result.status) for e in events if isinstance(e, ToolEnded)] == [("brew", "cancelled")]
    assert isinstance(events[-1], TurnEnded)
    assert events[-1].outcome == "failed"
    assert [type(message) for message in history] == [UserMessage, ToolCallMessage, ToolResultMessage]


@on_virtual_clock
async def test_the_summary_of_what_was_cut_off_goes_before_any_of_a_tool_s_result() -> None:
    left = 0

    @tool
    async def read() -> str:
        """Read a book."""
        return "书" * left

    llm, memory = ScriptedLLM("好。", "好。", "好。", calls(("read", {})), "好。"), Known((), summary="早" * 100)
    async with open_toolbox([Shop((read,))]) as toolbox:
        options = SessionOptions(
            tools=toolbox.select(["*"]),
            memory=memory,
            max_history_rounds=2,
            max_context_tokens=1064,
            sampling=Sampling(max_tokens=64),
        )
        async with on_stage(llm, options=options) as stage:
            for _ in range(4):
                await stage.session.send(SendText("读"))
                await stage.turn()
                first = await llm.count_tokens(llm.calls[0].request.messages)
                left = 1000 - first - 120  # of these, some 70 for the tool and its call
    told, refitted = (call.request.messages for call in llm.calls[3:])
    assert any(message.content.startswith(memory.summary) for message in told)
    assert not any(memory.summary in message.content for message in refitted)
    assert refitted[-1].content == "书" * left
