import anyio
import pytest

from myna.core.context import working_on
from myna.core.errors import Busy
from myna.engines.llm.transformers.places import MOST_WAITING, Places

pytestmark = pytest.mark.anyio


class Users:
    """Who comes, and when each may write."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.called: list[str] = []
        self.may_go: dict[str, anyio.Event] = {}

    async def come(self, name: str, tokens: int = 10, owner: str | None = None) -> None:
        working_on(conversation_id=owner or name)
        self.may_go[name] = anyio.Event()
        async with self.places.taken(tokens):
            self.called.append(name)
            await self.may_go[name].wait()

    async def settle(self) -> None:
        await anyio.wait_all_tasks_blocked()


async def test_so_many_write_at_a_time_and_the_others_follow():
    users = Users(Places(2, 1000))
    async with anyio.create_task_group() as tasks:
        for name in "abc":
            tasks.start_soon(users.come, name)
            await users.settle()
        assert users.called == ["a", "b"]
        users.may_go["b"].set()
        await users.settle()
        assert users.called == ["a", "b", "c"]
        tasks.cancel_scope.cancel()


async def test_no_more_tokens_are_lent_than_there_are():
    users = Users(Places(4, 100))
    async with anyio.create_task_group() as tasks:
        for name, tokens in {"a": 60, "b": 60, "c": 10}.items():
            tasks.start_soon(users.come, name, tokens)
            await users.settle()
        assert users.called == ["a"], "b does not fit, and c may not go before it"
        users.may_go["a"].set()
        await users.settle()
        assert users.called == ["a", "b", "c"]
        assert users.places.taken_tokens == 70
        tasks.cancel_scope.cancel()


async def test_one_that_needs_more_than_all_is_let_in_alone():
    users = Users(Places(4, 100))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(users.come, "a", 500)
        await users.settle()
        assert users.called == ["a"]
        tasks.cancel_scope.cancel()


async def test_conversations_take_turns():
    users = Users(Places(1, 100))
    async with anyio.create_task_group() as tasks:
        for name, owner in {"a1": "a", "a2": "a", "a3": "a", "b1": "b"}.items():
            tasks.start_soon(users.come, name, 10, owner)
            await users.settle()
        for name in ("a1", "a2", "b1"):
            users.may_go[name].set()
            await users.settle()
        assert users.called.index("b1") < users.called.index("a3")
        tasks.cancel_scope.cancel()


async def test_who_leaves_the_queue_holds_up_nobody():
    users = Users(Places(1, 100))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(users.come, "a", 90)
        await users.settle()
        async with anyio.create_task_group() as impatient:
            impatient.start_soon(users.come, "b", 100)
            await users.settle()
            impatient.cancel_scope.cancel()
        tasks.start_soon(users.come, "c", 90)
        await users.settle()
        users.may_go["a"].set()
        await users.settle()
        assert users.called == ["a", "c"]
        tasks.cancel_scope.cancel()
    assert users.places.taken_tokens == 0


async def test_too_many_are_turned_away():
    places = Places(1, 100)
    turned_away = list[Busy]()

    async def come() -> None:
        try:
            async with places.taken(10):
                await anyio.sleep_forever()
        except Busy as error:
            turned_away.append(error)

    async with anyio.create_task_group() as tasks:
        for _ in range(MOST_WAITING + 4):
            tasks.start_soon(come)
        await anyio.wait_all_tasks_blocked()
        assert turned_away
        tasks.cancel_scope.cancel()
