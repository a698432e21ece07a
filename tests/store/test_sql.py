from collections.abc import AsyncGenerator

import anyio
import pytest

from myna.core.ids import OWNER, ConversationId, MessageId, TurnId
from myna.core.messages import Conversation, UserMessage
from myna.store.opening import open_store
from myna.store.sql import SQLStore
from myna.testing.conformance.store import StoreConformance
from myna.testing.conformance.store_turns import StoreTurnsConformance

pytestmark = pytest.mark.anyio


class TestSQLStore(StoreConformance):
    @pytest.fixture
    async def store(self, url: str) -> AsyncGenerator[SQLStore]:
        async with open_store(url) as store:
            yield store


class TestTurnsOfSQLStore(StoreTurnsConformance):
    @pytest.fixture
    async def store(self, url: str) -> AsyncGenerator[SQLStore]:
        async with open_store(url) as store:
            yield store


KITCHEN = Conversation(ConversationId("kitchen"), "assistant")


def said(text: str) -> UserMessage:
    return UserMessage(MessageId(text), TurnId(text), text)


async def test_what_another_process_deleted_does_not_come_back_under_the_same_id(url: str) -> None:
    async with open_store(url) as one, open_store(url) as other:
        await one.create(KITCHEN)
        await one.append(KITCHEN.id, said("secret"))
        assert await one.messages(KITCHEN.id) == (said("secret"),)
        await other.delete(OWNER, KITCHEN.id)
        await one.create(KITCHEN)
        await one.append(KITCHEN.id, said("hello"))
        assert await one.messages(KITCHEN.id) == (said("hello"),)


async def test_messages_that_are_read_while_others_are_kept_are_there_once(url: str) -> None:
    async with open_store(url) as store, open_store(url) as other:
        await store.create(KITCHEN)
        for round_ in range(10):
            await other.append(KITCHEN.id, said(f"before {round_}"))  # so that the other one has to read anew
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(store.messages, KITCHEN.id)
                tasks.start_soon(store.append, KITCHEN.id, said(f"beside {round_}"))
                tasks.start_soon(store.messages, KITCHEN.id)
            texts = [message.text for message in await store.messages(KITCHEN.id) if isinstance(message, UserMessage)]
            assert texts == [f"{when} {n}" for n in range(round_ + 1) for when in ("before", "beside")]


async def test_an_empty_conversation_has_no_messages_and_any_limit_can_be_given(url: str) -> None:
    async with open_store(url) as store:
        await store.create(KITCHEN)
        assert await store.messages(KITCHEN.id) == ()
        await store.append(KITCHEN.id, said("hello"))
        assert len(await store.list(OWNER, limit=1 << 63)) == 1
        assert len(await store.search(OWNER, "hello", limit=1 << 63)) == 1


async def test_a_message_of_very_many_long_words_is_kept(url: str) -> None:
    async with open_store(url) as store:
        await store.create(KITCHEN)
        await store.append(
            KITCHEN.id, UserMessage(MessageId("1"), TurnId("1"), " ".join(f"{n:0150}" for n in range(8000)))
        )
        assert len(await store.search(OWNER, f"{1:0150}")) == 1
