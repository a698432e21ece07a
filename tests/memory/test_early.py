"""What a session tells of what was said early, over a real database: after forgetting, by whomever, and a restart."""

import sqlite3
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import anyio
import pytest

from myna.core.ids import OWNER, ConversationId, MessageId, TurnId, UserId
from myna.core.messages import AssistantMessage, Conversation, Message, UserMessage
from myna.core.reply import Reply
from myna.memory.base import NewMemory, Scope, SessionMemory
from myna.memory.early import EARLY_S, Early
from myna.memory.journal import NoJournal, SQLJournal
from myna.memory.opening import open_memories_with
from myna.memory.options import MemoryOptions
from myna.memory.remembering import Remembering, open_remembering
from myna.memory.sql_memories import SQLMemories
from myna.store.database import open_database
from myna.store.sql import SQLStore

pytestmark = pytest.mark.anyio

SCOPE = Scope(OWNER)
CONVERSATION = Conversation(ConversationId("conv_1"), "assistant")
BIRTHDAY, THESIS = "我的生日是5月3日", "我在写关于水稻病害的论文"


def talk(*said: str) -> list[Message]:
    messages: list[Message] = []
    for number, text in enumerate(said):
        turn_id = TurnId(f"turn_{number}")
        messages.append(UserMessage(MessageId(f"msg_{number}"), turn_id, text))
        messages.append(
            AssistantMessage(MessageId(f"rep_{number}"), turn_id, Reply("好。", "好。", "好。"), "completed")
        )
    return messages


SAID = talk(BIRTHDAY, THESIS)


class Process:
    """What one process has open of a folder."""

    def __init__(
        self, store: SQLStore, memories: SQLMemories, remembering: Remembering, session: SessionMemory
    ) -> None:
        self.store, self.memories, self.remembering, self.session = store, memories, remembering, session

    async def early(self, *after: Message) -> str:
        return await self.session.early(SAID, after, most_tokens=200)

    async def tell(self) -> None:
        """Keep what was said, and remember from it."""
        await self.store.create(CONVERSATION)
        for message in SAID:
            await self.store.append(CONVERSATION.id, message)
        new = NewMemory("用户的生日是5月3日", source=SAID[0].id, conversation_id=CONVERSATION.id)
        await self.memories.remember(SCOPE, new)


@asynccontextmanager
async def process_in(url: str, conversation: Conversation = CONVERSATION) -> AsyncGenerator[Process]:
    async with (
        open_database(url) as database,
        open_memories_with(database, MemoryOptions(vectors="none"), None, lambda: None) as memories,
        open_remembering(memories, lambda: None, SQLJournal(database)) as remembering,
    ):
        session = remembering.session(Scope(conversation.user_id), conversation, limit=3)
        assert session is not None
        yield Process(SQLStore(database), memories, remembering, session)


async def test_what_was_left_out_is_told(url: str) -> None:
    async with process_in(url) as process:
        await process.tell()
        summary = await process.early()
    assert BIRTHDAY in summary
    assert THESIS in summary


async def test_after_a_restart_it_is_the_same(url: str) -> None:
    async with process_in(url) as process:
        await process.tell()
        before = await process.early()
    async with process_in(url) as process:
        assert await process.early() == before


async def test_when_anything_is_forgotten_nothing_is_told_that_was_said_before(url: str) -> None:
    later = talk("x", "y", "我开始学吉他了")[4:]
    async with process_in(url) as process:
        await process.tell()
        await process.early()
        (memory,) = await process.memories.all(SCOPE)
        await process.memories.forget(SCOPE, [memory.id])
        assert await process.early() == ""
        for message in later:
            await process.store.append(CONVERSATION.id, message)
    async with process_in(url) as process:
        told = await process.session.early([*SAID, *later], (), most_tokens=200)
    assert "我开始学吉他了" in told
    assert BIRTHDAY not in told
    assert THESIS not in told


async def test_what_myna_replaces_by_itself_is_still_what_was_said(url: str) -> None:
    async with process_in(url) as process:
        await process.tell()
        (memory,) = await process.memories.all(SCOPE)
        await process.memories.remember(SCOPE, NewMemory("用户的生日是6月1日"), instead_of=[memory])
        assert BIRTHDAY in await process.early()


async def test_what_another_process_forgets_is_told_no_more(url: str) -> None:
    async with process_in(url) as server, process_in(url) as command:
        await server.tell()
        assert BIRTHDAY in await server.early()
        (memory,) = await command.memories.all(SCOPE)
        await command.memories.forget(SCOPE, [memory.id])
        assert BIRTHDAY not in await server.early()


async def test_when_all_is_forgotten_nothing_is_told_that_was_said_before(url: str) -> None:
    async with process_in(url) as process:
        await process.tell()
        await process.memories.forget_all(OWNER)
        await process.memories.forget_all(OWNER)
        assert await process.early() == ""


async def test_what_an_earlier_version_had_forgotten_stays_so(tmp_path: Path) -> None:
    url = str(tmp_path / "myna.db")
    async with process_in(url) as process:
        await process.tell()
        await process.memories.forget_all(OWNER)
    with closing(sqlite3.connect(url)) as database:
        database.execute("DROP TABLE memory_told_from")
        database.execute("UPDATE alembic_version SET version_num = '0004'")
        database.commit()
    async with process_in(url) as process:
        assert await process.early() == ""


async def test_what_is_forgotten_by_word_is_told_no_more_though_it_was_no_memory(url: str) -> None:
    other = Conversation(ConversationId("conv_2"), "assistant")
    async with process_in(url) as process:
        await process.tell()
    async with process_in(url, other) as process:
        await process.store.create(other)
        process.session.told(talk("忘掉我说的论文")[:1])
        await process.remembering.idle()
    async with process_in(url) as process:
        assert await process.early() == ""


async def test_a_branch_tells_no_more_than_what_it_came_from(url: str) -> None:
    async with process_in(url) as process:
        await process.tell()
        await process.memories.forget_all(OWNER)
        branch = await process.store.branch(OWNER, CONVERSATION.id, SAID[-1].id)
    async with process_in(url, branch) as process:
        assert await process.early() == ""


async def test_a_conversation_that_is_not_kept_is_not_told(url: str) -> None:
    async with process_in(url) as process:
        assert await process.early() == ""


async def test_what_one_user_forgets_is_nothing_to_another(url: str) -> None:
    async with process_in(url) as process:
        await process.tell()
        await process.memories.forget_all(UserId("anne"))
        assert BIRTHDAY in await process.early()


async def test_who_asks_to_forget_is_told_nothing_in_that_turn(url: str) -> None:
    async with process_in(url) as process:
        await process.tell()
        assert BIRTHDAY in await process.early()
        assert await process.early(*talk("忘掉我说的生日")[:1]) == ""


# ------------------------------------------------------------------------------------------------------- its limits


class Slow(NoJournal):
    async def first_told(self, user_id: UserId, conversation_id: ConversationId) -> MessageId | None:
        await anyio.sleep_forever()
        return None


class Broken(NoJournal):
    async def first_told(self, user_id: UserId, conversation_id: ConversationId) -> MessageId | None:
        raise OSError("the disk is gone")


class Whole(NoJournal):
    async def first_told(self, user_id: UserId, conversation_id: ConversationId) -> MessageId | None:
        return SAID[0].id


async def test_a_turn_does_not_wait_for_a_database_that_does_not_answer() -> None:
    with anyio.fail_after(100 * EARLY_S):
        assert await Early(Slow(), OWNER, CONVERSATION.id).summary(SAID, (), most_tokens=200) == ""


async def test_a_database_that_fails_costs_the_summary_and_no_more(caplog: pytest.LogCaptureFixture) -> None:
    assert await Early(Broken(), OWNER, CONVERSATION.id).summary(SAID, (), most_tokens=200) == ""
    assert "summed up" in caplog.text


async def test_what_took_too_long_is_there_in_a_later_turn() -> None:
    early, many = Early(Whole(), OWNER, CONVERSATION.id), talk(*(f"我在第{n}天学了第{n}课" for n in range(1000)))

    async def summary(messages: Sequence[Message]) -> str:
        return await early.summary(messages, (), most_tokens=200)

    with anyio.fail_after(30):
        while not (told := await summary(many)):
            await anyio.sleep(0.1)
    assert "课" in told
