import io
import json
import os
import tomllib
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from tests.personas.cards.wild import OWL_FILES, V1, V2, V3, charx, picture, png_card
from tests.server.serving import Clients, choice, serving_engines

from myna.personas.cards.card import read_card
from myna.personas.load import Personas
from myna.personas.model import Persona
from myna.server.door import Rules
from myna.server.keys import Keys
from myna.server.sizes import Limits
from myna.testing.llm import ScriptedLLM
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio


@pytest.fixture
async def clients(tmp_path: Path, weights: Weights) -> AsyncGenerator[Clients]:
    engines = {"llm": choice(ScriptedLLM("[平静] 在数灯。", "[Calm] Tick."))}
    async with serving_engines(weights, engines, personas=Personas(tmp_path)) as made:  # pyright: ignore[reportArgumentType]
        yield made


async def send(clients: Clients, data: bytes, **params: Any) -> httpx.Response:
    return await clients.http.post("/api/personas/import", files={"file": ("x.png", data)}, params=params)


async def ids(clients: Clients) -> list[str]:
    return [each["id"] for each in (await clients.http.get("/api/personas")).json()["personas"]]


async def test_all_personas_are_listed_with_what_a_client_shows(clients: Clients) -> None:
    told = (await clients.http.get("/api/personas")).json()
    assert told["default"] == "assistant"
    wukong = next(each for each in told["personas"] if each["id"] == "wukong")
    assert (wukong["name"], wukong["avatar"], wukong["picture"], wukong["built_in"]) == ("孙悟空", "🐵", None, True)
    assert wukong["memory_scope"] == "shared"
    assert wukong["greeting"].startswith("嘿嘿")
    assert wukong["emotions"] == ["开心", "生气", "悲伤", "惊讶", "撒娇", "平静"]


async def test_a_card_that_is_imported_can_be_talked_with_at_once(clients: Clients) -> None:
    answer = await send(clients, png_card(V2))
    assert answer.status_code == 201
    told = answer.json()
    assert (told["persona"]["id"], told["persona"]["picture"]) == ("a-deng", "/api/personas/a-deng/avatar")
    assert "Its regex_scripts are kept and never run." in told["notes"]
    assert (await ids(clients))[0] == "a-deng"
    reply = await clients.ask(
        lambda sdk: sdk.chat.completions.create(
            model="myna/a-deng", messages=[{"role": "user", "content": "在做什么？"}]
        )
    )
    assert reply.choices[0].message.content == "在数灯。"


async def test_one_persona_is_told_in_full(clients: Clients) -> None:
    await send(clients, png_card(V2))
    told = (await clients.http.get("/api/personas/阿灯")).json()
    assert (told["id"], told["card"], told["lore_entries"], told["creator"]) == ("a-deng", True, 4, "the tests")
    assert told["greetings"] == ["船长，收音机又响了。", "用户？是你吗？"]
    assert "守着海边的灯塔" in told["system_prompt"]


async def test_its_picture_is_small_drawn_anew_and_asked_for_once(clients: Clients) -> None:
    await send(clients, charx(V3, [("assets/icon/images/main.png", picture(900, 600, "JPEG")), *OWL_FILES[1:]]))
    answer = await clients.http.get("/api/personas/brass-owl/avatar")
    assert (answer.headers["content-type"], answer.headers["x-content-type-options"]) == ("image/png", "nosniff")
    with Image.open(io.BytesIO(answer.content)) as image:
        assert (image.format, max(image.size)) == ("PNG", 512)
    same = {"If-None-Match": answer.headers["etag"]}
    assert (await clients.http.get("/api/personas/brass-owl/avatar", headers=same)).status_code == 304
    none = await clients.http.get("/api/personas/wukong/avatar")
    assert (none.status_code, none.json()["error"]["code"]) == (404, "unknown_name")
    assert "🐵" in none.json()["error"]["hint"]


@pytest.mark.parametrize(
    "data", [png_card(V2), charx(V3, OWL_FILES), json.dumps(V1).encode()], ids=["png", "charx", "json"]
)
async def test_a_card_comes_out_as_it_went_in(clients: Clients, data: bytes) -> None:
    persona = (await send(clients, data)).json()["persona"]["id"]
    for form in ("json", "png", "charx"):
        answer = await clients.http.get(f"/api/personas/{persona}/export", params={"format": form})
        assert answer.headers["content-disposition"] == f'attachment; filename="{persona}.{form}"'
        assert read_card(answer.content, "x").document == read_card(data, "x").document
    newer = await clients.http.get(f"/api/personas/{persona}/export", params={"version": "3"})
    assert newer.json()["spec"] == "chara_card_v3"
    toml = await clients.http.get(f"/api/personas/{persona}/export", params={"format": "toml"})
    assert Persona.model_validate(tomllib.loads(toml.text)).id == persona


async def test_one_s_own_can_be_deleted_and_no_other(clients: Clients) -> None:
    await send(clients, png_card(V2), id="lamp")
    assert (await clients.http.delete("/api/personas/lamp")).status_code == 204
    assert "lamp" not in await ids(clients)
    for there, status in (("lamp", 404), ("wukong", 404), ("assistant", 422)):
        assert (await clients.http.delete(f"/api/personas/{there}")).status_code == status


async def test_who_is_not_the_owner_sees_personas_and_changes_none(weights: Weights, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    owner, guest = ({"Authorization": f"Bearer {keys.create(name)[1]}"} for name in ("owner's", "guest"))
    personas = Personas(tmp_path / "personas")
    async with serving_engines(weights, {}, rules=Rules(keys), personas=personas) as clients:
        clients.http.headers.update(owner)
        assert (await send(clients, png_card(V2), id="lamp")).status_code == 201
        clients.http.headers.update(guest)
        for answer in (
            await send(clients, png_card(V2), id="mine"),
            await send(clients, png_card(V1), id="lamp", replace=True),
            await clients.http.post("/api/personas/import"),
            await clients.http.delete("/api/personas/lamp"),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "owner_only")
            assert "--user owner" in answer.json()["error"]["hint"]
        assert (await clients.http.get("/api/personas/lamp")).json()["name"] == "阿灯"
        assert "mine" not in await ids(clients)
        clients.http.headers.update(owner)
        assert (await clients.http.delete("/api/personas/lamp")).status_code == 204


async def test_an_id_that_is_taken_or_none_is_refused(clients: Clients) -> None:
    assert (await send(clients, png_card(V2), id="wukong")).json()["error"]["code"] == "bad_input"
    assert (await send(clients, png_card(V2), id="../x")).status_code == 422
    assert (await send(clients, png_card(V2), id="wukong", replace=True)).status_code == 201
    told = (await clients.http.get("/api/personas/wukong")).json()
    assert (told["name"], told["built_in"]) == ("阿灯", False)


async def test_what_is_no_card_is_refused_in_words(clients: Clients) -> None:
    for data, why in ((b"hello", "no character card"), (picture(), "without a card"), (png_card(V2)[:90], "damaged")):
        answer = await send(clients, data)
        assert answer.status_code == 422
        assert answer.json()["error"]["code"] == "bad_card"
        assert why in answer.json()["error"]["message"]
    for sent in ({"data": {"file": "x"}}, {"content": b"x"}):
        assert (await clients.http.post("/api/personas/import", **sent)).status_code == 422  # pyright: ignore[reportArgumentType]


async def test_a_card_may_be_as_large_as_a_file_may_be(clients: Clients) -> None:
    assert "/api/personas/import" in Limits().uploads
    big = charx(V3, [("assets/a.zip", os.urandom(5_000_000))])
    assert (await send(clients, big, id="big")).status_code == 201


async def test_nobody_is_unknown_in_words(clients: Clients) -> None:
    for path in ("nobody", "nobody/avatar", "nobody/export"):
        answer = await clients.http.get(f"/api/personas/{path}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_name")
