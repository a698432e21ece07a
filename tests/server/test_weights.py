"""``/api/models``: what there is, and pulling it from a real hub on loopback in a real process."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import httpx
import pytest
from tests.server.serving import serving_engines
from tests.weights.conftest import lying_about
from tests.weights.models import HF_FILE, catalog, hf, model_file, noise
from tests.weights.sites import Answer, Site, site

from myna.config.load import load_settings
from myna.config.sets import lacks
from myna.server.door import Rules
from myna.server.keys import Keys
from myna.weights.catalog import Catalog
from myna.weights.locate import Weights
from myna.weights.store import WeightsStore

pytestmark = pytest.mark.anyio

CONTENT = noise(300_000)
Serve: TypeAlias = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def hub() -> Any:
    with site() as it:
        yield it


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "weights"


@pytest.fixture
def serve(tmp_path: Path, root: Path, hub: Site) -> Serve:
    few = catalog(model_file(CONTENT, hf()))
    tiny = Catalog(models=few.models, sets={"all": ("tiny",)})

    @asynccontextmanager
    async def start(rules: Rules | None = None) -> AsyncGenerator[httpx.AsyncClient]:
        flags = {"weights": {"hf_endpoint": hub.url}}
        loaded = load_settings(flags, cwd=tmp_path, environ={"MYNA_HOME": str(tmp_path)})
        async with serving_engines(WeightsStore(root, tiny), {}, rules=rules, loaded=loaded) as clients:
            yield clients.http

    return start


async def pull(client: httpx.AsyncClient, *names: str) -> httpx.Response:
    return await client.post("/api/models/pull", json={"names": names})


async def told_when(client: httpx.AsyncClient, true: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    with anyio.fail_after(30):
        while not true(told := (await client.get("/api/models/pull")).json()):
            await anyio.sleep(0.05)
    return told


def is_over(told: dict[str, Any]) -> bool:
    return told["state"] != "running"


def is_half_way(told: dict[str, Any]) -> bool:
    return any(0 < each["done"] < each["size"] for each in told["models"])


async def test_a_set_is_pulled_beside_everything_else(serve: Serve, root: Path, hub: Site) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT)
    async with serve() as client:
        listed = (await client.get("/api/models")).json()
        assert [(each["name"], each["size"], each["here"]) for each in listed["models"]] == [("tiny", 300_000, False)]
        (told_set,) = listed["sets"]
        assert (told_set["name"], told_set["missing"], told_set["here"]) == ("all", 300_000, False)
        assert (await client.get("/api/models/pull")).json()["state"] == "idle"
        begun = await pull(client, "all")
        assert (begun.status_code, begun.json()["state"], begun.json()["names"]) == (202, "running", ["all"])
        told = await told_when(client, is_over)
        assert (told["state"], told["error"]) == ("done", None)
        assert told["models"] == [{"name": "tiny", "size": 300_000, "done": 300_000, "here": True}]
        listed = (await client.get("/api/models")).json()
        assert (listed["models"][0]["here"], listed["sets"][0]["missing"]) == (True, 0)
    assert lying_about(root) == ["tiny/weights.bin"]


async def test_progress_is_told_as_events_until_the_end(serve: Serve, hub: Site) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT, chunk_delay_s=0.01)
    async with serve() as client:
        await pull(client, "tiny")
        answer = await client.get("/api/models/pull/events")
    assert answer.headers["content-type"].startswith("text/event-stream")
    states = [line for line in answer.text.splitlines() if line.startswith("data: ")]
    assert '"state":"running"' in states[0]
    assert '"state":"done"' in states[-1]


async def test_who_asks_for_what_is_on_its_way_joins_and_a_cancelled_pull_goes_on_from_where_it_was(
    serve: Serve, root: Path, hub: Site
) -> None:
    hub.answers[HF_FILE] = Answer(CONTENT, stalls_after=120_000)
    async with serve() as client:
        await pull(client, "tiny")
        told = await told_when(client, is_half_way)
        assert "Hugging Face" in told["doing"]
        other = await pull(client, "all")
        assert (other.status_code, other.json()["names"]) == (202, ["tiny", "all"])
        assert len(hub.asked) == 1
        told = (await client.delete("/api/models/pull")).json()
        assert (told["state"], told["error"]) == ("cancelled", None)
        assert (await client.delete("/api/models/pull")).json()["state"] == "cancelled"
        assert lying_about(root) == [".incoming/tiny/partial/weights.bin"]
        hub.answers[HF_FILE] = Answer(CONTENT)
        await pull(client, "tiny")
        assert (await told_when(client, is_over))["state"] == "done"
    began = hub.ranges(HF_FILE)[-1]
    assert began is not None
    assert began > "bytes=1"


async def test_what_cannot_be_fetched_is_told_with_what_to_do(serve: Serve) -> None:
    async with serve() as client:
        await pull(client, "tiny")
        told = await told_when(client, is_over)
        assert (told["state"], told["error"]["code"]) == ("failed", "weights_missing")
        assert "Hugging Face answered 404" in told["error"]["message"]
        assert "docs/models.md" in told["error"]["hint"]
        assert told["skipped"] == ["tiny: Hugging Face answered 404."]


async def test_an_unknown_name_is_told_at_once(serve: Serve, hub: Site) -> None:
    async with serve() as client:
        answer = await pull(client, "tinny")
        assert (answer.status_code, answer.json()["error"]["hint"]) == (404, "Did you mean tiny?")
        assert (await pull(client)).status_code == 422
        assert (await client.get("/api/models/pull")).json()["state"] == "idle"
    assert hub.asked == []


async def test_nobody_but_the_owner_sees_or_pulls(serve: Serve, tmp_path: Path, hub: Site) -> None:
    keys = Keys(tmp_path / "keys.json")
    _, other = (keys.create(name)[1] for name in ("owner's", "other's"))
    async with serve(Rules(keys)) as client:
        client.headers["Authorization"] = f"Bearer {other}"
        for method, path in (("GET", ""), ("GET", "/pull"), ("GET", "/pull/events"), ("DELETE", "/pull")):
            answer = await client.request(method, f"/api/models{path}")
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "owner_only")
        assert (await pull(client, "tiny")).status_code == 403
    assert hub.asked == []


async def test_what_is_in_use_is_told(tmp_path: Path, weights: Weights) -> None:
    loaded = load_settings(cwd=tmp_path, environ={"MYNA_HOME": str(tmp_path)})
    async with serving_engines(weights, {}, loaded=loaded) as clients:
        told = (await clients.http.get("/api/models")).json()
    used = {each["name"]: each["used_by"] for each in told["models"] if each["used_by"]}
    assert used["qwen2.5-coder-0.5b-instruct"] == ["llm"]
    assert (used["whisper-base"], used["kokoro-v1.0"]) == (["asr"], ["tts"])
    assert [each["name"] for each in told["sets"] if each["chosen"]] == ["starter"]
    assert {each["name"]: each["lacks"] for each in told["sets"] if each["lacks"]} == lacks()
    assert all(each["license"] for each in told["models"])
