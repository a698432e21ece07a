"""What every store of conversations must do.

::

    class TestMyStore(StoreConformance):
        @pytest.fixture
        async def store(self):
            async with open_my_store() as store:
                yield store
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import anyio
import pytest

from myna.core.commands import ROOT
from myna.core.errors import BadInput, UnknownName
from myna.core.ids import ConversationId, MessageId, UserId, new_conversation_id, new_message_id, new_turn_id
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
from myna.store.base import ConversationStore, KeptTurn, Listed

ANNE, BERT = UserId("anne"), UserId("bert")

PATIENCE_S = 30.0
"""What takes longer hangs."""

ODD = (
    "",
    " ",
    '"',
    "'",
    '" OR "a',
    "*",
    "a*",
    "(",
    "NEAR(a b)",
    "-a",
    "a:b",
    "\\",
    "%",
    "_",
    "\x00",
    "\ud800",
    "<->",
    "&|!",
)
"""What a search must live with."""


def said(text: str) -> UserMessage:
    """What a user said."""
    return UserMessage(new_message_id(), new_turn_id(), text)


def answered(text: str, heard: str | None = None) -> AssistantMessage:
    """What was answered, and heard of it."""
    reply = Reply(f"[joy]{text}", text, text if heard is None else heard)
    return AssistantMessage(new_message_id(), new_turn_id(), reply, "completed" if heard is None else "interrupted")


async def begin(store: ConversationStore, *messages: Message, user_id: UserId = ANNE) -> ConversationId:
    """A new conversation with these messages."""
    conversation = Conversation(new_conversation_id(), "assistant", user_id)
    await store.create(conversation)
    for message in messages:
        await store.append(conversation.id, message)
    return conversation.id


async def texts(store: ConversationStore, conversation_id: ConversationId) -> Sequence[str]:
    """The user's messages."""
    return [message.text for message in await store.messages(conversation_id) if isinstance(message, UserMessage)]


@pytest.mark.anyio
class StoreConformance:
    """Derive from it and override the fixture ``store``."""

    @pytest.fixture
    @classmethod
    def anyio_backend(cls) -> str:
        """The event loop that the store runs on."""
        return "asyncio"

    @pytest.fixture
    def store(self) -> ConversationStore:
        """The store, open and empty."""
        raise NotImplementedError("override the fixture store")

    async def test_a_conversation_comes_back_as_it_was_given(self, store: ConversationStore):
        conversation = Conversation(new_conversation_id(), "wukong", ANNE, "取经 🐵")
        await store.create(conversation)
        assert await store.find(conversation.id) == conversation
        assert await store.messages(conversation.id) == ()
        assert await store.find(new_conversation_id()) is None

    async def test_an_id_is_taken_once(self, store: ConversationStore):
        conversation_id = await begin(store, said("one"))
        with pytest.raises(BadInput, match=conversation_id):
            await store.create(Conversation(conversation_id, "wukong", BERT))
        assert (await store.find(conversation_id)) == Conversation(conversation_id, "assistant", ANNE)
        assert await texts(store, conversation_id) == ["one"]

    async def test_every_kind_of_message_comes_back_as_it_was_given(self, store: ConversationStore):
        turn_id = new_turn_id()
        spec = ToolSpec("pay", "Pay. 付款", {"type": "object", "properties": {"to": {"enum": ["a", None, 1.5, True]}}})
        kept = (
            SystemMessage(new_message_id(), turn_id, "be brief"),
            said('a "quoted" \\ text\nof 两 lines\x00 and a \ud800 half'),
            ToolCallMessage(new_message_id(), turn_id, ToolCall("call_1", "pay", '{"to": ')),
            ToolResultMessage(new_message_id(), turn_id, "call_1", "wait", asks=spec),
            ToolResultMessage(new_message_id(), turn_id, "call_1", "no", failed=True),
            answered("Done 🎉"),
            answered("One two three", heard="One "),
            replace(answered(""), outcome="failed"),
        )
        conversation_id = await begin(store, *kept)
        assert await store.messages(conversation_id) == kept
        assert await store.messages(conversation_id) == kept

    async def test_a_very_long_message_comes_back_whole(self, store: ConversationStore):
        message = said("今天 all is well. " * 50_000)
        conversation_id = await begin(store, message)
        assert await store.messages(conversation_id) == (message,)
        assert [found.message.id for found in await store.search(ANNE, "今天")] == [message.id]

    async def test_messages_are_put_first_between_and_last(self, store: ConversationStore):
        one, two = said("one"), said("two")
        conversation_id = await begin(store, one, two)
        await store.insert(conversation_id, said("first"), ROOT)
        await store.insert(conversation_id, said("between"), one.id)
        await store.insert(conversation_id, said("last"), two.id)
        await store.append(conversation_id, said("end"))
        assert await texts(store, conversation_id) == ["first", "one", "between", "two", "last", "end"]

    async def test_many_can_be_put_behind_the_same_message(self, store: ConversationStore):
        one, two = said("one"), said("two")
        conversation_id = await begin(store, one, two)
        for number in range(100):
            await store.insert(conversation_id, said(str(number)), one.id)
        assert await texts(store, conversation_id) == ["one", *map(str, reversed(range(100))), "two"]

    async def test_many_can_be_put_behind_one_another_before_the_same_message(self, store: ConversationStore):
        message = said("one")
        conversation_id = await begin(store, message, said("two"))
        for number in range(100):
            await store.insert(conversation_id, new := said(str(number)), message.id)
            message = new
        assert await texts(store, conversation_id) == ["one", *map(str, range(100)), "two"]

    async def test_a_message_is_replaced_in_its_place(self, store: ConversationStore):
        one, two = said("one"), answered("two and three")
        conversation_id = await begin(store, one, two, said("four"))
        heard = replace(two, reply=replace(two.reply, heard="two"), outcome="interrupted")
        await store.replace(conversation_id, heard)
        assert (await store.messages(conversation_id))[1] == heard
        assert not await store.search(ANNE, "three")
        assert len(await store.search(ANNE, "two")) == 1

    async def test_a_removed_message_is_gone(self, store: ConversationStore):
        one, two = said("one"), said("two")
        conversation_id = await begin(store, one, two)
        await store.remove(conversation_id, one.id)
        assert await store.messages(conversation_id) == (two,)
        assert not await store.search(ANNE, "one")
        with pytest.raises(UnknownName, match=one.id):
            await store.remove(conversation_id, one.id)

    async def test_what_is_not_there_is_told(self, store: ConversationStore):
        here, gone, nowhere = await begin(store, said("one")), MessageId("msg_gone"), ConversationId("conv_gone")
        with pytest.raises(UnknownName, match=gone):
            await store.insert(here, said("two"), gone)
        with pytest.raises(UnknownName, match=gone):
            await store.replace(here, replace(said("two"), id=gone))
        for doing in (
            store.append(nowhere, said("one")),
            store.insert(nowhere, said("one"), ROOT),
            store.replace(nowhere, said("one")),
            store.remove(nowhere, gone),
            store.messages(nowhere),
            store.page(nowhere),
            store.turns(nowhere),
            store.keep_turn(nowhere, KeptTurn(new_turn_id(), "completed", datetime.now(UTC))),
            store.rename(ANNE, nowhere, "title"),
            store.branch(ANNE, nowhere, gone),
            store.delete(ANNE, nowhere),
        ):
            with pytest.raises(UnknownName, match=nowhere):
                await doing
        with pytest.raises(UnknownName, match=gone):
            await store.branch(ANNE, here, gone)
        assert await texts(store, here) == ["one"]

    async def test_odd_ids_are_unknown_or_kept_but_break_nothing(self, store: ConversationStore):
        conversation_id = await begin(store)
        for odd in ("", "a\x00b", "\ud800", "' OR 1=1 --", "x" * 10_000):
            assert await store.find(ConversationId(odd)) is None
            assert await store.list(UserId(odd)) == ()
            for cursor in (odd, odd.encode(errors="replace").hex(), "WyJhIiwiYiJd", "WzEsImIiXQ"):
                with pytest.raises(BadInput, match="cannot go on"):
                    await store.list(ANNE, after=cursor)
            with pytest.raises(BadInput, match="cannot go on"):
                await store.page(conversation_id, before=odd)
            with pytest.raises(UnknownName):
                await store.append(ConversationId(odd), said("one"))
            with pytest.raises(UnknownName):
                await store.remove(conversation_id, MessageId(odd))

    async def test_turns_come_back_as_they_were_given_oldest_first(self, store: ConversationStore):
        now = datetime.now(UTC)
        reached = {"heard": 12.5, "turn": 900.0}
        late = KeptTurn(new_turn_id(), "failed", now, problems=("engine_timeout", "闪退"))
        early = KeptTurn(new_turn_id(), "completed", now - timedelta(minutes=1), reached)  # pyright: ignore[reportArgumentType] - a Stage each
        conversation_id = await begin(store, said("one"))
        await store.keep_turn(conversation_id, late)
        await store.keep_turn(conversation_id, early)
        assert await store.turns(conversation_id) == (early, late)
        again = replace(late, outcome="interrupted")
        await store.keep_turn(conversation_id, again)
        assert await store.turns(conversation_id) == (early, again)

    async def test_the_list_begins_with_what_was_talked_in_last(self, store: ConversationStore):
        a, b, c = [await begin(store, said("one")) for _ in range(3)]
        await store.append(a, said("newest"))
        assert [listed.conversation.id for listed in await store.list(ANNE)] == [a, c, b]

    async def test_the_list_is_read_in_pages(self, store: ConversationStore):
        all_of_them = [await begin(store, said("one")) for _ in range(5)][::-1]
        await begin(store, said("one"), user_id=BERT)
        read: list[Listed] = []
        while page := await store.list(ANNE, limit=2, after=read[-1].cursor if read else None):
            assert len(page) <= 2
            read += page
        assert [listed.conversation.id for listed in read] == all_of_them

    async def test_the_list_goes_on_where_its_last_one_was_deleted(self, store: ConversationStore):
        _, second, third, fourth = [await begin(store, said("one")) for _ in range(4)]
        page = await store.list(ANNE, limit=2)
        assert [listed.conversation.id for listed in page] == [fourth, third]
        await store.delete(ANNE, third)
        rest = await store.list(ANNE, limit=1, after=page[-1].cursor)
        assert [listed.conversation.id for listed in rest] == [second]

    async def test_a_greeting_alone_is_not_listed(self, store: ConversationStore):
        conversation = Conversation(new_conversation_id(), "assistant", ANNE)
        greeting, turn = answered("Hello!"), KeptTurn(new_turn_id(), "completed", datetime.now(UTC))
        await store.greet(conversation, greeting, turn)
        await begin(store)
        assert await store.list(ANNE) == ()
        assert await store.find(conversation.id) == conversation
        assert await store.messages(conversation.id) == (greeting,)
        assert await store.turns(conversation.id) == (turn,)
        await store.append(conversation.id, said("Hi."))
        named = await begin(store, answered("Hello!"))
        await store.rename(ANNE, named, "Named")
        twice = await begin(store, answered("Hello!"), answered("Still there?"))
        assert [listed.conversation.id for listed in await store.list(ANNE)] == [twice, named, conversation.id]
        assert [len(await store.messages(one)) for one in (conversation.id, named, twice)] == [2, 1, 2]

    async def test_a_conversation_is_read_in_pages_from_its_end(self, store: ConversationStore):
        before = datetime.now(UTC)
        all_of_them = [said(str(number)) for number in range(5)]
        conversation_id = await begin(store, *all_of_them)
        newest = await store.page(conversation_id, limit=2)
        older = await store.page(conversation_id, limit=2, before=newest.previous)
        oldest = await store.page(conversation_id, limit=2, before=older.previous)
        assert [*oldest.messages, *older.messages, *newest.messages] == all_of_them
        assert (len(newest.messages), len(older.messages), oldest.previous) == (2, 2, None)
        assert newest.times.keys() == {message.id for message in newest.messages}
        assert all(before <= at <= datetime.now(UTC) for at in newest.times.values())
        whole = await store.page(conversation_id)
        assert (list(whole.messages), whole.previous) == (all_of_them, None)
        exactly = await store.page(conversation_id, limit=5)
        assert (list(exactly.messages), exactly.previous) == (all_of_them, None)

    async def test_pages_go_on_where_a_message_was_deleted_or_many_were_put_between(self, store: ConversationStore):
        all_of_them = [said(str(number)) for number in range(6)]
        conversation_id = await begin(store, *all_of_them)
        newest = await store.page(conversation_id, limit=2)
        for _ in range(50):
            await store.insert(conversation_id, said("between"), all_of_them[4].id)
        older = await store.page(conversation_id, limit=2, before=newest.previous)
        assert list(older.messages) == all_of_them[2:4]
        await store.remove(conversation_id, all_of_them[2].id)
        oldest = await store.page(conversation_id, limit=5, before=older.previous)
        assert list(oldest.messages) == all_of_them[:2]

    async def test_of_some_turns_only_those_are_told_that_are_asked_for(self, store: ConversationStore):
        turns = [KeptTurn(new_turn_id(), "completed", datetime.now(UTC) + timedelta(seconds=n)) for n in range(3)]
        conversation_id = await begin(store, said("one"))
        for turn in turns:
            await store.keep_turn(conversation_id, turn)
        assert await store.turns(conversation_id, among=[turns[2].id, turns[0].id]) == (turns[0], turns[2])
        assert await store.turns(conversation_id, among=()) == ()

    @pytest.mark.parametrize("many", [0, 1, 250])
    async def test_a_whole_conversation_is_taken_in_with_its_times(self, store: ConversationStore, many: int):
        conversation = Conversation(new_conversation_id(), "wukong", ANNE, "取经")
        messages = [said(f"tea {number}") for number in range(many)]
        long_ago = datetime(2020, 2, 29, 12, tzinfo=UTC)
        times = {message.id: long_ago + timedelta(minutes=n) for n, message in enumerate(messages) if n % 2 == 0}
        turns = [
            KeptTurn(message.turn_id, "completed", long_ago + timedelta(minutes=n))
            for n, message in enumerate(messages)
        ]
        before = datetime.now(UTC)
        await store.take_in(conversation, messages, times, turns)
        page = await store.page(conversation.id)
        assert (await store.find(conversation.id), list(page.messages)) == (conversation, messages)
        assert {key: page.times[key] for key in times} == times
        assert all(at >= before for key, at in page.times.items() if key not in times)
        assert list(await store.turns(conversation.id)) == turns
        assert len(await store.search(ANNE, "tea", limit=1000)) == many
        assert len(await store.list(ANNE)) == 1
        await store.append(conversation.id, last := said("milk"))
        assert (await store.messages(conversation.id))[-1] == last

    async def test_what_is_there_already_is_not_taken_in_and_stays(self, store: ConversationStore):
        conversation_id = await begin(store, said("one"))
        with pytest.raises(BadInput, match=conversation_id):
            await store.take_in(
                Conversation(conversation_id, "wukong", BERT), [said(str(n)) for n in range(250)], {}, ()
            )
        assert await texts(store, conversation_id) == ["one"]

    async def test_a_list_tells_how_much_was_said_and_how_it_began(self, store: ConversationStore):
        before = datetime.now(UTC)
        call = ToolCallMessage(new_message_id(), new_turn_id(), ToolCall("call_1", "pay", "{}"))
        await begin(store, answered("Hello!"), said("What\n is  the time? " + "so " * 100), call, answered("Noon."))
        (listed,) = await store.list(ANNE)
        assert listed.messages == 3
        assert listed.preview.startswith("What is the time? so")
        assert len(listed.preview) <= 100
        assert before <= listed.begun_at <= listed.changed_at <= datetime.now(UTC)
        assert listed.begun_at.tzinfo is not None

    async def test_words_are_found_in_chinese_and_english(self, store: ConversationStore):
        cat, allergy = said("用户的猫叫小白。"), answered("You are allergic to peanuts（花生）.")
        await begin(store, cat, allergy, said("好的"))
        for query, finds in (
            ("小白", cat),
            ("猫", cat),
            ("用户的猫叫小白", cat),
            ("的 小白", cat),
            ("白小", None),
            ("peanuts", allergy),
            ("PEANUTS", allergy),
            ("allergic peanuts", allergy),
            ("allergic 小白", None),
            ("花生", allergy),
        ):
            found = [one.message for one in await store.search(ANNE, query)]
            assert found == ([finds] if finds else []), query

    async def test_what_is_found_says_where_and_when(self, store: ConversationStore):
        before = datetime.now(UTC)
        message = said("blah " * 100 + "my cat is called 小白 " + "blah " * 100)
        conversation_id = await begin(store, message)
        (found,) = await store.search(ANNE, "小白")
        assert found.conversation == await store.find(conversation_id)
        assert found.message == message
        assert "小白" in found.snippet
        assert len(found.snippet) < 300
        assert before <= found.at <= datetime.now(UTC)

    async def test_no_more_are_found_than_asked_for(self, store: ConversationStore):
        await begin(store, *(said(f"tea {number}") for number in range(5)))
        assert len(await store.search(ANNE, "tea", limit=3)) == 3

    async def test_an_odd_search_breaks_nothing(self, store: ConversationStore):
        await begin(store, said("hello"))
        for odd in ODD:
            await store.search(ANNE, odd)
            await store.search(ANNE, f"hello {odd}")
            await store.search(UserId(odd), "hello")
        assert len(await store.search(ANNE, "hello")) == 1

    async def test_nobody_sees_what_is_anothers(self, store: ConversationStore):
        message = said("a secret 秘密")
        theirs = await begin(store, message)
        await begin(store, said("nothing"), user_id=BERT)
        (listed,) = await store.list(ANNE)
        assert [listed.preview for listed in await store.list(BERT)] == ["nothing"]
        await begin(store, said("later"), user_id=ANNE)
        behind = [one.preview for one in await store.list(BERT, after=listed.cursor)]
        assert "a secret 秘密" not in behind
        assert not await store.search(BERT, "secret")
        assert not await store.search(BERT, "秘密")
        for doing in (
            store.rename(BERT, theirs, "mine"),
            store.branch(BERT, theirs, message.id),
            store.delete(BERT, theirs),
        ):
            with pytest.raises(UnknownName, match=theirs):
                await doing
        assert await store.messages(theirs) == (message,)

    async def test_a_title_is_kept(self, store: ConversationStore):
        conversation_id = await begin(store)
        renamed = await store.rename(ANNE, conversation_id, "Tea 茶")
        assert renamed == Conversation(conversation_id, "assistant", ANNE, "Tea 茶")
        assert await store.find(conversation_id) == renamed

    async def test_a_branch_goes_its_own_way(self, store: ConversationStore):
        one, two, three = said("one"), answered("two"), said("three")
        old = await begin(store, one, two, three)
        for message in (one, three):
            await store.keep_turn(old, KeptTurn(message.turn_id, "completed", datetime.now(UTC)))
        new = (await store.branch(ANNE, old, two.id)).id
        assert await store.messages(new) == (one, two)
        assert [turn.id for turn in await store.turns(new)] == [one.turn_id]
        await store.append(new, said("four"))
        await store.remove(old, one.id)
        assert await store.messages(old) == (two, three)
        assert await texts(store, new) == ["one", "four"]
        assert [found.conversation.id for found in await store.search(ANNE, "one")] == [new]
        assert {listed.conversation.id for listed in await store.list(ANNE)} == {old, new}

    async def test_a_deleted_conversation_is_gone(self, store: ConversationStore):
        gone = await begin(store, said("one 小白"))
        other = await begin(store, said("one 小黑"))
        await store.keep_turn(gone, KeptTurn(new_turn_id(), "completed", datetime.now(UTC)))
        await store.delete(ANNE, gone)
        assert await store.find(gone) is None
        assert [found.conversation.id for found in await store.search(ANNE, "one")] == [other]
        assert not await store.search(ANNE, "小白")
        with pytest.raises(UnknownName):
            await store.messages(gone)

    async def test_all_that_is_said_at_the_same_time_is_kept(self, store: ConversationStore):
        ids = [await begin(store) for _ in range(3)]

        async def talk(conversation_id: ConversationId) -> None:
            for number in range(10):
                await store.append(conversation_id, said(str(number)))

        with anyio.fail_after(PATIENCE_S):
            async with anyio.create_task_group() as tasks:
                for conversation_id in ids:
                    tasks.start_soon(talk, conversation_id)
        for conversation_id in ids:
            assert await texts(store, conversation_id) == [str(number) for number in range(10)]

    async def test_after_a_call_was_cancelled_the_next_works(self, store: ConversationStore):
        conversation_id = await begin(store)
        kept: list[str] = []
        for number in range(30):
            with anyio.move_on_after(number / 3_000):
                await store.append(conversation_id, said(str(number)))
                kept.append(str(number))
        with anyio.fail_after(PATIENCE_S):
            await store.append(conversation_id, said("end"))
            there = await texts(store, conversation_id)
        assert set(kept) <= set(there)
        assert there == [*sorted(there[:-1], key=int), "end"]
