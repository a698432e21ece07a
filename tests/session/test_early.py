"""A turn whose history was cut is told what was said early, as what it is, from the real memory."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.session.players import CONVERSATION, Stage, on_stage, shown

from myna.core.commands import SendText
from myna.core.ids import OWNER
from myna.core.messages import UserMessage
from myna.engines.base import LLMMessage
from myna.memory.base import Scope
from myna.memory.journal import SQLJournal
from myna.memory.opening import open_memories_with
from myna.memory.options import MemoryOptions
from myna.memory.remembering import open_remembering
from myna.session.options import SessionOptions
from myna.session.prompt import Prompt
from myna.store.database import open_database
from myna.store.sql import SQLStore
from myna.testing.clock import on_virtual_clock
from myna.testing.llm import ScriptedLLM

SAID = ("我在写关于水稻病害的论文", "五月二十号要交稿", "导师姓王", "讲个笑话", "再来一个", "我们说到哪儿了")
TOLD = "（更早的时候，用户说过："


@asynccontextmanager
async def stage_in(folder: Path, llm: ScriptedLLM) -> AsyncGenerator[Stage]:
    async with (
        open_database(folder / "myna.db") as database,
        open_memories_with(database, MemoryOptions(vectors="none"), None, lambda: None) as memories,
        open_remembering(memories, lambda: None, SQLJournal(database)) as remembering,
    ):
        memory = remembering.session(Scope(OWNER), CONVERSATION, limit=0)
        options = SessionOptions(memory=memory, max_history_rounds=4)
        async with on_stage(llm, options=options, store=SQLStore(database)) as stage:
            yield stage


async def say(stage: Stage, text: str) -> str:
    await stage.session.send(SendText(text))
    return shown(await stage.turn())


def talked(llm: ScriptedLLM, call: int = -1) -> list[LLMMessage]:
    """What was sent of the conversation: without the system prompt and its example."""
    messages = list(llm.calls[call].request.messages)
    return messages[next(place for place, one in enumerate(messages) if one.role == "user") :]


@pytest.mark.anyio
async def test_what_was_cut_off_is_told_before_the_first_utterance_that_stayed(tmp_path: Path) -> None:
    llm = ScriptedLLM("好的。")
    async with stage_in(tmp_path, llm) as stage:
        replies = [await say(stage, text) for text in SAID]
        history = await stage.history()
    first = talked(llm)[0]
    assert first.content.startswith(TOLD)
    assert all(text in first.content for text in SAID[:2])
    assert first.content.endswith(SAID[2])
    assert first.said == SAID[2]
    assert not any(TOLD in message.content for call in range(5) for message in talked(llm, call))
    assert not any(TOLD in reply for reply in replies)
    assert [message.text for message in history if isinstance(message, UserMessage)] == list(SAID)


@pytest.mark.anyio
async def test_until_the_next_cut_a_prompt_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    llm = ScriptedLLM("好的。")
    async with stage_in(tmp_path, llm) as stage:
        for text in (*SAID, "好", "谢谢"):
            await say(stage, text)
    cut, after, again = talked(llm, 5), talked(llm, 6), talked(llm, 7)
    assert after[: len(cut)] == cut
    assert again[0].content != cut[0].content
    assert SAID[2] in again[0].content


@pytest.mark.anyio
async def test_what_the_user_has_forgotten_is_not_told(tmp_path: Path) -> None:
    llm = ScriptedLLM("好的。")
    async with stage_in(tmp_path, llm) as stage:
        for text in (*SAID, "忘掉我说的论文"):
            await say(stage, text)
    assert talked(llm)[0].content == SAID[2]


@on_virtual_clock
async def test_without_a_memory_nothing_is_told_of_what_was_cut_off() -> None:
    llm = ScriptedLLM("好的。")
    async with on_stage(llm, options=SessionOptions(max_history_rounds=4)) as stage:
        for text in SAID:
            await say(stage, text)
    assert talked(llm)[0] == LLMMessage("user", SAID[2])


# ------------------------------------------------------------------------------------------------------- the prompt


def prompt(*talk: str, earlier: str = "(earlier)\n", beside: str = "") -> Prompt:
    """Of utterances that nobody answered: the last is the input."""
    *before, newest = [LLMMessage("user", text) for text in talk]
    head = LLMMessage("system", "You are a bird.")
    return Prompt(head, (), tuple((one,) for one in before), (newest,), left_out=3, beside=beside, earlier=earlier)


def test_without_any_history_it_stands_before_the_input_and_what_is_known_for_it() -> None:
    (_, newest) = prompt("Hello", beside="(beside)\n").messages
    assert newest == LLMMessage("user", "(earlier)\n(beside)\nHello", said="Hello")


def test_of_utterances_that_are_joined_what_the_user_said_is_known() -> None:
    (_, joined) = prompt("Hello", "Is anybody there?").messages
    assert joined.content == "(earlier)\nHello\nIs anybody there?"
    assert joined.said == "Hello\nIs anybody there?"


def test_what_was_said_again_is_sent_once() -> None:
    (_, joined) = prompt("Hello", "Hello").messages
    assert joined.content == "(earlier)\nHello"
