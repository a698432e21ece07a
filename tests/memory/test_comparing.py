from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from myna.core.ids import OWNER, MemoryId
from myna.memory.base import Memory, NewMemory, Scope
from myna.memory.comparing import Verdict, compare, keep
from myna.testing.memory import open_memories_in

SCOPE = Scope(OWNER)
THEN = datetime(2026, 3, 2, tzinfo=UTC)


def known(text: str) -> Memory:
    return Memory(MemoryId("mem_1"), SCOPE, text, THEN, THEN)


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("用户叫小明", "用户叫小明", "known"),
        ("用户住在北京", "用户住在上海", "updates"),
        ("The user lives in Paris", "The user lives in Berlin", "updates"),
        ("The user lives in Paris", "用户住在柏林", "updates"),
        ("用户喜欢咖啡", "用户不喜欢喝咖啡", "updates"),
        ("用户喜欢咖啡", "用户喜欢喝咖啡", "known"),
        ("The user likes coffee", "The user doesn't like coffee anymore", "updates"),
        ("用户的猫叫小白", "用户的猫叫小黑", "new"),
        ("用户的老婆叫小白", "用户的老婆叫小黑", "updates"),
        ("The user is from Rome", "The user grew up in Rome", "new"),
        ("The user runs five kilometers every morning", "The user runs five kilometers", "known"),
        ("用户喜欢咖啡", "用户喜欢茶", "new"),
    ],
)
def test_a_new_memory_is_judged_by_the_old(old: str, new: str, verdict: Verdict) -> None:
    assert compare(NewMemory(new), [known(old)]).verdict == verdict


def test_what_is_pinned_stays_beside_what_contradicts_it() -> None:
    old = replace(known("用户住在北京"), pinned=True)
    assert compare(NewMemory("用户住在上海"), [old]).verdict == "contradicts"


@pytest.mark.anyio
async def test_the_newer_wins_unless_the_older_is_pinned(tmp_path: Path) -> None:
    async with open_memories_in(tmp_path) as memories:
        await keep(memories, SCOPE, NewMemory("用户住在北京", "place", 0.9))
        await keep(memories, SCOPE, NewMemory("用户住在上海", "place", 0.9))
        (one,) = await memories.all(SCOPE)
        assert one.text == "用户住在上海"
        await memories.pin(SCOPE, one.id)
        await keep(memories, SCOPE, NewMemory("用户住在深圳", "place", 0.9))
        assert {each.text for each in await memories.all(SCOPE)} == {"用户住在上海", "用户住在深圳"}
        assert {(line.change, line.actor) for line in await memories.audit(OWNER)} >= {
            ("added", "myna"),
            ("forgotten", "myna"),
        }


@pytest.mark.anyio
async def test_what_the_user_pinned_or_edited_meanwhile_stays(tmp_path: Path) -> None:
    async with open_memories_in(tmp_path) as memories:
        pinned = await memories.add(SCOPE, NewMemory("用户住在北京"))
        edited = await memories.add(SCOPE, NewMemory("用户住在上海"))
        gone = await memories.add(SCOPE, NewMemory("用户住在广州"))
        await memories.pin(SCOPE, pinned.id)
        await memories.edit(SCOPE, edited.id, "用户住在上海浦东")
        await memories.remember(SCOPE, NewMemory("用户住在深圳"), instead_of=[pinned, edited, gone])
        kept = {each.text for each in await memories.all(SCOPE)}
        assert kept == {"用户住在北京", "用户住在上海浦东", "用户住在深圳"}


def test_what_is_said_again_takes_the_place_of_what_it_contradicts() -> None:
    old = replace(known("用户住在北京"), id=MemoryId("mem_2"))
    assert compare(NewMemory("用户住在上海"), [known("用户住在上海"), old]).others == (old,)
