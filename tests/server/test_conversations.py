"""``/api/conversations``: what users see of what was said."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from tests.server.serving import choice, serving, serving_engines, until
from tests.server.sockets import talker, talking
from tests.server.test_realtime import PATH, ask, created

from myna.config.settings import Settings, ToolsSettings
from myna.engines.base import ToolCallDelta
from myna.engines.opening import Choice
from myna.engines.plugins import Kind
from myna.server.door import Rules
from myna.server.keys import Keys
from myna.store.base import ConversationStore
from myna.store.in_memory import InMemoryStore
from myna.store.opening import open_store
from myna.testing.llm import Pause, ScriptedLLM
from myna.testing.tools import ScriptedTool
from myna.tools.toolbox import Tools
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

HERE = "/api/conversations"


async def say(client: httpx.AsyncClient, text: str, session_id: str, **more: Any) -> None:
    body = {"messages": [{"role": "user", "content": text}], "session_id": session_id}
    (await client.post("/llm", json=body, **more)).raise_for_status()


async def told(client: httpx.AsyncClient, path: str, **more: Any) -> Any:
    answer = await client.get(f"{HERE}{path}", **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(params=["in memory", "SQLite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[ConversationStore]:
    if request.param == "SQLite":
        async with open_store(tmp_path / "myna.db") as opened:
            yield opened
    else:
        yield InMemoryStore()


@asynccontextmanager
async def keeping(store: ConversationStore, weights: Weights, *replies: str) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of a server with this store."""
    llm = choice(ScriptedLLM(*replies))
    async with serving_engines(weights, {"llm": llm}, store=store) as clients:
        yield clients.http


@pytest.fixture
async def client(store: ConversationStore, weights: Weights) -> AsyncGenerator[httpx.AsyncClient]:
    """A client that has talked of cats in ``cats``, and then of tea in ``tea``."""
    async with keeping(store, weights, "[Happy] 好名字！") as client:
        await say(client, "我的猫叫小白", "cats")
        await say(client, "它五岁", "cats")
        await say(client, "I like green tea.", "tea")
        yield client


async def test_conversations_are_listed_the_newest_first_and_shown_by_how_they_begin(client: httpx.AsyncClient) -> None:
    listed = await told(client, "")
    assert [(each["id"], each["preview"], each["messages"]) for each in listed["conversations"]] == [
        ("tea", "I like green tea.", 2),
        ("cats", "我的猫叫小白", 4),
    ]
    assert listed["next"] is None
    assert {each["persona"] for each in listed["conversations"]} == {"assistant"}
    assert listed["conversations"][1]["begun_at"] <= listed["conversations"][1]["changed_at"]


async def test_a_long_list_comes_in_parts(client: httpx.AsyncClient) -> None:
    first = await told(client, "?limit=1")
    second = await told(client, "", params={"limit": 1, "after": first["next"]})
    assert [part["conversations"][0]["id"] for part in (first, second)] == ["tea", "cats"]
    assert second["next"] is None


async def test_a_list_goes_on_where_its_last_one_was_deleted(client: httpx.AsyncClient) -> None:
    first = await told(client, "?limit=1")
    assert (await client.delete(f"{HERE}/tea")).status_code == 204
    second = await told(client, "", params={"limit": 1, "after": first["next"]})
    assert [each["id"] for each in second["conversations"]] == ["cats"]
    refused = await client.get(HERE, params={"after": "tea"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "bad_input")


async def test_a_conversation_comes_in_pages_from_its_end_with_the_turns_of_each(client: httpx.AsyncClient) -> None:
    whole = await told(client, "/cats")
    newest = await told(client, "/cats?limit=3")
    older = await told(client, "/cats", params={"limit": 3, "before": newest["previous"]})
    assert (older["messages"] + newest["messages"], older["previous"]) == (whole["messages"], None)
    assert len(newest["messages"]) == 3
    assert [turn["id"] for turn in older["turns"]] == [whole["messages"][0]["turn"]]
    assert len(newest["turns"]) == 2
    assert whole["previous"] is None
    for asked in ({"before": "msg_1"}, {"limit": 0}, {"limit": 1001}):
        assert (await client.get(f"{HERE}/cats", params=asked)).status_code == 422
    assert (await client.get(f"{HERE}/none", params={"limit": 1})).status_code == 404


async def test_each_message_tells_when_it_was_made(client: httpx.AsyncClient) -> None:
    times = [datetime.fromisoformat(each["at"]) for each in (await told(client, "/cats"))["messages"]]
    assert times == sorted(times)
    assert all(at.utcoffset() == timedelta(0) for at in times)
    hit = (await told(client, "/search", params={"q": "五岁"}))["found"][0]
    assert hit["message"]["at"] == hit["at"]


GREETED = {
    "type": "session.update",
    "session": {"type": "realtime", "output_modalities": ["text"], "myna": {"events": ["greeting", "outcome"]}},
}


async def test_a_greeting_alone_is_not_kept_but_can_be_gone_on_with(weights: Weights, tmp_path: Path) -> None:
    async with open_store(tmp_path / "myna.db") as store:
        scripted: dict[Kind, Choice] = {"llm": choice(ScriptedLLM("[Calm] Yes."))}
        async with serving_engines(weights, scripted, store=store) as clients:
            async with talker(clients, "/v1/realtime?model=myna/wukong") as client:
                conversation = (await created(client))["myna"]["conversation"]
                await client.send(GREETED)
                await client.until("myna.turn.ended")
            assert await store.find(conversation) is None
            assert (await told(clients.http, ""))["conversations"] == []
            held = await told(clients.http, f"/{conversation}")
            assert [each["type"] for each in held["messages"]] == ["assistant"]
            async with talker(clients, f"/v1/realtime?conversation={conversation}") as client:
                session = await created(client)
                assert (session["myna"]["conversation"], session["model"]) == (conversation, "myna/wukong")
                await client.send(GREETED)
                await ask(client, "Hello")
                await client.until("myna.turn.ended")  # until then the answer may not be kept
            kept = await store.messages(conversation)
    assert kept[0].id == held["messages"][0]["id"]
    assert len(kept) == 3, "the greeting once, what was said, and the answer"


async def test_a_greeted_conversation_can_be_named_and_deleted_before_anything_was_said(weights: Weights) -> None:
    async with serving_engines(weights, {"llm": choice(ScriptedLLM("[Calm] Yes."))}) as clients:
        for name in ("named", "deleted"):
            async with talker(clients, f"{PATH}&conversation={name}") as client:
                await created(client)
                await client.send(GREETED)
                await client.until("myna.turn.ended")
        assert (await clients.http.patch(f"{HERE}/named", json={"title": "Mine"})).status_code == 200
        assert (await clients.http.delete(f"{HERE}/deleted")).status_code == 204
        assert [each["id"] for each in (await told(clients.http, ""))["conversations"]] == ["named"]
        assert (await clients.http.get(f"{HERE}/deleted")).status_code == 404


@pytest.mark.parametrize(
    ("words", "found"), [("小白", ["我的猫叫小白"]), ("tea LIKE", ["I like green tea."]), ("好名字", 3), ("dog", [])]
)
async def test_all_words_are_searched_for(client: httpx.AsyncClient, words: str, found: list[str] | int) -> None:
    hits = (await told(client, "/search", params={"q": words}))["found"]
    if isinstance(found, int):
        assert len(hits) == found
    else:
        assert [hit["message"]["text"] for hit in hits] == found
        assert all(hit["snippet"] == hit["message"]["text"] for hit in hits)


async def test_a_conversation_is_shown_whole(client: httpx.AsyncClient) -> None:
    whole = await told(client, "/cats")
    assert whole["conversation"] == {"id": "cats", "persona": "assistant", "title": ""}
    assert [(each["type"], each["text"]) for each in whole["messages"]] == [
        ("user", "我的猫叫小白"),
        ("assistant", "好名字！"),
        ("user", "它五岁"),
        ("assistant", "好名字！"),
    ]
    assert whole["messages"][1]["raw"] == "[Happy] 好名字！"
    assert whole["messages"][1]["outcome"] == "completed"
    assert [turn["outcome"] for turn in whole["turns"]] == ["completed", "completed"]
    assert {"first_token", "turn"} <= whole["turns"][0]["reached_ms"].keys()


async def test_a_title_is_given_and_taken_away(client: httpx.AsyncClient) -> None:
    named = await client.patch(f"{HERE}/cats", json={"title": "  Our\n cat \0"})
    assert named.json()["title"] == "Our cat"
    assert (await told(client, ""))["conversations"][1]["title"] == "Our cat"
    assert (await client.patch(f"{HERE}/cats", json={"title": ""})).json()["title"] == ""
    too_long = await client.patch(f"{HERE}/cats", json={"title": "猫" * 201})
    assert too_long.status_code == 422
    assert "at most 200 characters" in too_long.json()["error"]["message"]


async def test_a_branch_begins_as_the_conversation_and_goes_its_own_way(client: httpx.AsyncClient) -> None:
    after = (await told(client, "/cats"))["messages"][1]["id"]
    made = await client.post(f"{HERE}/cats/branch", json={"after": after})
    assert made.status_code == 201
    branch = made.json()["id"]
    await say(client, "And a dog.", branch)
    texts = [each["text"] for each in (await told(client, f"/{branch}"))["messages"]]
    assert len((await told(client, "/cats"))["messages"]) == 4
    unknown = await client.post(f"{HERE}/cats/branch", json={"after": "msg_0"})
    assert texts == ["我的猫叫小白", "好名字！", "And a dog.", "好名字！"]
    assert unknown.status_code == 404


async def test_what_is_deleted_is_gone(client: httpx.AsyncClient) -> None:
    assert (await client.delete(f"{HERE}/cats")).status_code == 204
    assert [each["id"] for each in (await told(client, ""))["conversations"]] == ["tea"]
    assert (await told(client, "/search", params={"q": "小白"}))["found"] == []
    again = await client.delete(f"{HERE}/cats")
    assert again.status_code == 404
    assert again.json()["error"]["code"] == "unknown_name"


async def test_deleting_ends_a_session_that_is_live_in_the_conversation(weights: Weights) -> None:
    async with talking(weights) as clients, talker(clients, f"{PATH}&conversation=talk") as client:
        await created(client)
        await ask(client, "Hello")
        assert (await clients.http.delete(f"{HERE}/talk")).status_code == 204
        assert (await client.until("error"))["error"]["code"] == "taken_over"
        assert (await clients.http.get(f"{HERE}/talk")).status_code == 404


async def test_deleting_waits_for_a_reply_over_http_so_that_nothing_is_kept_after_it(weights: Weights) -> None:
    llm = ScriptedLLM(["[Calm] One.", Pause(0.3), " Two."])
    async with serving(llm, weights) as client, anyio.create_task_group() as group:
        group.start_soon(say, client, "first", "a")
        await until(lambda: bool(llm.calls))
        assert (await client.delete(f"{HERE}/a")).status_code == 204
        assert llm.calls[0].ended == "finished"
        assert (await told(client, ""))["conversations"] == []


async def test_an_id_that_a_client_chose_may_have_slashes(weights: Weights) -> None:
    async with serving(ScriptedLLM("[Calm] Yes."), weights) as client:
        await say(client, "Hello", "home/kitchen")
        assert len((await told(client, "/home/kitchen"))["messages"]) == 2
        assert "Hello" in (await client.get(f"{HERE}/home/kitchen/export")).text
        assert (await client.delete(f"{HERE}/home%2Fkitchen")).status_code == 204


async def test_what_was_exported_can_be_imported_again(client: httpx.AsyncClient) -> None:
    await client.patch(f"{HERE}/cats", json={"title": "Our cat"})
    file = await client.get(f"{HERE}/cats/export?format=json")
    made = await client.post(f"{HERE}/import", content=file.content, headers={"Content-Type": "application/json"})
    assert made.status_code == 201, made.text
    before, after = await told(client, "/cats"), await told(client, f"/{made.json()['id']}")
    assert file.headers["content-type"] == "application/json"
    assert after["conversation"] == {**before["conversation"], "id": made.json()["id"]}
    assert (after["messages"], after["turns"]) == (before["messages"], before["turns"])


async def test_markdown_is_offered_under_the_conversations_name(client: httpx.AsyncClient) -> None:
    file = await client.get(f"{HERE}/cats/export")
    assert file.headers["content-type"] == "text/markdown; charset=utf-8"
    assert "filename*=UTF-8''%E6%88%91%E7%9A%84" in file.headers["content-disposition"]
    assert file.text.startswith("# 我的猫叫小白\n")
    assert "[Happy]" not in file.text


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"format": "chat"}, "no conversation that Myna exported"),
        ({"version": 2}, "a newer Myna exported it"),
        ({"messages": [{"type": "user", "id": "a", "turn": "t"}]}, "text"),
        ({"messages": [{"type": "user", "id": "root", "turn": "t", "text": "x"}]}, "same id"),
        ({"messages": [{"type": "user", "id": "a", "turn": "t", "text": "x"}] * 2}, "same id"),
        ({"messages": [{"type": "user", "id": "", "turn": "t", "text": "x"}]}, "visible characters"),
        ({"turns": [{"id": "t", "outcome": "completed", "began_at": "0001-01-01T00:00:00+10:00"}]}, "no time"),
    ],
)
async def test_a_file_that_cannot_be_used_is_refused_and_nothing_of_it_is_kept(
    weights: Weights, change: dict[str, Any], why: str
) -> None:
    file: dict[str, Any] = {
        "format": "myna.conversation",
        "version": 1,
        "exported_at": "2026-11-22T05:00:00Z",
        "conversation": {"id": "c", "persona": "assistant", "title": ""},
        "messages": [],
    }
    async with serving(ScriptedLLM(), weights) as client:
        refused = await client.post(f"{HERE}/import", json=file | change)
        assert (await told(client, ""))["conversations"] == []
    assert refused.status_code == 422
    assert why in refused.json()["error"]["message"]


async def test_secrets_in_calls_of_tools_are_not_shown(weights: Weights) -> None:
    unlock = ScriptedTool("unlock", "open", secret=["pin"])
    llm = ScriptedLLM([ToolCallDelta(0, "call_1", "unlock", '{"door": "front", "pin": "sesame"}')], "[Calm] Done.")
    settings = Settings(tools=ToolsSettings(for_all=("*",)))
    async with serving(llm, weights, settings, tools=[Tools((unlock,))]) as client:
        await say(client, "Open the door.", "a")
        call, result = (await told(client, "/a"))["messages"][1:3]
        files = [(await client.get(f"{HERE}/a/export?format={form}")).text for form in ("json", "markdown")]
    assert json.loads(call["arguments"]) == {"door": "front", "pin": "***"}
    assert (result["type"], result["output"], result["failed"]) == ("tool_result", "open", False)
    assert not any("sesame" in file for file in files)


@pytest.mark.parametrize("query", ["?limit=0", "?limit=1000", "/search", "/search?q=", "/a/export?format=pdf"])
async def test_a_query_that_makes_no_sense_is_told(weights: Weights, query: str) -> None:
    async with serving(ScriptedLLM(), weights) as client:
        refused = await client.get(f"{HERE}{query}")
    assert refused.status_code == 422
    assert refused.json()["error"]["code"] == "bad_request"


class TestUsers:
    """Each API key is a user; a conversation of another one is as one that there is not."""

    @pytest.fixture
    def keys(self, tmp_path: Path) -> Keys:
        return Keys(tmp_path / "keys.json")

    @asynccontextmanager
    async def two(self, weights: Weights, keys: Keys) -> AsyncGenerator[tuple[httpx.AsyncClient, Any, Any]]:
        """A client, and what two users send with each request."""
        first, second = (
            {"headers": {"Authorization": f"Bearer {keys.create(name)[1]}"}} for name in ("first", "second")
        )
        async with serving(ScriptedLLM("[Calm] Yes."), weights, None, Rules(keys)) as client:
            yield client, first, second

    async def test_the_same_name_means_a_conversation_of_each(self, weights: Weights, keys: Keys) -> None:
        async with self.two(weights, keys) as (client, first, second):
            await say(client, "My cat is Snow.", "main", **first)
            await say(client, "My dog is Rex.", "main", **second)
            said = [(await told(client, "/main", **who))["messages"] for who in (first, second)]
            found = [(await told(client, "/search?q=my", **who))["found"] for who in (first, second)]
        texts = [[each["text"] for each in messages] for messages in said]
        assert texts == [["My cat is Snow.", "Yes."], ["My dog is Rex.", "Yes."]]
        assert [[hit["message"]["text"] for hit in hits] for hits in found] == [["My cat is Snow."], ["My dog is Rex."]]

    async def test_anothers_conversation_is_unknown_whatever_is_asked(self, weights: Weights, keys: Keys) -> None:
        async with self.two(weights, keys) as (client, first, second):
            await say(client, "My dog is Rex.", "main", **second)
            (listed,) = (await told(client, "", **second))["conversations"]
            place = f"{HERE}/{listed['id']}"
            after = (await told(client, "/main", **second))["messages"][0]["id"]
            refused = [
                await client.get(place, **first),
                await client.get(f"{place}/export", **first),
                await client.patch(place, json={"title": "mine"}, **first),
                await client.post(f"{place}/branch", json={"after": after}, **first),
                await client.delete(place, **first),
            ]
            body = {"messages": [{"role": "user", "content": "Who?"}], "session_id": listed["id"]}
            refused.append(await client.post("/llm", json=body, **first))
            assert (await told(client, "", **first))["conversations"] == []
            assert (await told(client, "/main", **second))["conversation"]["title"] == ""
        assert {answer.status_code for answer in refused} == {404}
        assert {answer.json()["error"]["code"] for answer in refused} == {"unknown_name"}

    async def test_an_imported_conversation_is_whose_key_imports_it(self, weights: Weights, keys: Keys) -> None:
        async with self.two(weights, keys) as (client, first, second):
            await say(client, "My dog is Rex.", "main", **second)
            file = (await client.get(f"{HERE}/main/export?format=json", **second)).json()
            await client.post(f"{HERE}/import", json=file, **first)
            counts = [len((await told(client, "", **who))["conversations"]) for who in (first, second)]
        assert counts == [1, 1]
        assert "user_id" not in json.dumps(file)

    async def test_who_talks_is_not_thrown_out_by_another_user_with_the_same_name(
        self, weights: Weights, keys: Keys
    ) -> None:
        one, two = ({"Authorization": f"Bearer {keys.create(name)[1]}"} for name in ("first", "second"))
        path = f"{PATH}&conversation=main"
        async with talking(weights, rules=Rules(keys)) as clients, talker(clients, path, headers=one) as first:
            theirs = (await created(first))["myna"]["conversation"]
            await ask(first, "Hello")
            async with talker(clients, path, headers=two) as second:
                assert (await created(second))["myna"]["conversation"] != theirs
            async with talker(clients, f"{PATH}&conversation={theirs}", headers=two) as second:
                assert (await created(second))["myna"]["conversation"] != theirs
            assert await ask(first, "Still here?") == "你好。"
            listed = [await told(clients.http, "", headers=who) for who in (one, two)]
        assert [len(each["conversations"]) for each in listed] == [1, 0]


async def test_of_a_private_conversation_nothing_is_listed_or_found(weights: Weights) -> None:
    async with serving(ScriptedLLM("[Calm] Yes."), weights) as client:
        body = {"messages": [{"role": "user", "content": "A secret."}], "session_id": "a", "private": True}
        assert (await client.post("/llm", json=body)).status_code == 200
        assert (await client.post("/llm", json=body)).status_code == 200
        assert (await told(client, ""))["conversations"] == []
        assert (await told(client, "/search?q=secret"))["found"] == []
        assert (await client.get(f"{HERE}/a")).status_code == 404


async def test_a_private_session_over_a_socket_is_not_kept_and_a_misspelling_is_told(weights: Weights) -> None:
    async with talking(weights) as clients:
        async with talker(clients, f"{PATH}&conversation=a&private=true") as client:
            await created(client)
            await ask(client, "A secret.")
        assert (await clients.http.get(HERE)).json()["conversations"] == []
        async with talker(clients, f"{PATH}&private=yes") as client:
            assert "may be true or false" in (await client.until("error"))["error"]["message"]
