"""Writing personas over HTTP, and trying them before they are kept."""

import io
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from PIL import Image
from tests.personas.cards.wild import V2, picture, png_card
from tests.server.serving import Clients, choice, serving_engines
from tests.server.sockets import talker

from myna.personas.load import Personas
from myna.server.door import Rules
from myna.server.keys import Keys
from myna.server.sizes import Limits
from myna.testing.llm import ScriptedLLM
from myna.testing.tts import ScriptedTTS
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

MINA: dict[str, Any] = {
    "name": "Mina",
    "language": "en",
    "avatar": "🦊",
    "greeting": "Hello, I am {{char}}.",
    "system_prompt": "You are Mina, a fox.",
    "examples": [{"user": "Hi", "assistant": "[Calm] Hello."}],
    "voice": {"voice": {"a_fox": 1.0}, "speed": 1.1, "pitch": 0.0},
    "emotions": {"styles": {"Happy": {"speed": 1.2, "pitch": 2.0}}},
}


@pytest.fixture
def tts() -> ScriptedTTS:
    return ScriptedTTS(voices=("a_fox", "an_owl"))


@pytest.fixture
async def clients(tmp_path: Path, weights: Weights, tts: ScriptedTTS) -> AsyncGenerator[Clients]:
    engines = {"llm": choice(ScriptedLLM("[Happy] Yip.")), "tts": choice(tts)}
    async with serving_engines(weights, engines, personas=Personas(tmp_path)) as made:  # pyright: ignore[reportArgumentType]
        yield made


async def create(clients: Clients, fields: dict[str, Any] = MINA, **more: Any) -> httpx.Response:
    return await clients.http.post("/api/personas", json={"fields": fields, **more})


async def change(clients: Clients, name: str, fields: dict[str, Any], stamp: str | None = None) -> httpx.Response:
    headers = {"If-Match": f'"{stamp}"'} if stamp is not None else {}
    return await clients.http.patch(f"/api/personas/{name}/fields", json={"fields": fields}, headers=headers)


async def fields_of(clients: Clients, name: str) -> dict[str, Any]:
    return (await clients.http.get(f"/api/personas/{name}/fields")).json()


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


async def test_a_new_persona_is_there_at_once_and_can_be_changed(clients: Clients, tmp_path: Path) -> None:
    made = await create(clients)
    assert made.status_code == 201
    told = made.json()
    assert (told["id"], told["kept"], told["editable"], told["replaces_built_in"]) == ("mina", "toml", True, False)
    assert made.headers["etag"] == f'"{told["stamp"]}"'
    assert told["fields"]["greeting"] == "Hello, I am Mina."
    listed = (await clients.http.get("/api/personas")).json()
    assert listed["editable"]
    assert (listed["personas"][0]["id"], listed["personas"][0]["built_in"]) == ("mina", False)
    later = await change(clients, "mina", {"greeting": "Yip!", "voice": {"voice": "an_owl"}}, told["stamp"])
    assert later.status_code == 200
    assert (later.json()["fields"]["greeting"], later.json()["fields"]["voice"]["voice"]) == ("Yip!", {"an_owl": 1.0})
    assert later.json()["stamp"] != told["stamp"]
    assert files(tmp_path) == {"mina.toml"}


async def test_all_fields_are_told_and_can_be_sent_back(clients: Clients) -> None:
    for name in ("wukong", (await create(clients)).json()["id"]):
        told = await fields_of(clients, name)
        assert {"voice", "emotions", "llm", "examples", "greetings", "lorebook", "about"} < set(told["fields"])
        again = await change(clients, name, told["fields"], told["stamp"])
        assert (again.status_code, again.json()["fields"]) == (200, told["fields"])
    assert (await fields_of(clients, "wukong"))["kept"] == "built_in", "nothing was otherwise, so nothing was written"


async def test_two_editors_do_not_overwrite_each_other(clients: Clients) -> None:
    await create(clients)
    first, second = await fields_of(clients, "mina"), await fields_of(clients, "mina")
    assert (await change(clients, "mina", {"greeting": "One"}, first["stamp"])).status_code == 200
    late = await change(clients, "mina", {"greeting": "Two"}, second["stamp"])
    assert (late.status_code, late.json()["error"]["code"]) == (412, "changed_meanwhile")
    assert (await fields_of(clients, "mina"))["fields"]["greeting"] == "One"
    assert (await change(clients, "mina", {"greeting": "Two"})).status_code == 200, "who says nothing overwrites"


async def test_of_many_changes_at_once_one_wins_and_the_others_are_told(clients: Clients) -> None:
    await create(clients)
    stamp = (await fields_of(clients, "mina"))["stamp"]
    answers: list[int] = []

    async def send(number: int) -> None:
        answers.append((await change(clients, "mina", {"greeting": f"{number}"}, stamp)).status_code)

    async with anyio.create_task_group() as group:
        for number in range(8):
            group.start_soon(send, number)
    assert sorted(answers) == [200, *[412] * 7]


async def test_what_is_wrong_is_told_by_field(clients: Clients, tmp_path: Path) -> None:
    await create(clients)
    wrong = {"name": "", "voice": {"voice": "a_cat", "speed": 9}, "colour": "red"}
    for answer in (await create(clients, {**MINA, **wrong}), await change(clients, "mina", wrong)):
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (422, "bad_persona")
        assert "there is no voice 'a_cat'; there are a_fox, an_owl" in error["fields"]["voice.voice"]
    for fields in ({**wrong, "voice": {"voice": "a_fox", "speed": 9}}, {"name": "X"}, {}):
        told = (await create(clients, fields)).json()["error"]["fields"]
        assert told
    styled = {"emotions": {"styles": {"Happy": {"voice": {"a_fox": 1, "a_dog": 2}}}}}
    told = (await change(clients, "mina", styled)).json()["error"]["fields"]
    assert "a_dog" in told["emotions.styles.Happy.voice"]
    assert files(tmp_path) == {"mina.toml"}


@pytest.mark.parametrize(
    "body",
    [
        {"fields": {}},
        {"fields": {"avatar": "../../etc/x.png"}},
        {"fields": {"id": "../mina"}},
        {"fields": {"name": ["Mina"]}},
        {"fields": {"greeting": "x" * 100_001}},
        {"fields": {"examples": [{"user": "a", "assistant": "b"}] * 201}},
        {"fields": {str(n): 1 for n in range(60)}},
        {"fields": {"emotions": {"styles": {"x" * 17: {}}}}},
        {"fields": {"lorebook": {"entries": [{"content": "x"}] * 2001}}},
        {"fields": {"voice": None}},
        {"fields": "x"},
        {"more": 1},
        [],
        None,
    ],
)
async def test_hostile_bodies_are_refused_and_change_nothing(clients: Clients, tmp_path: Path, body: object) -> None:
    await create(clients)
    before = (tmp_path / "mina.toml").read_bytes()
    answer = await clients.http.patch("/api/personas/mina/fields", content=json.dumps(body))
    assert (answer.status_code // 100, "error" in answer.json()) == (4, True)
    assert (tmp_path / "mina.toml").read_bytes() == before
    assert files(tmp_path) == {"mina.toml"}


async def test_names_that_are_paths_lead_nowhere(clients: Clients, tmp_path: Path) -> None:
    for name in ("..%2fmina", "%2e%2e", "a%00b", "x" * 3000, "draft-0", "...", "mina.toml"):
        for answer in (
            await clients.http.get(f"/api/personas/{name}/fields"),
            await clients.http.patch(f"/api/personas/{name}/fields", json={"fields": {"name": "x"}}),
            await clients.http.put(f"/api/personas/{name}/avatar", files={"file": ("x.png", picture())}),
            await clients.http.delete(f"/api/personas/{name}/avatar"),
        ):
            assert answer.status_code in {404, 405, 422}, (name, answer.text)
    assert files(tmp_path) == set()


async def test_who_is_not_the_owner_reads_fields_and_writes_none(weights: Weights, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    owner, guest = ({"Authorization": f"Bearer {keys.create(name)[1]}"} for name in ("owner's", "guest"))
    personas = Personas(tmp_path / "personas")
    async with serving_engines(weights, {}, rules=Rules(keys), personas=personas) as clients:
        clients.http.headers.update(owner)
        assert (await create(clients)).status_code == 201
        clients.http.headers.update(guest)
        for answer in (
            await create(clients),
            await clients.http.post("/api/personas/drafts", json={"fields": MINA}),
            await change(clients, "mina", {"name": "Mine"}),
            await clients.http.put("/api/personas/mina/avatar", files={"file": ("x.png", picture())}),
            await clients.http.delete("/api/personas/mina/avatar"),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "owner_only")
        told = await fields_of(clients, "mina")
        assert (told["fields"]["name"], told["editable"]) == ("Mina", False)
        assert not (await clients.http.get("/api/personas")).json()["editable"]


async def test_a_built_in_one_that_is_changed_is_one_s_own_until_it_is_deleted(clients: Clients) -> None:
    before = await fields_of(clients, "assistant")
    assert (before["kept"], before["editable"], before["replaces_built_in"]) == ("built_in", True, False)
    assert (await clients.http.delete("/api/personas/assistant")).status_code == 422
    told = (await change(clients, "assistant", {"greeting": "Ahoy!"}, before["stamp"])).json()
    assert (told["kept"], told["replaces_built_in"], told["id"]) == ("toml", True, "assistant")
    assert (await clients.http.delete("/api/personas/assistant")).status_code == 204, "though it is the default"
    assert (await fields_of(clients, "assistant")) == before


async def test_a_card_that_is_changed_is_exported_as_it_came(clients: Clients) -> None:
    await clients.http.post("/api/personas/import", files={"file": ("x.png", png_card(V2))})
    told = (await change(clients, "a-deng", {"greeting": "晚上好。", "tools": ["clock"]})).json()
    assert (told["kept"], told["fields"]["greeting"], told["fields"]["tools"]) == ("card", "晚上好。", ["clock"])
    assert (told["picture"], told["uploaded"]) == ("/api/personas/a-deng/avatar", False)
    assert (await clients.http.get("/api/personas/a-deng/export")).json() == V2


async def test_a_copy_has_all_but_what_is_given(clients: Clients) -> None:
    await create(clients)
    told = (await create(clients, {"name": "Mina Two"}, of="mina")).json()
    assert (told["id"], told["fields"]["examples"]) == ("mina-two", MINA["examples"])
    assert (await create(clients, {"name": "x"}, of="nobody")).status_code == 404


# ---------------------------------------------------------------------------------------------------------- pictures


async def test_a_picture_is_drawn_anew_shown_and_taken_away(clients: Clients, tmp_path: Path) -> None:
    await create(clients)
    sent = {"file": ("../../x.png", picture(900, 600, "JPEG"))}
    told = (await clients.http.put("/api/personas/mina/avatar", files=sent)).json()
    assert (told["picture"], told["uploaded"], told["fields"]["avatar"]) == ("/api/personas/mina/avatar", True, "🙂")
    shown = await clients.http.get(told["picture"])
    with Image.open(io.BytesIO(shown.content)) as image:
        assert (image.format, image.size) == ("PNG", (512, 341))
    listed = (await clients.http.get("/api/personas")).json()["personas"][0]
    assert (listed["avatar"], listed["picture"]) == ("🙂", told["picture"])
    later = (await change(clients, "mina", {"greeting": "Still pictured."})).json()
    assert later["uploaded"]
    other = await clients.http.put("/api/personas/mina/avatar", files={"file": ("y.png", picture(20, 20))})
    assert (await clients.http.get(told["picture"])).headers["etag"] != shown.headers["etag"]
    assert len(files(tmp_path)) == 2
    gone = await clients.http.delete("/api/personas/mina/avatar", headers={"If-Match": other.headers["etag"]})
    assert (gone.json()["picture"], files(tmp_path)) == (None, {"mina.toml"})
    assert (await clients.http.delete("/api/personas/mina/avatar")).status_code == 404


async def test_a_built_in_one_gets_a_picture_and_its_emoji_back(clients: Clients) -> None:
    told = await clients.http.put("/api/personas/wukong/avatar", files={"file": ("x.png", picture())})
    assert (told.json()["kept"], told.json()["uploaded"]) == ("toml", True)
    assert (await clients.http.delete("/api/personas/wukong/avatar")).json()["fields"]["avatar"] == "🐵"


async def test_what_is_no_picture_is_refused_and_nothing_is_written(clients: Clients, tmp_path: Path) -> None:
    for content in (b"", b"<svg/>", picture()[:40], b"\x89PNG\r\n\x1a\n" + b"x" * 100):
        answer = await clients.http.put("/api/personas/wukong/avatar", files={"file": ("x.png", content)})
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_card")
    assert (await clients.http.put("/api/personas/wukong/avatar")).status_code == 422
    late = {"If-Match": '"another"'}
    answer = await clients.http.put("/api/personas/wukong/avatar", files={"file": ("x", picture())}, headers=late)
    assert answer.status_code == 412
    assert files(tmp_path) == set()


async def test_pictures_may_be_larger_than_other_requests(weights: Weights, tmp_path: Path) -> None:
    limits = Limits(body=1000, upload=60_000)
    async with serving_engines(weights, {}, limits=limits, personas=Personas(tmp_path)) as clients:
        small = {"file": ("x.png", picture(90, 90))}
        assert (await clients.http.put("/api/personas/wukong/avatar", files=small)).status_code == 200
        large = await clients.http.put("/api/personas/wukong/avatar", files={"file": ("x.png", bytes(70_000))})
        assert (large.status_code, large.json()["error"]["code"]) == (413, "too_large")
        assert (await change(clients, "wukong", {"greeting": "x" * 2000})).status_code == 413


# -------------------------------------------------------------------------------------------------- drafts, previews


async def test_a_draft_speaks_with_its_voice_and_emotions_before_it_is_kept(
    clients: Clients, tts: ScriptedTTS, tmp_path: Path
) -> None:
    draft = (await clients.http.post("/api/personas/drafts", json={"fields": MINA})).json()["persona"]
    assert (draft["greeting"], draft["name"]) == ("Hello, I am Mina.", "Mina")
    spoken = {"model": f"myna/{draft['id']}", "input": "[Happy] Hello.", "response_format": "pcm"}
    assert (await clients.http.post("/v1/audio/speech", json=spoken)).status_code == 200
    style = tts.calls[-1].style
    assert (style.voice, style.speed, style.pitch) == ("a_fox", pytest.approx(1.32), 2.0)
    assert files(tmp_path) == set()
    assert draft["id"] not in {each["id"] for each in (await clients.http.get("/api/personas")).json()["personas"]}


async def test_a_draft_of_a_persona_has_what_is_not_changed(clients: Clients) -> None:
    body = {"fields": {"greeting": "嘿！"}, "of": "wukong"}
    draft = (await clients.http.post("/api/personas/drafts", json=body)).json()["persona"]
    prompt = (await clients.http.get(f"/api/personas/{draft['id']}/prompt")).json()
    assert "齐天大圣" in prompt["messages"][0]["content"]
    assert prompt["tokens"] > 0
    bad = await clients.http.post("/api/personas/drafts", json={"fields": {"voice": {"voice": "x"}}, "of": "wukong"})
    assert set(bad.json()["error"]["fields"]) == {"voice.voice"}


@pytest.mark.parametrize("persona_id", [5, "Foo Bar", "../x", None])
async def test_the_id_of_a_draft_is_checked_as_any_other_field(clients: Clients, persona_id: object) -> None:
    body = {"fields": {**MINA, "id": persona_id}}
    answer = await clients.http.post("/api/personas/drafts", json=body)
    assert answer.status_code == 422
    assert "id" in answer.json()["error"]["fields"]


async def test_a_draft_is_talked_with_in_private_alone(clients: Clients) -> None:
    draft = (await clients.http.post("/api/personas/drafts", json={"fields": MINA})).json()["persona"]["id"]
    async with talker(clients, f"/v1/realtime?model=myna/{draft}&private=true") as socket:
        created = await socket.next()
        assert (created["type"], created["session"]["model"]) == ("session.created", f"myna/{draft}")
    async with talker(clients, f"/v1/realtime?model=myna/{draft}") as socket:
        refused = await socket.next()
        assert "kept nowhere" in refused["error"]["message"]


async def test_the_prompt_is_told_as_the_model_gets_it(clients: Clients) -> None:
    await create(clients)
    told = (await clients.http.get("/api/personas/mina/prompt")).json()
    assert told["messages"][0]["role"] == "system"
    assert told["messages"][0]["content"].startswith("You are Mina, a fox.")
    assert [message["content"] for message in told["messages"][1:]] == ["Hi", "[Calm] Hello."]


async def test_the_voices_are_those_of_the_tts(clients: Clients) -> None:
    told = (await clients.http.get("/api/voices")).json()
    assert told["model"] == "scripted"
    assert told["voices"][0] == {"name": "a_fox", "languages": ["en", "zh"], "gender": "other"}


async def test_without_a_tts_there_are_no_voices_and_any_name_is_kept(weights: Weights, tmp_path: Path) -> None:
    async with serving_engines(weights, {}, personas=Personas(tmp_path)) as clients:
        assert (await clients.http.get("/api/voices")).status_code == 503
        assert (await create(clients)).status_code == 201
