"""Conversations as files."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from myna.core.errors import BadInput, NoRoom
from myna.core.events import Outcome
from myna.core.ids import OWNER, ConversationId, MessageId, TurnId, UserId
from myna.core.messages import (
    AssistantMessage,
    Conversation,
    Message,
    SystemMessage,
    ToolCallMessage,
    ToolResultMessage,
    UserMessage,
)
from myna.core.reply import Reply
from myna.core.tools import ToolCall, ToolSpec
from myna.server.export import ConversationFile, exported, read_export, take_in, title_of
from myna.store.base import KeptTurn, Page
from myna.store.in_memory import InMemoryStore

pytestmark = pytest.mark.anyio

T1, T2 = TurnId("t1"), TurnId("t2")
UNLOCK = ToolSpec("unlock", "Unlock a door.", {"type": "object", "properties": {"pin": {"type": "string"}}})
ABOUT = Conversation(ConversationId("main@anne"), "wukong", UserId("anne"), title="猫")
MESSAGES: Sequence[Message] = (
    SystemMessage(MessageId("m0"), T1, "Be brief."),
    UserMessage(MessageId("m1"), T1, "我的猫叫\0小白"),
    AssistantMessage(MessageId("m2"), T1, Reply("[开心] 好名字！", "好名字！", "好名"), "interrupted"),
    ToolCallMessage(MessageId("m3"), T2, ToolCall("call_1", "unlock", "{no json")),
    ToolResultMessage(MessageId("m4"), T2, "call_1", "Ask.", asks=UNLOCK, failed=True),
)
TURNS = (
    KeptTurn(T1, "interrupted", datetime(2026, 11, 22, 5, tzinfo=UTC), {"heard": 120.25, "turn": 900.0}, ("engine",)),
    KeptTurn(T2, "completed", datetime(2026, 11, 22, 6, tzinfo=UTC)),
)
WHOLE = Page(MESSAGES, {message.id: TURNS[0].began_at + timedelta(minutes=n) for n, message in enumerate(MESSAGES)})


def file_of(**change: Any) -> ConversationFile:
    file = json.loads(exported(ABOUT, WHOLE, TURNS))
    return read_export(json.dumps(file | change).encode())


async def test_all_of_a_conversation_comes_back_as_the_importing_users_own() -> None:
    store = InMemoryStore()
    made = await take_in(store, OWNER, file_of())
    assert made.id != ABOUT.id
    assert made == Conversation(made.id, "wukong", OWNER, title="猫")
    *others, asked = MESSAGES
    assert isinstance(asked, ToolResultMessage)
    *same, imported = await store.messages(made.id)
    assert same == others
    assert await store.turns(made.id) == TURNS
    assert (await store.page(made.id)).times == WHOLE.times
    # Nobody is to agree by word to a call that a file brought along.
    assert imported == ToolResultMessage(asked.id, asked.turn_id, "call_1", "Ask.", asks=None, failed=True)


def test_a_file_tells_what_it_is_and_not_whose() -> None:
    file = json.loads(exported(ABOUT, WHOLE, TURNS))
    assert (file["format"], file["version"]) == ("myna.conversation", 1)
    assert "user_id" not in json.dumps(file)
    assert file["messages"][4]["asks"]["parameters"] == UNLOCK.parameters


def test_what_a_later_version_adds_within_version_1_is_left_out() -> None:
    assert file_of(more="fields").conversation.title == "猫"


async def test_of_a_file_that_cannot_be_kept_whole_nothing_stays() -> None:
    class Full(InMemoryStore):
        async def take_in(
            self,
            conversation: Conversation,
            messages: Sequence[Message],
            times: Mapping[MessageId, datetime],
            turns: Sequence[KeptTurn],
        ) -> None:
            await super().take_in(conversation, messages[:2], times, ())
            raise NoRoom("The disk is full.")

    store = Full()
    with pytest.raises(NoRoom):
        await take_in(store, OWNER, file_of())
    assert await store.list(OWNER) == ()


async def test_a_store_that_keeps_nothing_is_told_as_that() -> None:
    class Full(InMemoryStore):
        async def create(self, conversation: Conversation) -> None:
            raise NoRoom("The disk is full.", hint="Make room.")

    with pytest.raises(NoRoom):
        await take_in(Full(), OWNER, file_of())


async def test_a_file_of_an_older_myna_has_the_times_of_its_turns_and_of_its_export() -> None:
    messages = [{"type": "user", "id": f"m{n}", "turn": turn, "text": "Hi"} for n, turn in enumerate(("t1", "none"))]
    store = InMemoryStore()
    made = await take_in(store, OWNER, file_of(messages=messages, exported_at="2026-11-23T01:00:00+01:00"))
    times = (await store.page(made.id)).times
    assert times == {MessageId("m0"): TURNS[0].began_at, MessageId("m1"): datetime(2026, 11, 23, tzinfo=UTC)}


async def test_an_import_that_is_cancelled_leaves_nothing() -> None:
    class Slow(InMemoryStore):
        async def create(self, conversation: Conversation) -> None:
            await super().create(conversation)
            await anyio.sleep(60)

    store = Slow()
    with anyio.move_on_after(0.01):
        await take_in(store, OWNER, file_of())
    assert await store.list(OWNER) == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 1000, "no JSON"),
        (b"[]", "no conversation that Myna exported"),
        (b'{"format": "myna.conversation", "version": 3}', "version 3"),
        (b'{"format": "myna.conversation", "version": 1}', "exported_at: Field required"),
    ],
)
def test_what_is_no_file_of_ours_is_told(text: bytes, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        read_export(text)


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("conversation", {"id": "c", "persona": "a\nb"}, "visible characters"),
        ("conversation", {"id": "c", "persona": "a", "title": "x" * 201}, "at most 200"),
        ("messages", [{"type": "user", "id": "m", "turn": "t" * 1001, "text": ""}], "visible characters"),
        (
            "messages",
            [{"type": "user", "id": "m", "turn": "t", "text": "", "at": "0001-01-01T00:00:00+10:00"}],
            "message m was made at no time",
        ),
        ("exported_at", "9999-12-31T23:59:59-10:00", "file was exported at no time"),
        (
            "messages",
            [{"type": "user", "id": f"m{n}", "turn": "t", "text": ""} for n in range(10_001)],
            "10000 messages",
        ),
    ],
)
async def test_what_no_conversation_has_is_refused(field: str, value: Any, why: str) -> None:
    with pytest.raises(BadInput, match=why):
        await take_in(InMemoryStore(), OWNER, file_of(**{field: value}))


def test_a_title_is_one_line() -> None:
    assert title_of("  one\r\n two\t\x1b[1m ") == "one two [1m"
    assert title_of(" \n") == ""


@pytest.mark.parametrize("outcome", ["completed", "interrupted", "failed", "silent"])
def test_every_outcome_of_a_turn_is_read_again(outcome: Outcome) -> None:
    turn = KeptTurn(T1, outcome, TURNS[0].began_at)
    assert read_export(exported(ABOUT, Page(()), [turn]).encode()).turns[0].outcome == outcome
