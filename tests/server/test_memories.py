"""``/api/memories``, with memories in a real database."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server.serving import serving_engines

from myna.core.ids import OWNER
from myna.memory.base import Memories, NewMemory, Scope
from myna.memory.opening import open_memories
from myna.memory.options import LONGEST_TEXT, MemoryOptions
from myna.personas.model import BaseVoice, Persona
from myna.server.door import Rules
from myna.server.guest import Guest
from myna.server.keys import Keys
from myna.store.database import open_database
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

DIARY = Persona(id="diary", name="Diary", language="en", voice=BaseVoice(voice={"af_sky": 1}), memory_scope="persona")
"""Keeps what it remembers to itself."""


@dataclass(frozen=True)
class Served:
    http: httpx.AsyncClient
    memories: Memories
    folder: Path

    async def add(self, text: str, **more: Any) -> dict[str, Any]:
        answer = await self.http.post("/api/memories", json={"text": text, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def texts(self, **params: Any) -> list[str]:
        answer = await self.http.get("/api/memories", params=params)
        assert answer.status_code == 200, answer.text
        return [each["text"] for each in answer.json()["memories"]]


@asynccontextmanager
async def served(weights: Weights, folder: Path, rules: Rules | None = None) -> AsyncGenerator[Served]:
    """A server that remembers, by words alone, and whose guest is a persona with memories of its own."""
    async with (
        open_database(folder / "myna.db") as database,
        open_memories(database, MemoryOptions(vectors="none"), folder, lambda: None) as memories,
        serving_engines(weights, {}, rules=rules, guest=Guest(persona=DIARY), memories=memories) as clients,
    ):
        yield Served(clients.http, memories, folder)


@pytest.fixture
async def server(weights: Weights, tmp_path: Path) -> AsyncGenerator[Served]:
    async with served(weights, tmp_path) as started:
        yield started


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


# ------------------------------------------------------------------------------------------------------------ to see


async def test_what_was_remembered_is_listed_the_newest_first_with_all_that_is_known_of_it(server: Served) -> None:
    await server.memories.add(Scope(OWNER), NewMemory("用户的猫叫小白", "relation", 0.8), actor="myna")
    told = await server.add("Allergic to peanuts", kind="health", pinned=True)
    (newest, oldest) = (await server.http.get("/api/memories")).json()["memories"]
    assert newest == told
    assert (told["text"], told["kind"], told["pinned"], told["confidence"]) == (
        "Allergic to peanuts",
        "health",
        True,
        1.0,
    )
    assert (oldest["text"], oldest["kind"], oldest["confidence"]) == ("用户的猫叫小白", "relation", 0.8)
    assert {name: oldest[name] for name in ("persona", "source", "conversation", "used_at", "uses")} == {
        "persona": None,
        "source": None,
        "conversation": None,
        "used_at": None,
        "uses": 0,
    }
    assert oldest["created_at"] <= newest["created_at"]
    assert (await server.http.get(f"/api/memories/{told['id']}")).json() == told


async def test_a_long_list_is_told_in_parts(server: Served) -> None:
    for number in range(7):
        await server.add(f"Fact {number}")
    told: list[str] = []
    after: str | None = None
    for _ in range(4):
        params: dict[str, Any] = {"limit": 2} | ({"after": after} if after else {})
        page = (await server.http.get("/api/memories", params=params)).json()
        told += [each["text"] for each in page["memories"]]
        after = page["next"]
    assert told == [f"Fact {number}" for number in reversed(range(7))]
    assert after is None


async def test_a_list_that_just_fits_has_nothing_behind_it(server: Served) -> None:
    await server.add("One")
    assert (await server.http.get("/api/memories", params={"limit": 1})).json()["next"] is None


async def test_a_word_of_two_characters_is_found_and_the_best_comes_first(server: Served) -> None:
    for text in ("Likes tea", "用户的猫叫小白", "Allergic to peanuts"):
        await server.add(text)
    found = (await server.http.get("/api/memories/search", params={"q": "小白", "limit": 2})).json()["memories"]
    assert found[0]["text"] == "用户的猫叫小白"
    assert 0 < found[0]["fit"] <= 1
    assert [each["fit"] for each in found] == sorted((each["fit"] for each in found), reverse=True)
    assert len(found) == 2


async def test_the_trail_tells_who_changed_what_and_not_what_was_forgotten(server: Served) -> None:
    await server.memories.add(Scope(OWNER), NewMemory("Likes tea"), actor="myna")
    kept = await server.add("Lives in Xi'an")
    gone = await server.add("Was born on 3 May")
    await server.http.patch(f"/api/memories/{kept['id']}", json={"text": "Lives in Chengdu", "pinned": True})
    await server.http.delete(f"/api/memories/{gone['id']}")
    told = (await server.http.get("/api/memories/audit")).json()["audit"]
    assert [(each["change"], each["actor"]) for each in reversed(told)] == [
        ("added", "myna"),
        ("added", "user"),
        ("added", "user"),
        ("edited", "user"),
        ("pinned", "user"),
        ("forgotten", "user"),
    ]
    assert told[0]["memory"] == gone["id"]
    assert "May" not in str(told)


# --------------------------------------------------------------------------------------------------------- to change


async def test_a_memory_can_be_said_otherwise_pinned_and_unpinned(server: Served) -> None:
    memory = await server.add("Lives in Xi'an")
    path = f"/api/memories/{memory['id']}"
    edited = (await server.http.patch(path, json={"text": " Lives in Chengdu "})).json()
    assert (edited["text"], edited["pinned"], edited["id"]) == ("Lives in Chengdu", False, memory["id"])
    assert edited["changed_at"] > edited["created_at"]
    assert (await server.http.patch(path, json={"pinned": True})).json()["pinned"]
    unpinned = (await server.http.patch(path, json={"pinned": False, "text": "Lives in Wuhan"})).json()
    assert (unpinned["text"], unpinned["pinned"]) == ("Lives in Wuhan", False)
    assert await server.texts() == ["Lives in Wuhan"]


async def test_the_same_is_remembered_once(server: Served) -> None:
    first, second = [await server.add("Likes tea") for _ in range(2)]
    assert first["id"] == second["id"]
    assert await server.texts() == ["Likes tea"]


async def test_what_is_forgotten_is_unknown_and_on_no_disk(server: Served) -> None:
    memory = await server.add("Was born in Wolfenbüttel")
    assert (await server.http.delete(f"/api/memories/{memory['id']}")).status_code == 204
    assert error(await server.http.get(f"/api/memories/{memory['id']}")) == (404, "unknown_name")
    assert error(await server.http.delete(f"/api/memories/{memory['id']}")) == (404, "unknown_name")
    assert await server.texts() == []
    files = [file for file in server.folder.rglob("*") if file.is_file()]
    assert files
    assert all(b"Wolfenb" not in file.read_bytes() for file in files)


async def test_everything_is_forgotten_only_where_it_is_said_so(server: Served) -> None:
    await server.add("Likes tea")
    await server.http.post("/api/memories", params={"persona": "diary"}, json={"text": "Is afraid of spiders"})
    for params in ({}, {"all": "false"}):
        assert error(await server.http.delete("/api/memories", params=params)) == (422, "bad_input")
    assert (await server.http.delete("/api/memories", params={"all": "true"})).json() == {"forgotten": 2}
    assert await server.texts() == await server.texts(persona="diary") == []


# ------------------------------------------------------------------------------------------------------------ scopes


async def test_a_persona_with_memories_of_its_own_shares_them_with_nobody(server: Served) -> None:
    shared = await server.add("Likes tea")
    added = await server.http.post("/api/memories", params={"persona": "diary"}, json={"text": "Is afraid of spiders"})
    secret = added.json()
    assert secret["persona"] == "diary"
    assert await server.texts(persona="diary") == ["Is afraid of spiders"]
    assert await server.texts() == await server.texts(persona="wukong") == ["Likes tea"]
    found = await server.http.get("/api/memories/search", params={"q": "spiders"})
    assert [each["text"] for each in found.json()["memories"]] == ["Likes tea"]
    for memory, params in ((secret, {}), (secret, {"persona": "wukong"}), (shared, {"persona": "diary"})):
        path = f"/api/memories/{memory['id']}"
        assert error(await server.http.get(path, params=params)) == (404, "unknown_name")
        assert error(await server.http.patch(path, params=params, json={"pinned": True})) == (404, "unknown_name")
        assert error(await server.http.delete(path, params=params)) == (404, "unknown_name")
    assert (await server.http.delete(f"/api/memories/{secret['id']}", params={"persona": "diary"})).status_code == 204


async def test_a_persona_that_there_is_not_is_told_with_those_that_there_are(server: Served) -> None:
    answer = await server.http.get("/api/memories", params={"persona": "nobody"})
    assert error(answer) == (404, "unknown_name")
    assert "wukong" in answer.text


async def test_what_a_persona_that_is_gone_remembered_can_be_seen_and_forgotten(server: Served) -> None:
    gone = {"persona": "mo"}
    memory = await server.memories.add(Scope(OWNER, "mo"), NewMemory("Is afraid of spiders"))
    assert await server.texts() == []
    assert await server.texts(**gone) == ["Is afraid of spiders"]
    assert (await server.http.delete(f"/api/memories/{memory.id}", params=gone)).status_code == 204
    for nobody in ("mo", "m\0", "\ud83d"):
        answer = await server.http.get("/api/memories", params={"persona": nobody.encode("utf-8", "surrogatepass")})
        assert error(answer) == (404, "unknown_name")


# --------------------------------------------------------------------------------------------------------- bad input


async def test_a_text_that_is_empty_or_too_long_is_refused_and_changes_nothing(server: Served) -> None:
    memory = await server.add("Likes tea")
    for text in ("", "  \n ", "\0", "a" * (LONGEST_TEXT + 1), "长" * 1_000_000):
        assert error(await server.http.post("/api/memories", json={"text": text})) == (422, "bad_input")
        changed = await server.http.patch(f"/api/memories/{memory['id']}", json={"text": text, "pinned": True})
        assert error(changed) == (422, "bad_input")
    assert (await server.http.get("/api/memories")).json()["memories"] == [memory]


async def test_a_field_that_is_wrong_is_named(server: Served) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({}, "text"),
        ({"text": 1}, "text"),
        ({"text": "x", "kind": "secret"}, "kind"),
        ({"text": "x", "pinned": "maybe"}, "pinned"),
        ({"text": "x", "pined": True}, "pined"),
    ]
    for body, named in wrong:
        answer = await server.http.post("/api/memories", json=body)
        assert error(answer) == (422, "bad_request")
        assert f"{named}:" in answer.json()["error"]["message"]
    assert await server.texts() == []


async def test_a_change_of_nothing_says_what_can_be_changed(server: Served) -> None:
    memory = await server.add("Likes tea")
    answer = await server.http.patch(f"/api/memories/{memory['id']}", json={})
    assert error(answer) == (422, "bad_input")
    assert "pinned" in answer.json()["error"]["hint"]


async def test_a_parameter_that_is_wrong_is_refused(server: Served) -> None:
    for wrong in ("?limit=0", "?limit=1001", "/search", "/search?q=", "/search?q=" + "x" * 2001, "/audit?limit=many"):
        assert error(await server.http.get(f"/api/memories{wrong}")) == (422, "bad_request")


async def test_whatever_is_searched_for_nothing_fails(server: Served) -> None:
    await server.add("Likes tea")
    for q in ("%00", "%20", "%25_'%22*", "%F0%9F%98%80" * 100, "%ED%A0%80", "AND", "NEAR(", "-"):
        assert (await server.http.get(f"/api/memories/search?q={q}")).status_code == 200


async def test_an_id_of_nothing_is_unknown(server: Served) -> None:
    for memory_id in ("mem_0", "%00", "mem_" + "0" * 10_000, "🔑", "%ED%A0%80", "%27%20OR%201=1"):
        for method in ("GET", "DELETE"):
            answer = await server.http.request(method, f"/api/memories/{memory_id}")
            assert error(answer) == (404, "unknown_name")
    assert error(await server.http.get("/api/memories", params={"after": "mem_0"})) == (422, "bad_input")


async def test_where_memory_is_off_every_route_says_how_to_switch_it_on(weights: Weights) -> None:
    async with serving_engines(weights, {}) as clients:
        for method, path, body in (
            ("GET", "", None),
            ("GET", "/search?q=tea", None),
            ("GET", "/audit", None),
            ("GET", "/mem_1", None),
            ("POST", "", {"text": "Likes tea"}),
            ("PATCH", "/mem_1", {"pinned": True}),
            ("DELETE", "/mem_1", None),
            ("DELETE", "?all=true", None),
        ):
            answer = await clients.http.request(method, f"/api/memories{path}", json=body)
            assert error(answer) == (409, "memory_off")
            assert "enabled = true" in answer.json()["error"]["hint"]


# ------------------------------------------------------------------------------------------------------------- users


async def test_with_keys_each_user_has_his_own_and_the_owners_is_what_was_there_without(
    weights: Weights, tmp_path: Path
) -> None:
    keys = Keys(tmp_path / "keys.json")
    async with served(weights, tmp_path, Rules(keys)) as server:
        await server.add("Likes tea")
        _, mine = keys.create("mine")
        _, guests = keys.create("guest")
        assert (await server.http.get("/api/memories")).status_code == 401
        server.http.headers["Authorization"] = f"Bearer {mine}"
        assert await server.texts() == ["Likes tea"]
        server.http.headers["Authorization"] = f"Bearer {guests}"
        assert await server.texts() == []
        await server.add("Likes coffee")
        assert await server.texts() == ["Likes coffee"]
        assert (await server.http.delete("/api/memories", params={"all": True})).json() == {"forgotten": 1}
        server.http.headers["Authorization"] = f"Bearer {mine}"
        assert await server.texts() == ["Likes tea"]
