"""What is kept of a conversation. Most of it is in tests/session/test_session.py."""

from dataclasses import replace

import pytest
from tests.session.players import CONVERSATION

from myna.core.errors import UnknownName
from myna.core.ids import MessageId, TurnId
from myna.core.messages import ToolCallMessage, ToolResultMessage, UserMessage
from myna.core.tools import ToolCall
from myna.session.record import Record
from myna.session.server_calls import GOES_ON
from myna.store.in_memory import InMemoryStore
from myna.testing.clock import on_virtual_clock


def result(call_id: str) -> ToolResultMessage:
    return ToolResultMessage(MessageId("result"), TurnId("t"), call_id, "paid")


@on_virtual_clock
async def test_a_late_result_stands_behind_the_newest_call_of_its_id() -> None:
    store = InMemoryStore()
    record = Record(store, CONVERSATION)
    for name in ("first", "second"):
        await record.add(ToolCallMessage(MessageId(name), TurnId("t"), ToolCall("call_0", "pay", "{}")))
    await record.add(UserMessage(MessageId("user"), TurnId("u"), "Hello"))
    await record.add_result(result("call_0"))
    assert [message.id for message in await record.messages()] == ["first", "second", "result", "user"]


@on_virtual_clock
async def test_a_late_result_takes_the_place_of_the_word_that_it_is_to_come() -> None:
    record = Record(InMemoryStore(), CONVERSATION)
    await record.add(ToolCallMessage(MessageId("call"), TurnId("t"), ToolCall("call_0", "pay", "{}")))
    await record.add(replace(result("call_0"), id=MessageId("word"), output=GOES_ON.output))
    await record.add(UserMessage(MessageId("user"), TurnId("u"), "Hello"))
    await record.add_result(result("call_0"))
    _, kept, _ = await record.messages()
    assert kept == replace(result("call_0"), id=MessageId("word"))


@on_virtual_clock
async def test_a_late_result_whose_call_was_deleted_is_not_kept() -> None:
    record = Record(InMemoryStore(), CONVERSATION)
    await record.add(UserMessage(MessageId("user"), TurnId("u"), "Hello"))
    await record.add_result(result("call_0"))
    assert [message.id for message in await record.messages()] == ["user"]


@on_virtual_clock
async def test_a_conversation_that_was_deleted_is_not_brought_back_by_who_still_talks_in_it() -> None:
    store = InMemoryStore()
    record = Record(store, CONVERSATION)
    await record.add(UserMessage(MessageId("user"), TurnId("u"), "Hello"))
    await store.delete(CONVERSATION.user_id, CONVERSATION.id)
    with pytest.raises(UnknownName, match="no conversation"):
        await record.add(UserMessage(MessageId("more"), TurnId("v"), "Still there?"))
    assert await store.find(CONVERSATION.id) is None
