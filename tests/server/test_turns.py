"""``/api/turns``: how a user's last turns went."""

from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from tests.server.test_conversations import HERE, keeping, say, store

from myna.store.base import ConversationStore
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

__all__ = ["store"]


@pytest.fixture
async def client(store: ConversationStore, weights: Weights) -> AsyncGenerator[httpx.AsyncClient]:
    """A client that has talked of cats, then of tea, then of cats."""
    async with keeping(store, weights, "[Happy] 好名字！") as client:
        await say(client, "我的猫叫小白", "cats")
        await say(client, "I like green tea.", "tea")
        await say(client, "它五岁", "cats")
        yield client


async def told(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    answer = await client.get("/api/turns", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()["turns"]


async def test_the_turns_of_all_conversations_are_told_the_newest_first(client: httpx.AsyncClient) -> None:
    turns = await told(client)
    assert [each["conversation"]["id"] for each in turns] == ["cats", "tea", "cats"]
    assert turns[0]["conversation"] == {"id": "cats", "persona": "assistant", "title": ""}
    began = [each["turn"]["began_at"] for each in turns]
    assert began == sorted(began, reverse=True)
    for each in turns:
        assert each["turn"]["outcome"] == "completed"
        assert each["turn"]["problems"] == []
        assert {"first_token", "first_segment", "reply", "turn"} <= each["turn"]["reached_ms"].keys()
    messages = (await client.get(f"{HERE}/cats")).json()["messages"]
    assert turns[0]["turn"]["id"] == messages[-1]["turn"]


async def test_no_more_are_told_than_were_asked_for(client: httpx.AsyncClient) -> None:
    assert [each["conversation"]["id"] for each in await told(client, limit=2)] == ["cats", "tea"]


async def test_a_turn_that_a_branch_has_too_is_told_once(client: httpx.AsyncClient) -> None:
    after = (await client.get(f"{HERE}/cats")).json()["messages"][-1]["id"]
    assert (await client.post(f"{HERE}/cats/branch", json={"after": after})).status_code == 201
    assert [each["conversation"]["id"] for each in await told(client)] == ["cats", "tea", "cats"]


async def test_of_what_is_deleted_or_private_nothing_is_told(client: httpx.AsyncClient) -> None:
    await say(client, "Nobody is to know.", "secret")
    body = {"messages": [{"role": "user", "content": "Nor this."}], "session_id": "hidden", "private": True}
    (await client.post("/llm", json=body)).raise_for_status()
    assert (await client.delete(f"{HERE}/secret")).status_code == 204
    assert [each["conversation"]["id"] for each in await told(client)] == ["cats", "tea", "cats"]


@pytest.mark.parametrize("limit", ["0", "201", "many"])
async def test_a_limit_that_makes_no_sense_is_refused(client: httpx.AsyncClient, limit: str) -> None:
    answer = await client.get("/api/turns", params={"limit": limit})
    assert answer.status_code == 422
    assert "limit" in answer.json()["error"]["message"]


async def test_who_has_never_talked_has_no_turns(store: ConversationStore, weights: Weights) -> None:
    async with keeping(store, weights) as client:
        assert await told(client) == []
