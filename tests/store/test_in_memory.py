import pytest

from myna.core.errors import UnknownName
from myna.core.ids import OWNER, ConversationId, MessageId, TurnId
from myna.core.messages import Conversation, UserMessage
from myna.store.base import Store
from myna.store.in_memory import InMemoryStore
from myna.testing.conformance.store import StoreConformance
from myna.testing.conformance.store_turns import StoreTurnsConformance

pytestmark = pytest.mark.anyio


class TestInMemoryStore(StoreConformance):
    @pytest.fixture
    def store(self) -> InMemoryStore:
        return InMemoryStore()


class TestTurnsOfInMemoryStore(StoreTurnsConformance):
    @pytest.fixture
    def store(self) -> InMemoryStore:
        return InMemoryStore()


def conversation(name: str) -> Conversation:
    return Conversation(ConversationId(name), "assistant")


def said(text: str) -> UserMessage:
    return UserMessage(MessageId(text), TurnId(text), text)


async def test_messages_come_back_in_the_order_they_were_given() -> None:
    store: Store = InMemoryStore()
    await store.create(conversation("a"))
    for text in ("one", "two"):
        await store.append(ConversationId("a"), said(text))
    assert await store.messages(ConversationId("a")) == (said("one"), said("two"))
    assert await store.find(ConversationId("a")) == conversation("a")


async def test_an_unknown_conversation_is_told() -> None:
    store = InMemoryStore()
    assert await store.find(ConversationId("a")) is None
    with pytest.raises(UnknownName, match="no conversation a"):
        await store.append(ConversationId("a"), said("one"))
    with pytest.raises(UnknownName, match="no conversation a"):
        await store.messages(ConversationId("a"))


async def test_the_conversation_unused_for_longest_goes_first() -> None:
    store = InMemoryStore(limit=2)
    await store.create(conversation("old"))
    await store.create(conversation("used"))
    await store.append(ConversationId("old"), said("still here"))
    await store.create(conversation("new"))
    await store.append(ConversationId("new"), said("hello"))
    assert [listed.conversation.id for listed in await store.list(OWNER)] == ["new", "old"]
    assert await store.messages(ConversationId("old")) == (said("still here"),)


async def test_who_is_in_a_conversation_that_went_can_go_on_but_not_in_one_that_was_deleted() -> None:
    store = InMemoryStore(limit=1)
    for name in ("deleted", "went", "new"):
        await store.create(conversation(name))
        await store.append(ConversationId(name), said("hello"))
    await store.delete(OWNER, ConversationId("deleted"))
    assert await store.find(ConversationId("deleted")) is None
    assert await store.find(ConversationId("went")) == conversation("went")
    assert await store.messages(ConversationId("went")) == ()
    await store.append(ConversationId("went"), said("still here"))
    assert await store.messages(ConversationId("went")) == (said("still here"),)
