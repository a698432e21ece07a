"""`/metrics`, as Prometheus's own parser reads it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from tests.server.serving import choice, serving, serving_engines
from websockets.asyncio.client import connect

from myna.core.errors import EngineTimeout, EngineUnavailable
from myna.engines.base import GPUMemory
from myna.server.door import Rules
from myna.server.keys import Keys
from myna.testing.llm import ScriptedLLM
from myna.testing.tts import ScriptedTTS
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

DOCS = Path(__file__).parents[2] / "docs"
ASKED = {"messages": [{"role": "user", "content": "What the user says."}], "session_id": "a-conversation"}
GONE = EngineUnavailable("The LLM server at http://10.0.0.5:8080 is out of reach.")
MEMORY = ("total", "free", "used", "reserved", "peak")


class OnGPU(ScriptedLLM):
    """One that knows the memory of its GPU."""

    async def memory(self) -> Sequence[GPUMemory]:
        return (GPUMemory("cuda:0", total=24, free=4, used=10, reserved=12, peak=11),)


class Silent(ScriptedLLM):
    """One that never says what its GPU holds."""

    async def memory(self) -> Sequence[GPUMemory]:
        await anyio.sleep_forever()
        return ()


async def told(client: httpx.AsyncClient) -> dict[str, Sample]:
    """The samples by name and labels, as they are written."""
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    found = [sample for family in text_string_to_metric_families(answer.text) for sample in family.samples]
    return {_written(sample): sample for sample in found}


def _written(sample: Sample) -> str:
    labels = ",".join(sorted(f"{name}={value}" for name, value in sample.labels.items()))
    return f"{sample.name}{{{labels}}}" if labels else sample.name


async def test_turns_are_counted_by_how_they_ended_and_their_stages_timed(weights: Weights) -> None:
    llm = ScriptedLLM("[Calm] Yes.", [EngineTimeout("It hangs.")])
    async with serving(llm, weights) as client:
        before = await told(client)
        assert before["myna_turns_total{outcome=completed}"].value == 0
        assert before["myna_turn_stage_seconds_count{stage=first_token}"].value == 0
        await client.post("/llm", json=ASKED)
        await client.post("/llm", json=ASKED)
        after = await told(client)
    assert after["myna_turns_total{outcome=completed}"].value == 1
    assert after["myna_turns_total{outcome=failed}"].value == 1
    assert after["myna_turns_total{outcome=interrupted}"].value == 0
    assert after["myna_turn_stage_seconds_count{stage=first_token}"].value == 1
    assert after["myna_turn_stage_seconds_bucket{le=+Inf,stage=first_token}"].value == 1
    assert 0 < after["myna_turn_stage_seconds_sum{stage=first_token}"].value < 60
    assert after["myna_turn_stage_seconds_count{stage=first_audio}"].value == 0
    assert after["process_resident_memory_bytes"].value > 0


async def test_a_chain_is_told_engine_by_engine(weights: Weights) -> None:
    cloud, box = choice(ScriptedLLM([GONE])), choice(ScriptedLLM("[Calm] Yes."))
    llm = replace(cloud, name="cloud", fallbacks=(replace(box, name="box"),))
    async with serving_engines(weights, {"llm": llm, "tts": choice(ScriptedTTS())}) as clients:
        await clients.http.post("/llm", json=ASKED)
        after = await told(clients.http)
    assert after["myna_engine_status{engine=cloud,kind=llm,status=ready}"].value == 1
    assert after["myna_engine_status{engine=cloud,kind=llm,status=failed}"].value == 0
    assert after["myna_engine_status{engine=scripted,kind=tts,status=ready}"].value == 1
    assert after["myna_engine_breaker{engine=cloud,state=open}"].value == 1
    assert after["myna_engine_breaker{engine=cloud,state=closed}"].value == 0
    assert after["myna_engine_breaker{engine=box,state=closed}"].value == 1
    assert after["myna_engine_failovers_total{engine=cloud}"].value == 1
    assert after["myna_engine_answers{engine=box}"].value == 1


async def test_devices_sessions_and_the_memory_of_gpus_are_told(weights: Weights) -> None:
    async with serving(OnGPU(), weights) as client:
        now = await told(client)
    assert now["myna_device_slots{device=cpu}"].value == 2
    assert now["myna_device_waiting{device=cpu}"].value == 0
    assert (now["myna_sessions"].value, now["myna_sessions_limit"].value) == (0, 200)
    memory = {name: now[f"myna_gpu_memory_{name}_bytes{{device=cuda:0,engine=scripted}}"].value for name in MEMORY}
    assert memory == {"total": 24, "free": 4, "used": 10, "reserved": 12, "peak": 11}


async def test_an_engine_that_does_not_tell_of_its_gpu_holds_up_nothing_else(weights: Weights) -> None:
    async with serving(Silent(), weights) as client:
        with anyio.fail_after(20):
            now = await told(client)
    assert not [name for name in now if name.startswith("myna_gpu_memory")]
    assert now["myna_engine_status{engine=scripted,kind=llm,status=ready}"].value == 1


async def test_a_live_session_counts_while_it_lasts(weights: Weights) -> None:
    async with serving_engines(weights, {}) as clients:
        url = str(clients.http.base_url).replace("http", "ws", 1)
        async with connect(f"{url}/v1/realtime") as line:
            await line.recv()
            assert (await told(clients.http))["myna_sessions"].value == 1
        with anyio.fail_after(20):
            while (await told(clients.http))["myna_sessions"].value:
                await anyio.sleep(0.01)


async def test_openmetrics_is_given_to_who_asks_for_it(weights: Weights) -> None:
    wanted = {"Accept": "application/openmetrics-text;version=1.0.0"}
    async with serving(ScriptedLLM(), weights) as client:
        answer = await client.get("/metrics", headers=wanted)
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert "# TYPE myna_turns counter\n" in answer.text
    assert answer.text.endswith("# EOF\n")


async def test_nothing_said_and_no_address_is_in_it(weights: Weights) -> None:
    llm = ScriptedLLM("[Calm] What the persona says.", [GONE])
    async with serving(llm, weights) as client:
        await client.post("/llm", json=ASKED)
        await client.post("/llm", json=ASKED)
        text = (await client.get("/metrics")).text
    for secret in ("says", "a-conversation", "10.0.0.5", "owner"):
        assert secret not in text


async def test_with_keys_it_needs_one(weights: Weights, tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    key, secret = keys.create("a-monitor")
    async with serving(ScriptedLLM(), weights, rules=Rules(keys)) as client:
        assert (await client.get("/metrics")).status_code == 401
        answer = await client.get("/metrics", headers={"Authorization": f"Bearer {secret}"})
    assert answer.status_code == 200
    assert not [each for each in (key.name, secret) if each in answer.text]


async def test_every_metric_is_in_both_twins_of_the_docs(weights: Weights) -> None:
    async with serving(OnGPU(), weights) as client:
        text = (await client.get("/metrics")).text
    named = {family.name for family in text_string_to_metric_families(text)}
    for twin in ("metrics.md", "metrics.zh-CN.md"):
        page = (DOCS / twin).read_text(encoding="utf-8")
        assert not [name for name in named if name.startswith("myna_") and f"`{name}" not in page], twin
