"""Whatever users do, by whatever route, none sees, finds, changes or deletes anything of another's."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.server.serving import Clients, choice, serving_engines

from myna.core.ids import UserId
from myna.memory.opening import open_memories
from myna.memory.options import MemoryOptions
from myna.server.app import create_app
from myna.server.door import Rules
from myna.server.keys import Keys
from myna.server.service import Service
from myna.server.users import conversation_named
from myna.store.database import open_database
from myna.store.sql import SQLStore
from myna.testing.llm import ScriptedLLM
from myna.weights.locate import Weights

NOBODYS = {
    "/health",
    "/ready",
    "/api/memories/audit",
    "/api/models",
    "/api/models/pull",
    "/api/models/pull/events",
    "/api/personas",
    "/api/settings",
    "/api/settings/schema",
    "/api/voices",
    "/v1/models",
    "/v1/models/{name}",
    "/v1/chat/completions",
    "/v1/embeddings",
    "/v1/audio/speech",
    "/v1/audio/transcriptions",
}
"""What gives nothing that is kept of a user, or is asked below by itself."""

WORDS = ("小白", "peanuts", "Xi'an")
NAMES = ("main", "main@owner", "robot")
TALK = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["remember", "talk", "forget", "delete"]), st.sampled_from(WORDS)),
    min_size=3,
    max_size=12,
)


@dataclass
class User:
    """A user, and what is his."""

    id: UserId
    http: httpx.Client
    memories: dict[str, str] = field(default_factory=dict[str, str])
    conversations: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def get(self, path: str, **params: str) -> Any:
        answer = self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def remember(self, text: str) -> None:
        told = self.http.post("/api/memories", json={"text": text}).json()
        self.memories[told["id"]] = text

    def talk(self, name: str, text: str) -> None:
        body = {"session_id": name, "messages": [{"role": "user", "content": text}]}
        assert self.http.post("/llm", json=body).status_code == 200
        (newest, *_) = self.get("/api/conversations")["conversations"]
        self.conversations.setdefault(newest["id"], []).append(text)

    def forget(self) -> None:
        for memory_id in list(self.memories)[:1]:
            assert self.http.delete(f"/api/memories/{memory_id}").status_code == 204
            del self.memories[memory_id]

    def delete(self) -> None:
        for conversation_id in list(self.conversations)[:1]:
            assert self.http.delete(f"/api/conversations/{conversation_id}").status_code == 204
            del self.conversations[conversation_id]

    def clear(self) -> None:
        self.http.delete("/api/memories", params={"all": "true"})
        self.memories.clear()
        while self.conversations:
            self.delete()


def check_sees_his_own(user: User) -> None:
    assert {each["id"]: each["text"] for each in user.get("/api/memories")["memories"]} == user.memories
    for word in WORDS:
        found = user.get("/api/memories/search", q=word, limit="1000")["memories"]
        assert {each["id"] for each in found} <= set(user.memories)
        hits = user.get("/api/conversations/search", q=word, limit="200")["found"]
        assert {each["conversation"]["id"] for each in hits} == {
            conversation_id
            for conversation_id, said in user.conversations.items()
            if any(word in text for text in said)
        }
    listed = user.get("/api/conversations")["conversations"]
    assert {each["id"] for each in listed} == set(user.conversations)
    went = user.get("/api/turns", limit="200")["turns"]
    assert sorted(each["conversation"]["id"] for each in went) == sorted(
        conversation_id for conversation_id, said in user.conversations.items() for _ in said
    )


def routes_with_ids() -> Sequence[tuple[str, str]]:
    """Every route of the app that names something by an id, but for the personas, which all share."""
    described = create_app(_no_service).openapi()["paths"]
    return [
        (method.upper(), path)
        for path, methods in described.items()
        for method in methods
        if "{memory_id}" in path or "{conversation_id}" in path
    ]


def check_knows_nothing_of(user: User, other: User) -> None:
    """Every route answers to the id of another's as it does to an id of nothing."""
    theirs = [*list(other.memories)[:1], *list(other.conversations)[:1]]
    # A name may be his as well, and then means his own.
    theirs = [each for each in theirs if conversation_named(user.id, each) not in user.conversations]
    bodies = {"pinned": True, "title": "mine now", "after": "x"}
    for method, path in routes_with_ids():
        kind = "{memory_id}" if "{memory_id}" in path else "{conversation_id}"
        for one in theirs:
            if one.startswith("mem_") is not (kind == "{memory_id}"):
                continue
            wanted = {name: value for name, value in bodies.items() if name in _fields(path, method)}
            answers = [
                user.http.request(method, path.replace(kind, each), json=wanted or None)
                for each in (one, one[:-3] + "zzz")
            ]
            assert [answer.status_code for answer in answers] == [404, 404], (method, path, answers[0].text)
            alike = [
                answer.text.replace(each, "ID") for answer, each in zip(answers, (one, one[:-3] + "zzz"), strict=True)
            ]
            assert alike[0] == alike[1]


def _fields(path: str, method: str) -> set[str]:
    if method == "PATCH":
        return {"pinned"} if "memor" in path else {"title"}
    return {"after"} if method == "POST" else set()


def _no_service() -> AbstractAsyncContextManager[Service]:
    raise AssertionError("only the description of the app is wanted")


@pytest.fixture(scope="module")
def users(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[User]]:
    folder: Path = tmp_path_factory.mktemp("users")
    keys = Keys(folder / "keys.json")
    made = [keys.create(name) for name in ("owner's", "anne", "bob")]

    @asynccontextmanager
    async def served() -> AsyncGenerator[Clients]:
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(open_database(folder / "myna.db"))
            memories = await stack.enter_async_context(
                open_memories(database, MemoryOptions(vectors="none"), folder, lambda: None)
            )
            llm = choice(ScriptedLLM("[Happy] Yes."))
            yield await stack.enter_async_context(
                serving_engines(weights, {"llm": llm}, rules=Rules(keys), store=SQLStore(database), memories=memories)
            )

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(served()) as clients:
        url = clients.http.base_url
        clients_of = {
            key.user_id: httpx.Client(base_url=url, headers={"Authorization": f"Bearer {secret}"})
            for key, secret in made
        }
        yield [User(user_id, client) for user_id, client in clients_of.items()]
        for client in clients_of.values():
            client.close()


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TALK, st.sampled_from(NAMES))
def test_none_sees_finds_changes_or_deletes_anything_of_anothers(
    users: list[User], talk: list[tuple[int, str, str]], name: str
) -> None:
    for user in users:
        user.clear()
    for number, (who, what, word) in enumerate(talk):
        user = users[who]
        match what:
            case "remember":
                user.remember(f"{word} is what user {who} said, number {number}")
            case "talk":
                user.talk(name, f"{word} is what user {who} said, number {number}")
            case "forget":
                user.forget()
            case _:
                user.delete()
    for user, other in zip(users, [*users[1:], users[0]], strict=True):
        check_knows_nothing_of(user, other)
    for user in users:  # and nothing has changed
        check_sees_his_own(user)
        trail = str(user.get("/api/memories/audit", limit="1000"))
        assert all(memory_id not in trail for other in users if other is not user for memory_id in other.memories)


def test_every_route_that_names_a_users_thing_by_an_id_is_asked_for_anothers() -> None:
    paths = set(create_app(_no_service).openapi()["paths"])
    asked = {path for _, path in routes_with_ids()}
    listed = {"/llm", "/api/memories", "/api/memories/search", "/api/conversations", "/api/conversations/search"}
    listed |= {"/api/turns"}
    others = {path for path in paths if path.startswith("/api/personas")} | {"/api/conversations/import"}
    assert paths <= asked | listed | others | NOBODYS
