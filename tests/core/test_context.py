from contextvars import copy_context

import anyio
import anyio.lowlevel
import pytest

from myna.core.context import ids, working_on


def test_ids_are_added_and_taken_away() -> None:
    def work() -> None:
        working_on(turn_id="turn_1", request_id="req_1")
        working_on(turn_id="turn_2")
        assert ids() == {"turn_id": "turn_2", "request_id": "req_1"}
        working_on(turn_id=None)
        assert ids() == {"request_id": "req_1"}

    copy_context().run(work)
    assert ids() == {}


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_a_task_has_those_of_its_parent_and_keeps_its_own_to_itself() -> None:
    working_on(request_id="req_1")
    seen: list[dict[str, str]] = []

    async def child(turn_id: str) -> None:
        working_on(turn_id=turn_id)
        await anyio.lowlevel.checkpoint()
        seen.append(dict(ids()))

    async with anyio.create_task_group() as group:
        group.start_soon(child, "turn_1")
        group.start_soon(child, "turn_2")
    assert sorted(each["turn_id"] for each in seen) == ["turn_1", "turn_2"]
    assert all(each["request_id"] == "req_1" for each in seen)
    assert ids() == {"request_id": "req_1"}
