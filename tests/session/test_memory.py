"""What is remembered is told to the model with the utterance, and turns are given to be remembered."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest
from tests.session.live import LIVE, live
from tests.session.players import CONVERSATION, on_stage, shown

from myna.core.commands import CreateReply, SendText
from myna.core.errors import EngineUnavailable
from myna.core.events import Event, MemoryUsed, ReplyText, SpeechStarted, TranscriptFinal, UsedMemory
from myna.core.ids import OWNER, MemoryId, new_message_id, new_turn_id
from myna.core.messages import AssistantMessage, Message, ToolCallMessage, ToolResultMessage, UserMessage
from myna.core.preferences import BargeIn, Preferences, TurnTakingPreferences
from myna.core.tools import ToolCall
from myna.memory.base import Memory, Recalled, Scope
from myna.memory.journal import NoJournal
from myna.memory.remembering import open_remembering
from myna.memory.right_of_way import RightOfWay
from myna.session.options import SessionOptions
from myna.store.in_memory import InMemoryStore
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import HANG, ScriptedLLM
from myna.testing.memory import open_memories_in

CAT = "用户的猫叫小白"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Forgetting:
    note: str = "生日已经忘掉。"


@dataclass
class Known:
    """A memory that knows some texts, and notes what it is asked and told."""

    texts: Sequence[str] = (CAT,)
    takes_s: float = 0.0
    summary: str = ""
    happened: list[str] = field(default_factory=list[str])
    let_go: int = 0
    asked: list[str] = field(default_factory=list[str])
    heard: list[Sequence[Message]] = field(default_factory=list[Sequence[Message]])

    async def recall(self, text: str) -> Sequence[Recalled]:
        self.asked.append(text)
        await anyio.sleep(self.takes_s)
        return [
            Recalled(Memory(MemoryId(f"mem_{place}"), Scope(OWNER), known, NOW, NOW), 0.9)
            for place, known in enumerate(self.texts)
        ]

    def listen(self, *, speaking: bool) -> None:
        self._happens("speaks" if speaking else "is silent")

    async def to_forget(self, text: str) -> "Forgetting | None":
        return Forgetting() if text.startswith("忘掉") else None

    async def early(self, left_out: Sequence[Message], after: Sequence[Message], *, most_tokens: int) -> str:
        return self.summary

    def told(self, messages: Sequence[Message]) -> None:
        if messages:
            self.heard.append(messages)
            self._happens("told")
        else:
            self.let_go += 1

    def _happens(self, what: str) -> None:
        if self.happened[-1:] != [what]:
            self.happened.append(what)


def options(memory: Known, **more: Any) -> SessionOptions:
    return replace(SessionOptions(memory=memory), **more)


def used(events: Sequence[Event]) -> list[tuple[UsedMemory, ...]]:
    return [event.memories for event in events if isinstance(event, MemoryUsed)]


def newest(llm: ScriptedLLM, call: int = -1) -> str:
    return llm.calls[call].request.messages[-1].content


@on_virtual_clock
async def test_what_is_remembered_stands_with_the_utterance_and_the_client_is_told() -> None:
    llm, memory = ScriptedLLM("它好吗？"), Known()
    async with on_stage(llm, options=options(memory)) as stage:
        await stage.session.send(SendText("猫不吃饭。"))
        events = await stage.turn()
        history = await stage.history()
    assert memory.asked == ["猫不吃饭。"]
    assert CAT in newest(llm)
    assert newest(llm).endswith("猫不吃饭。")
    assert used(events) == [(UsedMemory(MemoryId("mem_0"), CAT),)]
    types = [type(event) for event in events]
    assert types.index(MemoryUsed) < types.index(ReplyText)
    assert [message.text for message in history if isinstance(message, UserMessage)] == ["猫不吃饭。"]


@on_virtual_clock
async def test_in_the_next_turn_only_what_fits_that_one_is_told() -> None:
    llm, memory = ScriptedLLM("它好吗？", "好。"), Known()
    async with on_stage(llm, options=options(memory)) as stage:
        await stage.session.send(SendText("猫不吃饭。"))
        await stage.turn()
        memory.texts = ()
        await stage.session.send(SendText("谢谢"))
        assert used(await stage.turn()) == []
    assert CAT not in "".join(message.content for message in llm.calls[1].request.messages)


@on_virtual_clock
async def test_a_memory_that_does_not_answer_in_time_is_not_waited_for() -> None:
    llm, memory = ScriptedLLM("它好吗？"), Known(takes_s=60)
    async with on_stage(llm, options=options(memory)) as stage:
        await stage.session.send(SendText("猫不吃饭。"))
        began = anyio.current_time()
        assert shown(await stage.turn()) == "它好吗？"
        assert anyio.current_time() - began < 2
    assert CAT not in newest(llm)


@on_virtual_clock
async def test_a_turn_is_given_to_be_remembered_when_it_has_ended() -> None:
    memory = Known(texts=())
    async with on_stage(ScriptedLLM("好的。"), options=options(memory)) as stage:
        await stage.session.send(SendText("我叫小明"))
        await stage.turn()
    ((said, answered),) = memory.heard
    assert isinstance(said, UserMessage)
    assert said.text == "我叫小明"
    assert isinstance(answered, AssistantMessage)
    assert answered.reply.heard == "好的。"


@on_virtual_clock
async def test_a_turn_that_failed_was_real_too() -> None:
    memory = Known(texts=())
    async with on_stage(ScriptedLLM([EngineUnavailable("It is gone.")]), options=options(memory)) as stage:
        await stage.session.send(SendText("我叫小明"))
        await stage.turn()
    assert len(memory.heard) == 1


@on_virtual_clock
async def test_who_asks_to_forget_is_told_so_and_nothing_is_recalled() -> None:
    llm, memory = ScriptedLLM("好的。"), Known()
    async with on_stage(llm, options=options(memory)) as stage:
        await stage.session.send(SendText("忘掉我的生日"))
        events = await stage.turn()
    assert "生日已经忘掉。" in newest(llm)
    assert (memory.asked, used(events)) == ([], [])


@on_virtual_clock
async def test_a_reply_that_goes_on_from_what_a_client_s_tool_gave_knows_the_same() -> None:
    call = ToolCall("c1", "look", "{}")
    said = (
        UserMessage(new_message_id(), new_turn_id(), "猫不吃饭。"),
        ToolCallMessage(new_message_id(), new_turn_id(), call),
        ToolResultMessage(new_message_id(), new_turn_id(), "c1", "空的碗"),
    )
    llm, memory = ScriptedLLM("它好吗？"), Known()
    async with on_stage(llm, options=options(memory)) as stage:
        await stage.session.send(CreateReply(new_turn_id(), messages=said))
        await stage.turn()
    assert memory.asked == ["猫不吃饭。"]
    assert any(CAT in message.content for message in llm.calls[0].request.messages)
    assert [isinstance(message, AssistantMessage) for (message,) in memory.heard] == [True]


@on_virtual_clock
async def test_of_a_reply_apart_nothing_is_recalled_and_nothing_remembered() -> None:
    llm, memory = ScriptedLLM("好的。"), Known()
    async with on_stage(llm, options=options(memory)) as stage:
        await stage.session.send(CreateReply(new_turn_id(), apart=True))
        await stage.turn()
    assert (memory.asked, memory.heard) == ([], [])


@pytest.mark.parametrize(("context", "told"), [(20_000, 2), (2_400, 1), (400, 0)])
@on_virtual_clock
async def test_memories_take_a_small_share_of_the_prompt(context: int, told: int) -> None:
    llm, memory = ScriptedLLM("好。"), Known(texts=("甲" * 200, "乙" * 200))
    async with on_stage(llm, options=options(memory, max_context_tokens=context)) as stage:
        await stage.session.send(SendText("早"))
        events = await stage.turn()
    assert sum(map(len, used(events))) == told


@on_virtual_clock
async def test_how_a_turn_went_is_kept() -> None:
    async with on_stage(ScriptedLLM("好的。")) as stage:
        await stage.session.send(SendText("早"))
        await stage.turn()
        assert isinstance(stage.store, InMemoryStore)
        ((history, *_), (turn,)) = await stage.history(), await stage.store.turns(CONVERSATION.id)
    assert (turn.id, turn.outcome, turn.problems) == (history.turn_id, "completed", ())
    assert {"first_token", "reply", "turn"} <= turn.reached_ms.keys()


def spoken(memory: Any, *, replies: bool = True, barge_in: BargeIn = "pause") -> SessionOptions:
    turn_taking = TurnTakingPreferences(replies=replies, barge_in=barge_in)
    return replace(LIVE, memory=memory, preferences=Preferences(turn_taking=turn_taking))


@on_virtual_clock
async def test_memory_knows_while_the_user_speaks() -> None:
    memory = Known()
    async with live(ScriptedLLM("好。"), options=spoken(memory)) as user:
        await anyio.sleep(2)
        assert "speaks" not in memory.happened
        await user.speak(0.8, "猫不吃饭。")
        assert memory.happened[-1] == "speaks"
        await anyio.sleep(10)
        assert memory.happened[-3:] == ["speaks", "is silent", "told"]


@on_virtual_clock
async def test_memory_knows_it_where_nobody_is_answered() -> None:
    memory = Known()
    async with live(None, options=spoken(memory, replies=False)) as user:
        await user.speak(0.8, "猫不吃饭。")
        assert memory.happened[-1] == "speaks"
        await anyio.sleep(2)
        assert memory.happened[-2:] == ["speaks", "is silent"]


@on_virtual_clock
async def test_a_reply_that_ends_does_not_make_him_silent() -> None:
    memory = Known()
    async with live(ScriptedLLM("很长的一句话，" * 4, "好。"), options=spoken(memory, barge_in="never")) as user:
        await user.speak(0.8, "说吧")
        await anyio.sleep(1.5)
        await user.speak(20, "还有" * 60)
        assert memory.happened[-3:] == ["speaks", "told", "speaks"]
        await anyio.sleep(10)
        assert memory.happened[-2:] == ["is silent", "told"]


@on_virtual_clock
async def test_memory_is_let_go_where_the_user_had_not_ended() -> None:
    memory = Known()
    async with live(ScriptedLLM("好。"), options=spoken(memory)) as user:
        await user.speak(0.8, "猫不吃")
        while not memory.asked:
            await anyio.sleep(0.01)
        assert memory.let_go == 0
        await user.speak(0.8, "猫不吃饭了你说")
        assert (memory.let_go, memory.heard) == (1, [])


async def is_free(way: RightOfWay) -> bool:
    with anyio.move_on_after(0) as scope:
        await way.wait()
    return not scope.cancelled_caught


@pytest.mark.anyio
@pytest.mark.parametrize("ends", ["while he speaks", "while the answer is made"])
async def test_who_has_left_is_not_in_the_way(tmp_path: Path, ends: str) -> None:
    way, until = RightOfWay(quiet_s=0.0), SpeechStarted if ends == "while he speaks" else TranscriptFinal
    async with (
        open_memories_in(tmp_path) as memories,
        open_remembering(memories, lambda: None, NoJournal(), way=way) as remembering,
    ):
        memory = remembering.session(Scope(OWNER), CONVERSATION, limit=3)
        async with live(ScriptedLLM([HANG]), options=spoken(memory)) as user, anyio.create_task_group() as tasks:
            tasks.start_soon(user.speak, 0.8, "猫不吃饭。")
            with anyio.fail_after(10):
                while not any(isinstance(event, until) for event in user.told()):
                    await anyio.sleep(0.01)
            assert not await is_free(way)
            tasks.cancel_scope.cancel()
        assert await is_free(way)
