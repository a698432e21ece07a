"""What every store of conversations must do with how turns went, beside what `StoreConformance` has.

::

    class TestTurnsOfMyStore(StoreTurnsConformance):
        @pytest.fixture
        async def store(self):
            async with open_my_store() as store:
                yield store
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from myna.core.ids import ConversationId, UserId, new_turn_id
from myna.store.base import ConversationStore, KeptTurn
from myna.testing.conformance.store import ANNE, BERT, ODD, begin, said

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def went(minutes: float) -> KeptTurn:
    """A turn that began so many minutes from then."""
    reached = {"heard": 320.5, "first_audio": 812.25}
    return KeptTurn(new_turn_id(), "completed", NOW + timedelta(minutes=minutes), reached, ("asr",))  # pyright: ignore[reportArgumentType] - a Stage each


async def keep(store: ConversationStore, conversation_id: ConversationId, *turns: KeptTurn) -> None:
    """Keep turns of a conversation."""
    for turn in turns:
        await store.keep_turn(conversation_id, turn)


async def newest(store: ConversationStore, user_id: UserId = ANNE, limit: int = 50) -> Sequence[KeptTurn]:
    """The newest turns of a user."""
    return [each.turn for each in await store.newest_turns(user_id, limit=limit)]


@pytest.mark.anyio
class StoreTurnsConformance:
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

    async def test_the_newest_turns_of_all_conversations_come_newest_first(self, store: ConversationStore):
        cats, tea = await begin(store, said("cats")), await begin(store, said("tea"))
        turns = [went(minutes) for minutes in range(4)]
        await keep(store, tea, turns[3], turns[0])
        await keep(store, cats, turns[1], turns[2])
        found = await store.newest_turns(ANNE)
        assert [each.turn for each in found] == turns[::-1]
        assert [each.conversation for each in found] == [
            await store.find(conversation_id) for conversation_id in (tea, cats, cats, tea)
        ]

    @pytest.mark.parametrize("limit", [1, 3, 7])
    async def test_no_more_turns_come_than_are_asked_for(self, store: ConversationStore, limit: int):
        conversation_id = await begin(store, said("cats"))
        turns = [went(-minutes) for minutes in range(5)]
        await keep(store, conversation_id, *turns)
        assert await newest(store, limit=limit) == turns[:limit]

    async def test_a_turn_that_branches_have_too_comes_once_as_of_the_first(self, store: ConversationStore):
        messages = [said(f"cat {number}") for number in range(6)]
        conversation_id = await begin(store, *messages)
        turns = [
            KeptTurn(message.turn_id, "completed", NOW + timedelta(minutes=minute))
            for minute, message in enumerate(messages)
        ]
        await keep(store, conversation_id, *turns)
        for _ in range(4):
            await store.branch(ANNE, conversation_id, messages[-1].id)
        for limit in (1, 4, 6, 50):
            found = await store.newest_turns(ANNE, limit=limit)
            assert [each.turn for each in found] == turns[::-1][:limit]
            assert {each.conversation.id for each in found} == {conversation_id}

    async def test_a_turn_lives_on_in_a_branch_when_the_first_is_deleted(self, store: ConversationStore):
        message = said("cat")
        conversation_id = await begin(store, message)
        turn = KeptTurn(message.turn_id, "completed", NOW)
        await keep(store, conversation_id, turn)
        branch = await store.branch(ANNE, conversation_id, message.id)
        await store.delete(ANNE, conversation_id)
        (found,) = await store.newest_turns(ANNE)
        assert (found.turn, found.conversation.id) == (turn, branch.id)

    async def test_nobody_sees_turns_of_anothers(self, store: ConversationStore):
        await keep(store, await begin(store, said("cats"), user_id=BERT), went(0), went(1))
        turn = went(-1)
        await keep(store, await begin(store, said("tea")), turn)
        assert await newest(store) == [turn]
        assert len(await newest(store, BERT)) == 2

    @pytest.mark.parametrize("odd", ODD)
    async def test_an_odd_user_has_no_turns(self, store: ConversationStore, odd: str):
        await keep(store, await begin(store, said("tea")), went(0))
        assert await newest(store, UserId(odd)) == []
