"""A server whose weights are still to come: what works meanwhile, and that the rest works when they are here."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import pytest
from tests.server.serving import Clients, NoOptions, Opened, choice, serving_engines
from tests.server.sockets import Talker, silence, speech, talker
from tests.server.test_realtime import RESPOND, append, ask, user_says
from tests.weights.conftest import lying_about
from tests.weights.models import REPO, catalog, hf, model_file, noise
from tests.weights.sites import Answer, Site, site

from myna.config.load import load_settings
from myna.engines.base import Resources
from myna.engines.opening import Choice
from myna.engines.plugins import Kind
from myna.server.arrivals import ORDER
from myna.server.door import Rules
from myna.server.keys import Keys
from myna.testing.asr import ScriptedASR
from myna.testing.llm import ScriptedLLM
from myna.testing.tts import ScriptedTTS
from myna.testing.vad import ScriptedVAD
from myna.weights.catalog import Catalog
from myna.weights.store import WeightsStore

pytestmark = pytest.mark.anyio

CONTENT = noise(300_000)
PATH = "/v1/realtime?model=myna"
HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
Health: TypeAlias = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Needing(Opened):
    """The plugin of an engine that needs weights."""

    name: str = ""

    def weights(self, options: NoOptions) -> Sequence[str]:
        return (self.name,)

    @asynccontextmanager
    async def open(self, options: NoOptions, resources: Resources) -> AsyncGenerator[object]:
        resources.weights.locate(self.name)
        yield self.engine


ENGINES: dict[Kind, Callable[[], object]] = {
    "llm": lambda: ScriptedLLM("[Calm] Hello."),
    "asr": lambda: ScriptedASR("你好"),
    "tts": ScriptedTTS,
    "vad": ScriptedVAD,
}


@pytest.fixture
def hub() -> Iterator[Site]:
    with site() as it:
        yield it


@pytest.fixture
def store(tmp_path: Path) -> WeightsStore:
    models = [catalog(model_file(CONTENT, hf(f"{kind}.bin")), name=kind).models[0] for kind in ENGINES]
    return WeightsStore(tmp_path / "weights", Catalog(models=tuple(models)))


def path_of(kind: str) -> str:
    return f"/{REPO}/resolve/main/{kind}.bin"


@asynccontextmanager
async def first_run(
    store: WeightsStore, hub: Site, folder: Path, kinds: Sequence[Kind] = ("llm", "tts"), rules: Rules | None = None
) -> AsyncGenerator[Clients]:
    """A server that has just been started, whose engines of these kinds need weights."""
    needing: dict[Kind, Choice] = {
        kind: Choice(f"my-{kind}", Needing(ENGINES[kind](), name=kind), NoOptions()) for kind in kinds
    }
    flags = {"weights": {"hf_endpoint": hub.url}}
    loaded = load_settings(flags, cwd=folder, environ={"MYNA_HOME": str(folder)})
    async with serving_engines(store, needing, loaded=loaded, rules=rules, settled=False, fetches=True) as clients:
        yield clients


async def health_when(clients: Clients, true: Callable[[Health], bool]) -> Health:
    with anyio.fail_after(30):
        while not true(told := (await clients.http.get("/health")).json()["engines"]):
            await anyio.sleep(0.02)
    return told


def status(health: Health) -> dict[str, str]:
    return {kind: engine["status"] for kind, engine in health.items()}


def is_half_way(kind: str) -> Callable[[Health], bool]:
    return lambda health: 0 < health[kind].get("done", 0) < len(CONTENT)


async def pull(clients: Clients, *names: str) -> None:
    assert (await clients.http.post("/api/models/pull", json={"names": names})).status_code == 202


async def test_the_llm_answers_before_the_other_weights_have_come(
    store: WeightsStore, hub: Site, tmp_path: Path
) -> None:
    hub.answers = {
        path_of("llm"): Answer(CONTENT, chunk_delay_s=0.005),
        path_of("tts"): Answer(CONTENT, stalls_after=120_000),
    }
    async with first_run(store, hub, tmp_path) as clients:
        told = await health_when(clients, is_half_way("llm"))
        assert told["llm"] == {"engine": "my-llm", "status": "fetching", "done": told["llm"]["done"], "size": 300_000}
        assert told["tts"] == {"engine": "my-tts", "status": "fetching", "done": 0, "size": 300_000}
        refused = await clients.http.post("/llm", json=HELLO)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "engine_unavailable")
        assert "still being fetched" in refused.json()["error"]["message"]
        told = await health_when(clients, is_half_way("tts"))
        assert status(told) == {"llm": "ready", "tts": "fetching"}
        assert (await clients.http.post("/llm", json=HELLO)).json()["text"] == "Hello."
        ready = await clients.http.get("/ready")
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        pulled = (await clients.http.get("/api/models/pull")).json()
        assert [each["name"] for each in pulled["models"]] == ["llm", "tts"]
    assert lying_about(store.root) == [".incoming/tts/partial/weights.bin", "llm/weights.bin"]


async def test_what_is_wanted_first_comes_first(store: WeightsStore, hub: Site, tmp_path: Path) -> None:
    hub.answers = {path_of(kind): Answer(CONTENT) for kind in ENGINES}
    async with first_run(store, hub, tmp_path, kinds=tuple(ENGINES)) as clients:
        await health_when(clients, lambda health: set(status(health).values()) == {"ready"})
        assert (await clients.http.get("/ready")).status_code == 200
    assert [path for path, _ in hub.asked] == [path_of(kind) for kind in ORDER if kind in ENGINES]


async def test_a_pull_that_fails_is_told_and_one_that_brings_the_weights_opens_the_engines(
    store: WeightsStore, hub: Site, tmp_path: Path
) -> None:
    async with first_run(store, hub, tmp_path) as clients:
        told = await health_when(clients, lambda health: set(status(health).values()) == {"failed"})
        assert {engine["code"] for engine in told.values()} == {"weights_missing"}
        assert "llm: weights.bin could not be fetched. Hugging Face answered 404." in told["llm"]["problem"]
        assert "docs/models.md" in told["llm"]["problem"]
        hub.answers = {path_of("llm"): Answer(CONTENT)}
        await pull(clients, "llm")
        told = await health_when(clients, lambda health: health["llm"]["status"] == "ready")
        assert told["tts"]["status"] == "failed"
        assert (await clients.http.post("/llm", json=HELLO)).json()["text"] == "Hello."
        hub.answers = {path_of("tts"): Answer(CONTENT)}
        await pull(clients, "tts")
        await health_when(clients, lambda health: health["tts"]["status"] == "ready")
        assert (await clients.http.get("/ready")).status_code == 200


async def test_weights_that_another_program_brings_open_an_engine_too(
    store: WeightsStore, hub: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("myna.server.arrivals.LOOK_S", 0.05)
    async with first_run(store, hub, tmp_path, kinds=["llm"]) as clients:
        await health_when(clients, lambda health: health["llm"]["status"] == "failed")
        folder = store.root / "llm"
        folder.mkdir()
        (folder / "weights.bin").write_bytes(CONTENT)
        await health_when(clients, lambda health: health["llm"]["status"] == "ready")


async def test_a_pull_that_is_stopped_fails_what_waits_for_it_and_the_next_one_opens_that(
    store: WeightsStore, hub: Site, tmp_path: Path
) -> None:
    hub.answers = {path_of("llm"): Answer(CONTENT, stalls_after=120_000)}
    async with first_run(store, hub, tmp_path) as clients:
        await health_when(clients, is_half_way("llm"))
        assert (await clients.http.delete("/api/models/pull")).json()["state"] == "cancelled"
        told = await health_when(clients, lambda health: set(status(health).values()) == {"failed"})
        assert told["llm"]["problem"].startswith("The pull was stopped.")
        hub.answers = {path_of(kind): Answer(CONTENT) for kind in ENGINES}
        await pull(clients, "llm", "tts")
        await health_when(clients, lambda health: set(status(health).values()) == {"ready"})
    assert (hub.ranges(path_of("llm"))[-1] or "") > "bytes=1"


async def test_a_stranger_sees_how_much_has_come_and_not_from_where(
    store: WeightsStore, hub: Site, tmp_path: Path
) -> None:
    hub.answers = {path_of("llm"): Answer(CONTENT, stalls_after=120_000)}
    keys = Keys(tmp_path / "keys.json")
    keys.create("mine")
    async with first_run(store, hub, tmp_path, rules=Rules(keys)) as clients:
        told = await health_when(clients, is_half_way("llm"))
        assert told["llm"] == {"engine": "my-llm", "status": "fetching", "done": told["llm"]["done"], "size": 300_000}
        assert (await clients.http.get("/api/models/pull")).status_code == 401


# ------------------------------------------------------------------------------------------------------- conversations


async def configured(client: Talker) -> dict[str, Any]:
    session: dict[str, Any] = (await client.until("session.created"))["session"]
    return session


async def test_a_session_that_began_without_a_voice_speaks_as_soon_as_there_is_one(
    store: WeightsStore, hub: Site, tmp_path: Path
) -> None:
    hub.answers = {path_of("llm"): Answer(CONTENT)}
    async with first_run(store, hub, tmp_path) as clients:
        await health_when(clients, lambda health: health["llm"]["status"] == "ready")
        async with talker(clients, PATH) as client:
            assert (await configured(client))["output_modalities"] == ["audio"]
            await client.send(user_says("Hello"))
            await client.send(RESPOND)
            begun = await client.until("response.created")
            assert begun["response"]["output_modalities"] == ["text"]
            assert (await client.until("response.output_text.done"))["text"] == "Hello."
            assert (await client.until("response.done"))["response"]["status"] == "completed"
            hub.answers = {path_of("tts"): Answer(CONTENT)}
            await pull(clients, "tts")
            await health_when(clients, lambda health: health["tts"]["status"] == "ready")
            await client.send(user_says("Hello"))
            await client.send(RESPOND)
            begun = await client.until("response.created")
            assert begun["response"]["output_modalities"] == ["audio"]
            await client.until("response.output_audio.delta")
            assert (await client.until("response.done"))["response"]["status"] == "completed"


async def test_a_session_that_began_deaf_says_so_once_and_hears_as_soon_as_it_can(
    store: WeightsStore, hub: Site, tmp_path: Path
) -> None:
    hub.answers = {path_of("llm"): Answer(CONTENT), path_of("vad"): Answer(CONTENT)}
    async with first_run(store, hub, tmp_path, kinds=["llm", "vad", "asr"]) as clients:
        await health_when(clients, lambda health: health["asr"]["status"] == "failed")
        async with talker(clients, PATH) as client:
            await configured(client)
            for _ in range(3):
                await client.send(append(speech(1.0, 24_000)))
            error = (await client.until("error"))["error"]
            assert error["code"] == "weights_missing"
            assert "could not be fetched" in error["message"]
            await client.send({"type": "input_audio_buffer.commit"})
            failed = await client.until("conversation.item.input_audio_transcription.failed")
            assert failed["error"]["code"] == "weights_missing"
            assert await ask(client, "Hello") == "Hello."
            hub.answers = {path_of("asr"): Answer(CONTENT)}
            await pull(clients, "asr")
            await health_when(clients, lambda health: health["asr"]["status"] == "ready")
            await client.send(append(speech(1.0, 24_000)))
            await client.send(append(silence(1.5, 24_000)))
            began = await client.until("input_audio_buffer.speech_started")
            assert began["audio_start_ms"] > 2000  # it counts what was not heard
            heard = await client.until("conversation.item.input_audio_transcription.completed")
            assert heard["transcript"] == "你好"


async def test_an_engine_that_needs_no_weights_waits_for_nobody(store: WeightsStore, hub: Site, tmp_path: Path) -> None:
    loaded = load_settings({"weights": {"hf_endpoint": hub.url}}, cwd=tmp_path, environ={"MYNA_HOME": str(tmp_path)})
    choices: dict[Kind, Choice] = {"llm": choice(ScriptedLLM("[Calm] Hello."))}
    async with serving_engines(store, choices, loaded=loaded, fetches=True) as clients:
        assert (await clients.http.get("/ready")).status_code == 200
        assert (await clients.http.get("/api/models/pull")).json()["state"] == "idle"
    assert hub.asked == []
