"""Greetings alone are not kept."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

from myna.core.errors import BadInput, NoRoom, UnknownName
from myna.core.ids import OWNER, ConversationId, MessageId, TurnId, UserId
from myna.core.messages import AssistantMessage, Conversation, UserMessage
from myna.core.reply import Reply
from myna.store.base import KeptTurn
from myna.store.in_memory import InMemoryStore
from myna.store.lazy import LazyStore
from myna.store.opening import open_store
from myna.store.sql import SQLStore
from myna.testing.conformance.store import StoreConformance

pytestmark = pytest.mark.anyio

TALK = Conversation(ConversationId("talk"), "wukong")
GREETING = AssistantMessage(MessageId("m1"), TurnId("t1"), Reply("Hi!", "Hi!", "Hi!"), "completed")
TURN = KeptTurn(TurnId("t1"), "completed", datetime(2026, 11, 22, tzinfo=UTC))
HELLO = UserMessage(MessageId("m2"), TurnId("t2"), "Hello")


class TestLazyStore(StoreConformance):
    @pytest.fixture
    def store(self) -> LazyStore:
        return LazyStore(InMemoryStore())


class TestLazySQLStore(StoreConformance):
    @pytest.fixture
    async def store(self, url: str) -> AsyncGenerator[LazyStore]:
        async with open_store(url) as store:
            yield LazyStore(store)


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncGenerator[SQLStore]:
    async with open_store(tmp_path / "myna.db") as store:
        yield store


@pytest.fixture
async def store(kept: SQLStore) -> LazyStore:
    """A store with a conversation in which there is only a greeting."""
    store = LazyStore(kept)
    await store.greet(TALK, GREETING, TURN)
    return store


async def test_a_greeting_alone_is_not_kept_and_can_be_gone_on_with(store: LazyStore, kept: SQLStore) -> None:
    assert await kept.find(TALK.id) is None
    assert await store.find(TALK.id) == TALK
    assert await store.messages(TALK.id) == (GREETING,)
    assert (await store.page(TALK.id, limit=1)).messages == (GREETING,)
    assert await store.turns(TALK.id) == (TURN,)
    assert await store.list(OWNER) == ()


async def test_with_the_first_message_all_of_it_is_kept_in_order(store: LazyStore, kept: SQLStore) -> None:
    greeted_at = (await store.page(TALK.id)).times[GREETING.id]
    await store.append(TALK.id, HELLO)
    assert await kept.messages(TALK.id) == (GREETING, HELLO)
    assert await kept.turns(TALK.id) == (TURN,)
    assert (await kept.page(TALK.id)).times[GREETING.id] == greeted_at
    assert await store.messages(TALK.id) == (GREETING, HELLO)
    assert [listed.conversation for listed in await store.list(OWNER)] == [TALK]


async def test_what_is_put_in_behind_the_greeting_keeps_it(store: LazyStore, kept: SQLStore) -> None:
    await store.insert(TALK.id, HELLO, GREETING.id)
    assert await kept.messages(TALK.id) == (GREETING, HELLO)


async def test_what_is_only_done_to_the_greeting_does_not_keep_it(store: LazyStore, kept: SQLStore) -> None:
    heard = AssistantMessage(GREETING.id, GREETING.turn_id, Reply("Hi!", "Hi!", "H"), "interrupted")
    await store.replace(TALK.id, heard)
    assert await store.messages(TALK.id) == (heard,)
    await store.keep_turn(TALK.id, KeptTurn(TurnId("t3"), "failed", TURN.began_at))
    await store.remove(TALK.id, GREETING.id)
    assert await store.messages(TALK.id) == ()
    assert await kept.find(TALK.id) is None


async def test_a_name_or_a_branch_keeps_it(store: LazyStore, kept: SQLStore) -> None:
    with pytest.raises(UnknownName):
        await store.rename(UserId("another"), TALK.id, "Mine")
    assert await kept.find(TALK.id) is None
    assert (await store.rename(OWNER, TALK.id, "Named")).title == "Named"
    assert await kept.messages(TALK.id) == (GREETING,)
    other = Conversation(ConversationId("other"), "wukong")
    await store.greet(other, GREETING, TURN)
    branch = await store.branch(OWNER, other.id, GREETING.id)
    assert await kept.messages(branch.id) == await kept.messages(other.id) == (GREETING,)


async def test_it_can_be_deleted_before_anything_was_said(store: LazyStore) -> None:
    with pytest.raises(UnknownName):
        await store.delete(UserId("another"), TALK.id)
    await store.delete(OWNER, TALK.id)
    assert await store.find(TALK.id) is None
    with pytest.raises(UnknownName):
        await store.append(TALK.id, HELLO)


async def test_who_goes_on_in_another_conversation_does_not_wait_for_one_that_is_being_kept(
    store: LazyStore, kept: SQLStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = replace(TALK, id=ConversationId("other"))
    await kept.create(other)
    keep = kept.take_in
    begun, go_on = anyio.Event(), anyio.Event()

    async def slow(*what: Any) -> None:
        begun.set()
        await go_on.wait()
        await keep(*what)

    monkeypatch.setattr(kept, "take_in", slow)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(store.append, TALK.id, HELLO)
        await begun.wait()
        with anyio.fail_after(5):
            await store.append(other.id, replace(HELLO, id=MessageId("another")))
            await store.delete(OWNER, other.id)
        go_on.set()
    assert [message.id for message in await kept.messages(TALK.id)][-1] == HELLO.id


async def test_its_id_is_taken(store: LazyStore) -> None:
    for again in (store.create(TALK), store.greet(TALK, None, TURN), store.take_in(TALK, (), {}, ())):
        with pytest.raises(BadInput, match="already"):
            await again


async def test_what_is_said_while_it_is_being_kept_is_kept_once(store: LazyStore, kept: SQLStore) -> None:
    said = [UserMessage(MessageId(f"u{n}"), TurnId(f"u{n}"), str(n)) for n in range(5)]
    async with anyio.create_task_group() as tasks:
        for message in said:
            tasks.start_soon(store.append, TALK.id, message)
        tasks.start_soon(store.rename, OWNER, TALK.id, "Named")
    messages = await kept.messages(TALK.id)
    assert messages[0] == GREETING
    assert set(messages[1:]) == set(said)


async def test_what_another_process_kept_meanwhile_is_gone_on_with(store: LazyStore, kept: SQLStore) -> None:
    other = LazyStore(kept)
    await other.greet(TALK, GREETING, TURN)
    await other.append(TALK.id, HELLO)
    more = UserMessage(MessageId("m3"), TurnId("t3"), "Still there?")
    await store.append(TALK.id, more)
    assert await store.messages(TALK.id) == (GREETING, HELLO, more)


async def test_a_greeting_is_not_lost_where_it_cannot_be_kept_at_first() -> None:
    class Full(InMemoryStore):
        full = True

        async def create(self, conversation: Conversation) -> None:
            if self.full:
                raise NoRoom("The disk is full.")
            await super().create(conversation)

    kept = Full()
    store = LazyStore(kept)
    await store.greet(TALK, GREETING, TURN)
    with pytest.raises(NoRoom):
        await store.append(TALK.id, HELLO)
    assert await store.messages(TALK.id) == (GREETING,)
    kept.full = False
    await store.append(TALK.id, HELLO)
    assert await kept.messages(TALK.id) == (GREETING, HELLO)
