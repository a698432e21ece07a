"""``/api/settings``: what holds and why, and changing it in a real file."""

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import httpx
import pytest
from tests.server.serving import serving_engines

from myna.config.load import load_settings
from myna.config.schema import json_schema
from myna.server.door import Rules
from myna.server.keys import Keys
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

FILE = """\
# mine
[llm]
temperature = 0.6 # as I like it

[openai]
api_key = "a-secret-of-mine"
"""
ENVIRON = {"MYNA_LLM__TOP_K": "7", "MYNA_ENDPOINTS__CLOUD__MODEL": "large"}

Serve: TypeAlias = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "myna.toml"
    path.write_text(FILE)
    return path


@pytest.fixture
def serve(file: Path, weights: Weights) -> Serve:
    @asynccontextmanager
    async def start(rules: Rules | None = None) -> AsyncGenerator[httpx.AsyncClient]:
        environ = {"MYNA_HOME": str(file.parent), **ENVIRON}
        loaded = load_settings({"server": {"port": "1234", "max_sessions": "9"}}, cwd=file.parent, environ=environ)
        async with serving_engines(weights, {}, rules=rules, loaded=loaded) as clients:
            yield clients.http

    return start


def held(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


async def setting(client: httpx.AsyncClient, name: str) -> dict[str, Any]:
    told = (await client.get("/api/settings")).json()
    return next(each for each in told["settings"] if each["name"] == name)


async def change(client: httpx.AsyncClient, changes: dict[str, Any]) -> httpx.Response:
    return await client.patch("/api/settings", json={"changes": changes})


async def test_every_setting_is_described(serve: Serve) -> None:
    async with serve() as client:
        schema = (await client.get("/api/settings/schema")).json()
        told = (await client.get("/api/settings")).json()["settings"]
    assert schema["$defs"]["LLMSettings"]["properties"]["temperature"]["description"].startswith("How freely")
    assert {"llamacpp", "openai", "cloud"} <= set(schema["$defs"]["LLMSettings"]["properties"]["engine"]["enum"])
    assert schema["$defs"]["TurnSettings"]["properties"]["engine"]["enum"] == ["smart_turn", "none"]
    for each in told:
        section = each["name"].partition(".")[0]
        assert section in schema["properties"]


async def test_what_holds_is_told_with_where_it_came_from(serve: Serve, file: Path) -> None:
    async with serve() as client:
        told = (await client.get("/api/settings")).json()
    assert (told["file"], told["restart"], told["problem"]) == (str(file), False, None)
    settings = {each["name"]: each for each in told["settings"]}
    seen = {name: (settings[name]["value"], settings[name]["origin"]) for name in ("llm.temperature", "llm.top_p")}
    assert seen == {"llm.temperature": (0.6, "file"), "llm.top_p": (0.95, "default")}
    assert settings["llm.temperature"]["place"] == "llm.temperature in myna.toml"
    assert settings["llm.temperature"]["fixed"] is None
    assert (settings["llm.top_k"]["value"], settings["llm.top_k"]["origin"]) == (7, "environment")
    assert settings["llm.top_k"]["fixed"] == "decided by MYNA_LLM__TOP_K in the environment"
    assert (settings["server.port"]["value"], settings["server.port"]["origin"]) == (1234, "flag")


async def test_no_secret_is_told_and_its_change_is(serve: Serve, file: Path) -> None:
    async with serve() as client:
        before = await setting(client, "openai.api_key")
        answer = await change(client, {"openai.api_key": "another-secret"})
        after = await setting(client, "openai.api_key")
    assert (before["value"], before["secret"], before["changed"]) == ("********", True, False)
    assert (after["value"], after["next"], after["changed"]) == ("********", "********", True)
    assert "another-secret" not in answer.text
    assert 'api_key = "another-secret"' in held(file)


async def test_a_change_is_written_and_waits_for_a_restart(serve: Serve, file: Path) -> None:
    async with serve() as client:
        answer = await change(client, {"llm.temperature": 0.5, "asr.language": "zh"})
        told = answer.json()
        assert answer.status_code == 200
        assert told["written"] == told["restart"] == ["llm.temperature", "asr.language"]
        assert held(file) == FILE.replace("0.6", "0.5") + '\n[asr]\nlanguage = "zh"\n'
        now = await setting(client, "llm.temperature")
        assert (now["value"], now["next"], now["changed"]) == (0.6, 0.5, True)
        back = (await change(client, {"llm.temperature": 0.6, "asr.language": None})).json()
        assert (back["written"], back["restart"]) == (["llm.temperature", "asr.language"], [])
        assert not (await client.get("/api/settings")).json()["restart"]
    assert held(file) == f"{FILE}\n[asr]\n"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"llm.temperature": 5}, r"llm\.temperature .*less than or equal to 2, not 5"),
        ({"llm.temprature": 0.5}, r"no setting llm\.temprature"),
        ({"llm.top_k": 5}, r"llm\.top_k is decided by MYNA_LLM__TOP_K"),
        ({"server.max_sessions": 5}, r"server\.max_sessions is decided by .* on the command line"),
        ({"session.allowed_emotions": [None]}, r"session\.allowed_emotions: .* null"),
        ({"llm.temperature": {"x": 1}}, r"llm\.temperature"),
        ({"llamacpp.model": "/etc/passwd"}, r"/etc/passwd is no model of the catalog"),
        ({"llm.model": "qwen"}, r"qwen is no model of the catalog\. A file can only be chosen on the server's machine"),
        ({}, "changes: "),
    ],
)
async def test_what_is_wrong_is_told_with_its_name_and_nothing_is_written(
    serve: Serve, file: Path, changes: dict[str, Any], told: str
) -> None:
    async with serve() as client:
        answer = await change(client, {"log.level": "debug", **changes} if changes else {})
    assert answer.status_code == 422
    assert re.search(told, answer.json()["error"]["message"])
    assert held(file) == FILE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("home", "/tmp"),
        ("store.url", "/home/me/.config/browser/cookies.sqlite"),
        ("tools.folder", "/tmp"),
        ("tools.for_all", ["*"]),
        ("mcp.files.command", "sh"),
        ("mcp.files.confirm", "never"),
        ("server.host", "0.0.0.0"),
        ("server.port", 80),
        ("server.https", False),
        ("server.certificate", "/etc/shadow"),
        ("server.certificate_key", "/etc/shadow"),
        ("server.origins", ["https://evil.example"]),
        ("server.hosts", ["evil.example"]),
        ("memory.vectors", "http://evil.example"),
        ("openai.base_url", "http://evil.example"),
        ("openai.client_certificate", "/etc/shadow"),
        ("endpoints.cloud.base_url", "http://evil.example"),
        ("endpoints.cloud.client_key", "/etc/shadow"),
        ("openai_embed.base_url", "http://169.254.169.254"),
        ("weights.hf_endpoint", "http://evil.example"),
        ("weights.modelscope_endpoint", None),
    ],
)
async def test_what_would_make_a_stolen_key_worth_more_than_myna_is_refused(
    serve: Serve, file: Path, name: str, value: object
) -> None:
    async with serve() as client:
        answer = await change(client, {"log.level": "debug", name: value})
        if not name.startswith("mcp"):
            assert (await setting(client, name))["fixed"] == "can only be changed on the server's machine"
    assert answer.status_code == 422
    assert f"{name} can only be changed on the server's machine" in answer.json()["error"]["message"]
    assert str(file) in answer.json()["error"]["hint"]
    assert held(file) == FILE


async def test_every_path_of_the_settings_is_for_the_machine(serve: Serve) -> None:
    async with serve() as client:
        told = {each["name"]: each["fixed"] for each in (await client.get("/api/settings")).json()["settings"]}
    schema, paths = json_schema(), set[str]()
    for section, place in schema["properties"].items():
        model = schema["$defs"].get(place.get("$ref", "").rpartition("/")[2])
        items = {f"{section}.{name}": item for name, item in model["properties"].items()} if model else {section: place}
        paths |= {name for name, item in items.items() if "'path'" in str(item)}
    assert paths >= {"home", "tools.folder", "server.certificate"}
    assert {told[name] for name in paths} == {"can only be changed on the server's machine"}


async def test_a_model_goes_by_its_name_and_what_the_file_names_already_stays(serve: Serve, file: Path) -> None:
    async with serve() as client:
        assert (await change(client, {"llamacpp.model": "qwen2.5-3b-instruct"})).status_code == 200
        assert (await change(client, {"faster_whisper.model": "small"})).status_code == 200
        write(file, '[llm]\nmodel = "/srv/mine.gguf"\n')
        assert (await change(client, {"llm.temperature": 0.5})).status_code == 200
        assert (await change(client, {"llm.engine": "openai"})).status_code == 200
        assert (await change(client, {"llm.engine": "llamacpp"})).status_code == 422
        assert (await change(client, {"llm.engine": None, "llm.model": None})).status_code == 200


async def test_a_persona_that_is_not_there_would_keep_myna_from_starting_and_is_refused(serve: Serve) -> None:
    async with serve() as client:
        answer = await change(client, {"session.persona": "nobody"})
        assert answer.status_code == 422
        assert "session.persona" in answer.json()["error"]["message"]
        assert (await change(client, {"session.persona": "wukong"})).status_code == 200


async def test_what_the_file_names_can_be_taken_out(serve: Serve) -> None:
    async with serve() as client:
        assert (await setting(client, "llm.temperature"))["written"]
        assert not (await setting(client, "llm.top_p"))["written"]
        assert not (await setting(client, "llm.top_k"))["written"]
        await change(client, {"llm.temperature": None, "llm.top_p": 0.5})
        assert not (await setting(client, "llm.temperature"))["written"]
        assert (await setting(client, "llm.top_p"))["written"]


async def test_a_file_that_was_broken_by_hand_is_told_and_can_be_mended(serve: Serve, file: Path) -> None:
    async with serve() as client:
        write(file, "[llm]\ntemperature = 9\n")
        told = (await client.get("/api/settings")).json()
        assert "llm.temperature in myna.toml (line 2)" in told["problem"]
        assert (await setting(client, "llm.temperature"))["value"] == 0.6
        answer = await change(client, {"llm.top_p": 0.5})
        assert "llm.temperature" in answer.json()["error"]["message"]
        assert (await change(client, {"llm.temperature": 1})).status_code == 200
        assert (await client.get("/api/settings")).json()["problem"] is None
    assert held(file) == "[llm]\ntemperature = 1\n"


async def test_nobody_but_the_owner_sees_or_changes_them(serve: Serve, file: Path, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    owner, ada = (keys.create(name)[1] for name in ("owner's", "ada's"))
    async with serve(Rules(keys)) as client:
        for method, path in (("GET", ""), ("GET", "/schema"), ("PATCH", "")):
            answer = await client.request(
                method, f"/api/settings{path}", json={"changes": {"llm.top_p": 0.5}}, headers=bearer(ada)
            )
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "owner_only")
        assert (await client.get("/api/settings", headers=bearer(owner))).status_code == 200
    assert held(file) == FILE


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def test_a_server_of_a_program_that_made_its_own_settings_says_so(weights: Weights) -> None:
    async with serving_engines(weights, {}) as clients:
        answer = await clients.http.get("/api/settings")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "settings_unknown")


async def test_the_web_app_explains_settings_that_there_are(serve: Serve) -> None:
    async with serve() as client:
        names = {each["name"] for each in (await client.get("/api/settings")).json()["settings"]}
    texts = (Path(__file__).parents[2] / "web" / "src" / "i18n" / "settings.ts").read_text(encoding="utf-8")
    explained = re.findall(r"^  '?([a-z_.0-9]+)'?: \{(?= ?title|$)", texts.partition("SETTINGS")[2], re.MULTILINE)
    assert len(explained) > 25
    assert set(explained) <= names
