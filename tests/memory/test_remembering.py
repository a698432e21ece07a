import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import anyio
import pytest
from sqlalchemy import select

from myna.core.errors import EngineUnavailable
from myna.core.ids import OWNER, ConversationId, MessageId, TurnId
from myna.core.messages import AssistantMessage, Conversation, UserMessage
from myna.core.reply import Reply
from myna.engines.base import LLMInfo
from myna.memory.base import NewMemory, Scope
from myna.memory.journal import Entry, Journal, NoJournal, SQLJournal
from myna.memory.opening import open_memories
from myna.memory.options import MemoryOptions
from myna.memory.remembering import RememberedSession, Remembering, open_remembering
from myna.memory.right_of_way import RightOfWay
from myna.memory.sql_memories import SQLMemories
from myna.memory.tables import vector_work
from myna.store.database import open_database
from myna.store.in_memory import InMemoryStore
from myna.testing.llm import HANG, ScriptedLLM, Step
from myna.testing.memory import open_memories_in

pytestmark = pytest.mark.anyio

SCOPE = Scope(OWNER)
CONVERSATION = Conversation(ConversationId("conv_1"), "assistant")
TODAY = date(2026, 3, 2)
SOON_S = 5.0


class EnforcingLLM(ScriptedLLM):
    """A scripted one whose server enforces schemas."""

    @property
    def info(self) -> LLMInfo:
        return replace(super().info, output_schema=True)


def said(text: str, number: int = 1) -> UserMessage:
    return UserMessage(MessageId(f"msg_{number}"), TurnId(f"turn_{number}"), text)


@asynccontextmanager
async def remembering_in(
    folder: Path, *replies: str | Sequence[Step], journal: Journal | None = None, store: InMemoryStore | None = None
) -> AsyncGenerator[tuple[Remembering, SQLMemories, ScriptedLLM]]:
    llm = EnforcingLLM(*replies) if replies else None
    async with (
        open_memories_in(folder) as memories,
        open_remembering(
            memories,
            lambda: llm,
            journal or NoJournal(),
            store=store,
            now=lambda: TODAY,
            way=RightOfWay(quiet_s=0.0),
        ) as remembering,
    ):
        yield remembering, memories, llm or ScriptedLLM()


def session_of(remembering: Remembering, conversation: Conversation = CONVERSATION) -> RememberedSession:
    session = remembering.session(SCOPE, conversation, limit=3)
    assert isinstance(session, RememberedSession)
    return session


async def texts_in(memories: SQLMemories) -> list[str]:
    return sorted(memory.text for memory in await memories.all(SCOPE))


async def done(remembering: Remembering) -> None:
    with anyio.fail_after(SOON_S):
        await remembering.idle()


async def test_what_the_user_said_is_kept_with_its_source(tmp_path: Path) -> None:
    async with remembering_in(tmp_path) as (remembering, memories, _):
        session_of(remembering).told([said("我家的猫叫小白")])
        await done(remembering)
        (memory,) = await memories.all(SCOPE)
    assert (memory.text, memory.kind, memory.source, memory.conversation_id) == (
        "用户的猫叫小白",
        "relation",
        "msg_1",
        "conv_1",
    )


async def test_what_the_assistant_made_up_is_not_kept(tmp_path: Path) -> None:
    reply = AssistantMessage(
        MessageId("msg_2"), TurnId("turn_1"), Reply("x", "我叫小红，我住在上海。", "x"), "completed"
    )
    async with remembering_in(tmp_path) as (remembering, memories, _):
        session_of(remembering).told([said("你好"), reply])
        await done(remembering)
        assert await texts_in(memories) == []


async def test_a_private_conversation_has_no_memory(tmp_path: Path) -> None:
    async with remembering_in(tmp_path) as (remembering, memories, _):
        session_of(remembering).told([said("I live in Paris", 1)])
        await done(remembering)
        private = remembering.session(SCOPE, replace(CONVERSATION, private=True), limit=3)
        assert await private.recall("Where do I live?") == ()
        assert await private.to_forget("Forget where I live.") is None
        private.told([said("我家的猫叫小白", 2)])
        await done(remembering)
        assert await texts_in(memories) == ["The user lives in Paris"]


async def test_what_is_said_in_private_stops_the_remembering_of_what_was_said_elsewhere(tmp_path: Path) -> None:
    async with remembering_in(tmp_path) as (remembering, _, _):
        private = remembering.session(SCOPE, replace(CONVERSATION, private=True), limit=3)
        for begin, end in (
            (lambda: private.recall("Hello"), lambda: private.told([said("Hello")])),
            (lambda: private.to_forget("Hello"), lambda: private.told(())),
        ):
            async with remembering.way.work(60) as work:
                await begin()
                assert work.cancel_called
            with anyio.move_on_after(0.05) as waiting:
                await remembering.way.wait()
            assert waiting.cancelled_caught
            end()
            await remembering.way.wait()
        async with remembering.way.work(60) as work:
            private.listen(speaking=True)
            assert work.cancel_called
        private.listen(speaking=False)
        await remembering.way.wait()


async def test_the_newer_place_takes_the_place_of_the_older(tmp_path: Path) -> None:
    async with remembering_in(tmp_path) as (remembering, memories, _):
        session = session_of(remembering)
        session.told([said("I live in Paris", 1)])
        session.told([said("I just moved to Berlin", 2)])
        await done(remembering)
        assert await texts_in(memories) == ["The user lives in Berlin"]


async def test_forgetting_by_word_is_done_when_the_turn_has_ended(tmp_path: Path) -> None:
    async with remembering_in(tmp_path) as (remembering, memories, _):
        session = session_of(remembering)
        session.told([said("我的生日是5月3日，我叫小明", 1)])
        await done(remembering)
        forgotten = await session.to_forget("忘掉我说的生日")
        assert forgotten is not None
        assert "生日" in forgotten.note
        assert "5月3日" not in forgotten.note
        assert len(await texts_in(memories)) == 2
        session.told([said("忘掉我说的生日", 2)])
        await done(remembering)
        assert await texts_in(memories) == ["用户叫小明"]


async def test_all_is_forgotten_after_a_plain_yes_only(tmp_path: Path) -> None:
    async with remembering_in(tmp_path) as (remembering, memories, _):
        session = session_of(remembering)
        session.told([said("My name is Tom", 1)])
        session.told([said("Forget everything about me", 2)])
        session.told([said("What time is it?", 3)])
        session.told([said("Yes", 4)])
        await done(remembering)
        assert await texts_in(memories) == ["The user's name is Tom"]
        session.told([said("Forget everything about me", 5)])
        forgotten = await session.to_forget("Yes, I'm sure.")
        assert forgotten is not None
        session.told([said("Yes, I'm sure.", 6)])
        await done(remembering)
        assert await texts_in(memories) == []


async def test_this_is_what_was_said_last(tmp_path: Path) -> None:
    async with remembering_in(tmp_path) as (remembering, memories, _):
        session = session_of(remembering)
        session.told([said("I live in Paris", 1)])
        session.told([said("My cat is called Snow", 2)])
        session.told([said("Please don't remember that", 3)])
        await done(remembering)
        assert await texts_in(memories) == ["The user lives in Paris"]


async def test_what_is_not_to_be_remembered_is_said_in_the_same_breath(tmp_path: Path) -> None:
    async with remembering_in(tmp_path) as (remembering, memories, _):
        session = session_of(remembering)
        session.told([said("我叫小明", 1)])
        session.told([said("我住在北京，这个别记", 2)])
        await done(remembering)
        assert await texts_in(memories) == ["用户叫小明"]


async def test_who_talks_stops_the_llm_and_it_begins_again_later(tmp_path: Path) -> None:
    async with remembering_in(tmp_path, [HANG], '"fact"') as (remembering, memories, llm):
        session = session_of(remembering)
        session.told([said("I drive an old Volvo")])
        with anyio.fail_after(SOON_S):
            while not llm.calls:
                await anyio.sleep(0.01)
        await session.recall("What now?")
        with anyio.fail_after(SOON_S):
            while llm.calls[0].ended is None:
                await anyio.sleep(0.01)
        assert llm.calls[0].ended == "closed"
        assert len(llm.calls) == 1
        session.told([said("What now?", 2)])
        await done(remembering)
        assert await texts_in(memories) == ["The user drives an old Volvo"]


async def test_who_begins_to_speak_stops_the_llm(tmp_path: Path) -> None:
    async with remembering_in(tmp_path, [HANG], '"fact"') as (remembering, _, llm):
        session = session_of(remembering)
        session.told([said("I drive an old Volvo")])
        with anyio.fail_after(SOON_S):
            while not llm.calls:
                await anyio.sleep(0.01)
            session.listen(speaking=True)
            while llm.calls[0].ended is None:
                await anyio.sleep(0.01)
        assert llm.calls[0].ended == "closed"
        session.told([])  # a turn ends while he speaks on
        await anyio.sleep(0.1)
        assert len(llm.calls) == 1
        session.listen(speaking=False)
        await done(remembering)
        assert len(llm.calls) == 2


async def test_what_was_just_said_is_known_in_the_next_turn(tmp_path: Path) -> None:
    async with remembering_in(tmp_path) as (remembering, _, _):
        session = session_of(remembering)
        for name in ("Robin", "Bartholomew"):
            session.told([said(f"My name is {name}")])
            recalled = await session.recall("What is my name?")
            assert [each.memory.text for each in recalled] == [f"The user's name is {name}"]
            session.told([])


async def test_an_llm_that_fails_costs_nothing_else(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with remembering_in(tmp_path, [EngineUnavailable("gone")], '"fact"') as (remembering, memories, _):
        session = session_of(remembering)
        session.told([said("I drive an old Volvo", 1)])
        session.told([said("I play the tuba", 2)])
        session.told([said("My name is Tom", 3)])
        with caplog.at_level(logging.CRITICAL):
            await done(remembering)
        assert "The user's name is Tom" in await texts_in(memories)


async def test_an_llm_without_schemas_is_not_asked(tmp_path: Path) -> None:
    plain = ScriptedLLM('"fact"')
    async with (
        open_memories_in(tmp_path) as memories,
        open_remembering(memories, lambda: plain, NoJournal(), now=lambda: TODAY) as remembering,
    ):
        session_of(remembering).told([said("I drive an old Volvo")])
        await done(remembering)
    assert plain.calls == []


async def test_what_was_withdrawn_is_not_read_afterwards(tmp_path: Path) -> None:
    async with remembering_in(tmp_path, '"fact"') as (remembering, memories, llm):
        session = session_of(remembering)
        await session.recall("I drive an old Volvo")
        other = session_of(remembering)
        other.told([said("I drive an old Volvo", 1)])
        other.told([said("Please forget that", 2)])
        await anyio.sleep(0.5)
        session.told([])
        await done(remembering)
        assert await texts_in(memories) == []
        assert llm.calls == []


async def test_what_a_process_left_is_taken_up_by_the_next(tmp_path: Path) -> None:
    store = InMemoryStore()
    await store.create(CONVERSATION)
    await store.append(CONVERSATION.id, said("My name is Tom"))
    async with open_database(tmp_path / "myna.db") as database:
        journal = SQLJournal(database)
        await journal.add(Entry(SCOPE, CONVERSATION.id, MessageId("msg_1")))
        await journal.add(Entry(SCOPE, ConversationId("conv_gone"), MessageId("msg_2")))
    async with open_memories_in(tmp_path) as memories, open_database(tmp_path / "myna.db") as database:
        journal = SQLJournal(database)
        async with open_remembering(memories, lambda: None, journal, store=store, now=lambda: TODAY) as remembering:
            with anyio.fail_after(SOON_S):
                while await journal.left():
                    await anyio.sleep(0.01)
            await done(remembering)
        assert await texts_in(memories) == ["The user's name is Tom"]


async def test_what_waits_for_the_llm_is_in_the_journal(tmp_path: Path) -> None:
    async with open_database(tmp_path / "myna.db") as database:
        journal = SQLJournal(database)
        async with remembering_in(tmp_path, [HANG], journal=journal) as (remembering, _, llm):
            session_of(remembering).told([said("I drive an old Volvo")])
            with anyio.fail_after(SOON_S):
                while not llm.calls:
                    await anyio.sleep(0.01)
        assert [left.entry.message_id for left in await journal.left()] == ["msg_1"]


async def test_what_leaves_nothing_to_remember_costs_the_disk_nothing(tmp_path: Path) -> None:
    async with open_database(tmp_path / "myna.db") as database:
        async with remembering_in(tmp_path, "[]", journal=SQLJournal(database)) as (remembering, memories, _):
            session_of(remembering).told([said("What is the capital of France?")])
            await done(remembering)
            assert await texts_in(memories) == []
        counted = "SELECT seq FROM sqlite_sequence WHERE name = 'memory_to_remember'"
        assert not database.glance(counted), "it was written, and taken away again"


async def test_the_yes_counts_in_a_session_that_goes_on_with_the_conversation(tmp_path: Path) -> None:
    async with remembering_in(tmp_path) as (remembering, memories, _):
        await memories.add(SCOPE, NewMemory("The user likes tea"))
        before = [said("Forget everything about me")]
        session = remembering.session(SCOPE, CONVERSATION, limit=3, said=before)
        assert session is not None
        assert await session.to_forget("Yes") is not None
        session.told([said("Yes", 2)])
        await done(remembering)
        assert await texts_in(memories) == []


async def test_a_play_goes_on_in_the_next_session(tmp_path: Path) -> None:
    async with remembering_in(tmp_path) as (remembering, memories, _):
        before = [said("Let's play, you be the waiter")]
        session = remembering.session(SCOPE, CONVERSATION, limit=3, said=before)
        assert session is not None
        session.told([said("I am allergic to shrimp", 2)])
        await done(remembering)
        assert await texts_in(memories) == []


@asynccontextmanager
async def left_by_a_process(folder: Path, text: str) -> AsyncGenerator[tuple[SQLMemories, SQLJournal, InMemoryStore]]:
    """A process ended while what a user said waited for the LLM."""
    store = InMemoryStore()
    await store.create(CONVERSATION)
    await store.append(CONVERSATION.id, said(text))
    async with open_database(folder / "myna.db") as database:
        journal = SQLJournal(database)
        async with remembering_in(folder, [HANG], journal=journal) as (remembering, memories, llm):
            session_of(remembering).told([said(text)])
            with anyio.fail_after(SOON_S):
                while not llm.calls:
                    await anyio.sleep(0.01)
        async with open_memories_in(folder) as memories:
            yield memories, journal, store


async def taken_up(memories: SQLMemories, journal: SQLJournal, store: InMemoryStore) -> list[str]:
    """What the next process remembers."""
    async with open_remembering(memories, lambda: None, journal, store=store, now=lambda: TODAY) as remembering:
        with anyio.fail_after(SOON_S):
            while await journal.left():
                await anyio.sleep(0.01)
        await done(remembering)
    return await texts_in(memories)


async def test_what_was_forgotten_does_not_come_back_at_the_next_start(tmp_path: Path) -> None:
    async with left_by_a_process(tmp_path, "My name is Tom. I drive an old Volvo") as (memories, journal, store):
        (one,) = await memories.all(SCOPE)
        await memories.forget(SCOPE, [one.id])
        assert await journal.left() == []
        assert await taken_up(memories, journal, store) == []


async def test_nothing_comes_back_after_all_was_forgotten(tmp_path: Path) -> None:
    async with left_by_a_process(tmp_path, "My name is Tom. I drive an old Volvo") as (memories, journal, store):
        await memories.forget_all(OWNER)
        assert await taken_up(memories, journal, store) == []


async def test_the_rules_do_not_say_again_what_they_said_before_the_start(tmp_path: Path) -> None:
    async with left_by_a_process(tmp_path, "I live in Oslo. I drive an old Volvo") as (memories, journal, store):
        (one,) = await memories.all(SCOPE)
        await memories.edit(SCOPE, one.id, "The user lives in Rome")
        assert await taken_up(memories, journal, store) == ["The user lives in Rome"]


async def test_what_was_forgotten_in_the_meantime_is_not_remembered(tmp_path: Path) -> None:
    async with open_database(tmp_path / "myna.db") as database, open_memories_in(tmp_path) as memories:
        journal, entry = SQLJournal(database), Entry(SCOPE, CONVERSATION.id, MessageId("msg_1"))
        await journal.add(entry)
        new = NewMemory("The user's name is Tom", source=entry.message_id, conversation_id=CONVERSATION.id)
        await memories.forget_all(OWNER)
        assert await memories.remember(SCOPE, new, permitted=True) is None
        assert await memories.all(SCOPE) == []


async def test_a_full_memory_leaves_nothing_waiting(tmp_path: Path) -> None:
    async with (
        open_database(tmp_path / "myna.db") as database,
        open_memories(database, MemoryOptions(vectors="none", most_memories=1), tmp_path, lambda: None) as memories,
        open_remembering(memories, lambda: None, journal := SQLJournal(database), now=lambda: TODAY) as remembering,
    ):
        await memories.add(SCOPE, NewMemory("The user likes tea"))
        session_of(remembering).told([said("My name is Tom")])
        await done(remembering)
        assert await texts_in(memories) == ["The user likes tea"]
        assert await journal.left() == []
        async with database.read() as connection:
            assert (await connection.execute(select(vector_work))).all() == []
