"""What all memories must do.

::

    class TestMyMemories(MemoriesConformance):
        @pytest.fixture
        async def memories(self, anyio_backend, tmp_path):
            async with open_my_memories(tmp_path) as memories:
                yield memories
"""

import anyio
import pytest

from myna.core.errors import BadInput, UnknownName
from myna.core.ids import ConversationId, MemoryId, MessageId, UserId
from myna.memory.base import Memories, Memory, NewMemory, Scope

ANNE, BERT = Scope(UserId("anne")), Scope(UserId("bert"))
ANNE_AND_WUKONG = Scope(UserId("anne"), "wukong")

PATIENCE_S = 30.0
"""What takes longer hangs."""

NOT_THERE = MemoryId("mem_000000000000000000000000")
ODD = ("", " ", "'", '"', "%", "_", "*", "(", "\x00", "\ud800", "……", "🎉", "a" * 100_000, "天" * 100_000)
"""What a question must be allowed to be."""


@pytest.mark.anyio
class MemoriesConformance:
    """Derive from it and override the fixture ``memories``: new ones for each test, with or without vectors."""

    @pytest.fixture
    @classmethod
    def anyio_backend(cls) -> str:
        """The event loop that they run on."""
        return "asyncio"

    @pytest.fixture
    def memories(self) -> Memories:
        """The memories, open and empty."""
        raise NotImplementedError("override the fixture memories")

    async def test_what_was_added_is_kept_as_it_was_given(self, memories: Memories):
        new = NewMemory("用户的猫叫小白", "relation", 0.8, MessageId("msg_1"), ConversationId("conv_1"))
        added = await memories.add(ANNE, new, actor="myna")
        assert await memories.find(ANNE, added.id) == added
        assert (added.text, added.kind, added.confidence) == ("用户的猫叫小白", "relation", 0.8)
        assert (added.source, added.conversation_id) == ("msg_1", "conv_1")
        assert (added.scope, added.pinned, added.uses, added.used_at) == (ANNE, False, 0, None)
        assert added.created_at == added.changed_at
        assert added.created_at.utcoffset() is not None

    async def test_the_same_text_is_kept_once_and_is_surer(self, memories: Memories):
        first = await memories.add(ANNE, NewMemory("The user likes tea", confidence=0.5))
        for again in ("The user likes tea", "the user likes  TEA.", "Ｔhe user likes tea"):
            second = await memories.add(ANNE, NewMemory(again, confidence=0.9))
            assert (second.id, second.text, second.confidence) == (first.id, first.text, 0.9)
        assert (await memories.add(ANNE, NewMemory("The user likes tea", confidence=0.1))).confidence == 0.9
        assert len(await memories.all(ANNE)) == 1

    async def test_what_is_added_twice_at_once_is_kept_once(self, memories: Memories):
        async with anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(memories.add, ANNE, NewMemory("The user likes tea"))
        assert len(await memories.all(ANNE)) == 1

    async def test_a_text_that_is_empty_or_too_long_is_refused(self, memories: Memories):
        kept = await memories.add(ANNE, NewMemory("The user likes tea"))
        for text in ("", " \n", "天" * 501, "x" * 1_000_000):
            with pytest.raises(BadInput), anyio.fail_after(PATIENCE_S):
                await memories.add(ANNE, NewMemory(text))
            with pytest.raises(BadInput), anyio.fail_after(PATIENCE_S):
                await memories.edit(ANNE, kept.id, text)
        assert await memories.all(ANNE) == [kept]

    async def test_odd_texts_are_kept_and_found(self, memories: Memories):
        for text in ("a\x00b", "c\ud800d", "e\nf", 'It\'s "100 %" _his_; DROP TABLE memories; --', "🎉" * 100):
            added = await memories.add(ANNE, NewMemory(text))
            assert added in [each.memory for each in await memories.nearest(ANNE, text, limit=9)]

    async def test_the_newest_come_first_and_page_by_page(self, memories: Memories):
        added = [await memories.add(ANNE, NewMemory(f"Fact number {number}")) for number in range(7)]
        pages: list[Memory] = []
        while page := await memories.all(ANNE, limit=3, after=pages[-1].cursor if pages else None):
            pages += page
        assert pages == added[::-1]
        with pytest.raises(BadInput, match="cannot go on"):
            await memories.all(ANNE, after=NOT_THERE)

    async def test_the_list_goes_on_where_its_last_one_was_forgotten(self, memories: Memories):
        added = [await memories.add(ANNE, NewMemory(f"Fact number {number}")) for number in range(4)]
        page = await memories.all(ANNE, limit=2)
        await memories.forget(ANNE, [page[-1].id])
        assert await memories.all(ANNE, after=page[-1].cursor) == added[1::-1]

    async def test_what_fits_is_recalled_and_nothing_else(self, memories: Memories):
        peanuts = await memories.add(ANNE, NewMemory("allergic to peanuts"))
        await memories.add(ANNE, NewMemory("plays violin"))
        assert [each.memory for each in await memories.recall(ANNE, "allergic to peanuts", limit=3)] == [peanuts]
        assert await memories.recall(ANNE, "quantum chromodynamics", limit=3) == []

    async def test_fits_are_between_0_and_1_and_the_best_come_first(self, memories: Memories):
        for text in ("likes green tea", "likes black tea", "plays violin"):
            await memories.add(ANNE, NewMemory(text))
        found = await memories.nearest(ANNE, "green tea", limit=10)
        assert found[0].memory.text == "likes green tea"
        assert len(found) == 3
        assert all(0 <= each.fit <= 1 for each in found)
        assert [each.fit for each in found] == sorted((each.fit for each in found), reverse=True)

    async def test_pinned_ones_are_always_recalled_and_come_first(self, memories: Memories):
        pinned = await memories.add(ANNE, NewMemory("plays violin"))
        fitting = await memories.add(ANNE, NewMemory("allergic to peanuts"))
        assert (await memories.pin(ANNE, pinned.id)).pinned
        found = [each.memory.id for each in await memories.recall(ANNE, "allergic to peanuts", limit=3)]
        assert found == [pinned.id, fitting.id]
        assert [each.memory.id for each in await memories.recall(ANNE, "", limit=3)] == [pinned.id]
        assert len(await memories.recall(ANNE, "allergic to peanuts", limit=1)) == 1
        assert not (await memories.pin(ANNE, pinned.id, pinned=False)).pinned
        assert await memories.recall(ANNE, "", limit=3) == []

    async def test_no_more_are_given_than_were_asked_for(self, memories: Memories):
        for number in range(5):
            await memories.add(ANNE, NewMemory(f"likes tea number{number}"))
        for limit in (0, 1, 3):
            assert len(await memories.recall(ANNE, "likes tea number3", limit=limit)) <= limit
            assert len(await memories.nearest(ANNE, "likes tea number3", limit=limit)) == limit

    async def test_any_question_may_be_asked(self, memories: Memories):
        await memories.add(ANNE, NewMemory("likes tea"))
        for text in ODD:
            with anyio.fail_after(PATIENCE_S):
                assert await memories.recall(ANNE, text, limit=3) == []
                assert len(await memories.nearest(ANNE, text, limit=3)) == 1

    async def test_uses_are_counted(self, memories: Memories):
        added = await memories.add(ANNE, NewMemory("likes tea"))
        for _ in range(2):
            await memories.used(ANNE, [added.id, NOT_THERE])
        await memories.used(BERT, [added.id])
        used = await memories.find(ANNE, added.id)
        assert used.uses == 2
        assert used.used_at is not None
        assert used.changed_at == added.changed_at

    async def test_what_was_edited_is_found_by_its_new_text_alone(self, memories: Memories):
        added = await memories.add(ANNE, NewMemory("lives in Hangzhou"))
        edited = await memories.edit(ANNE, added.id, "lives in Berlin")
        assert (edited.id, edited.text, edited.created_at) == (added.id, "lives in Berlin", added.created_at)
        assert edited.changed_at >= added.changed_at
        assert [each.memory for each in await memories.recall(ANNE, "lives in Berlin", limit=3)] == [edited]
        assert await memories.recall(ANNE, "Hangzhou", limit=3) == []

    async def test_two_memories_cannot_become_the_same(self, memories: Memories):
        tea = await memories.add(ANNE, NewMemory("likes tea"))
        milk = await memories.add(ANNE, NewMemory("likes milk"))
        with pytest.raises(BadInput):
            await memories.edit(ANNE, milk.id, "Likes tea.")
        assert (await memories.edit(ANNE, tea.id, "Likes tea.")).text == "Likes tea."

    async def test_what_was_forgotten_is_gone(self, memories: Memories):
        gone = await memories.add(ANNE, NewMemory("allergic to peanuts"))
        kept = await memories.add(ANNE, NewMemory("plays violin"))
        assert await memories.forget(ANNE, [gone.id, gone.id, NOT_THERE]) == 1
        assert await memories.forget(ANNE, [gone.id]) == 0
        assert await memories.forget(ANNE, []) == 0
        with pytest.raises(UnknownName):
            await memories.find(ANNE, gone.id)
        assert await memories.all(ANNE) == [kept]
        assert [each.memory for each in await memories.nearest(ANNE, "allergic to peanuts", limit=3)] == [kept]
        again = await memories.add(ANNE, NewMemory("allergic to peanuts"))
        assert again.id != gone.id

    async def test_what_is_not_there_is_told(self, memories: Memories):
        for call in (memories.find, memories.pin):
            with pytest.raises(UnknownName):
                await call(ANNE, NOT_THERE)
        with pytest.raises(UnknownName):
            await memories.edit(ANNE, NOT_THERE, "likes tea")

    async def test_nothing_crosses_users_or_personas(self, memories: Memories):
        scopes = (ANNE, BERT, ANNE_AND_WUKONG)
        added = {scope: await memories.add(scope, NewMemory("likes tea")) for scope in scopes}
        for scope, own in added.items():
            assert await memories.all(scope) == [own]
            assert [each.memory for each in await memories.recall(scope, "likes tea", limit=9)] == [own]
            assert [each.memory for each in await memories.nearest(scope, "likes tea", limit=9)] == [own]
            for other in scopes:
                if other != scope:
                    for call in (memories.find, memories.pin):
                        with pytest.raises(UnknownName):
                            await call(other, own.id)
                    with pytest.raises(UnknownName):
                        await memories.edit(other, own.id, "likes milk")
                    assert await memories.forget(other, [own.id]) == 0
        assert {scope: await memories.find(scope, own.id) for scope, own in added.items()} == added

    async def test_all_of_a_user_is_forgotten_and_nothing_of_others(self, memories: Memories):
        for scope in (ANNE, ANNE_AND_WUKONG, BERT):
            await memories.add(scope, NewMemory("likes tea"))
        assert await memories.forget_all(ANNE.user_id) == 2
        assert [*await memories.all(ANNE), *await memories.all(ANNE_AND_WUKONG)] == []
        assert len(await memories.all(BERT)) == 1
        assert {each.text for each in await memories.audit(ANNE.user_id)} == {None}

    async def test_the_trail_tells_what_was_done_and_nothing_that_was_forgotten(self, memories: Memories):
        tea = await memories.add(ANNE, NewMemory("likes tea"), actor="myna")
        await memories.edit(ANNE, tea.id, "likes green tea")
        await memories.pin(ANNE, tea.id)
        await memories.pin(ANNE, tea.id)
        await memories.pin(ANNE, tea.id, pinned=False)
        trail = await memories.audit(ANNE.user_id)
        assert [(each.change, each.actor, each.text) for each in trail] == [
            ("unpinned", "user", "likes green tea"),
            ("pinned", "user", "likes green tea"),
            ("edited", "user", "likes green tea"),
            ("added", "myna", "likes tea"),
        ]
        assert {each.memory_id for each in trail} == {tea.id}
        await memories.forget(ANNE, [tea.id], actor="myna")
        trail = await memories.audit(ANNE.user_id)
        assert (trail[0].change, trail[0].actor) == ("forgotten", "myna")
        assert {each.text for each in trail} == {None}
        assert len(await memories.audit(ANNE.user_id, limit=2)) == 2
        assert await memories.audit(BERT.user_id) == []

    async def test_who_leaves_half_way_leaves_it_usable(self, memories: Memories):
        for number in range(5):
            with anyio.move_on_after(0.001 * number):
                await memories.add(ANNE, NewMemory(f"likes tea number{number}"))
            with anyio.move_on_after(0.001 * number):
                await memories.recall(ANNE, "likes tea", limit=3)
        with anyio.fail_after(PATIENCE_S):
            added = await memories.add(ANNE, NewMemory("plays violin"))
            assert added in await memories.all(ANNE)
