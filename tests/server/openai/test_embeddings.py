import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from tests.server.serving import Clients, choice, serving_engines, until

from myna.config.settings import Settings
from myna.core.errors import EngineUnavailable
from myna.testing.embed import ScriptedEmbedder
from myna.testing.llm import HANG
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def embedding(
    weights: Weights, embedder: ScriptedEmbedder, settings: Settings | None = None
) -> AsyncGenerator[Clients]:
    async with serving_engines(weights, {"embed": choice(embedder)}, settings) as clients:
        yield clients


async def test_the_sdk_gets_a_vector_for_each_text_in_order(weights: Weights) -> None:
    embedder = ScriptedEmbedder()
    async with embedding(weights, embedder) as clients:
        answer = await clients.ask(
            lambda sdk: sdk.embeddings.create(model="text-embedding-3-small", input=["good morning", "good night"])
        )
    vectors = np.array([each.embedding for each in answer.data], np.float32)
    assert vectors == pytest.approx(await embedder.embed(["good morning", "good night"], "passage"), abs=1e-6)
    assert [each.index for each in answer.data] == [0, 1]
    assert answer.usage.prompt_tokens == answer.usage.total_tokens > 0
    assert answer.model == "scripted"


async def test_as_numbers_or_as_base64_it_is_the_same_vector(weights: Weights) -> None:
    async with embedding(weights, ScriptedEmbedder()) as clients:
        numbers, coded = [
            (await clients.http.post("/v1/embeddings", json={"input": "good morning", "encoding_format": each})).json()
            for each in ("float", "base64")
        ]
    decoded = np.frombuffer(base64.b64decode(coded["data"][0]["embedding"]), "<f4")
    assert decoded == pytest.approx(np.array(numbers["data"][0]["embedding"], np.float32))


async def test_texts_are_passages_unless_they_are_called_queries(weights: Weights) -> None:
    embedder = ScriptedEmbedder()
    async with embedding(weights, embedder) as clients:
        for more in ({}, {"input_type": "passage"}, {"input_type": "query"}):
            await clients.http.post("/v1/embeddings", json={"input": "good morning", **more})
    assert [call.kind for call in embedder.calls] == ["passage", "passage", "query"]


async def test_its_own_number_of_dimensions_may_be_asked_for_and_no_other(weights: Weights) -> None:
    async with embedding(weights, ScriptedEmbedder(dimensions=8)) as clients:
        answer = await clients.ask(lambda sdk: sdk.embeddings.create(model="myna", input="hello", dimensions=8))
        assert len(answer.data[0].embedding) == 8
        with pytest.raises(openai.BadRequestError, match="have 8 dimensions and cannot be cut to 4") as refused:
            await clients.ask(lambda sdk: sdk.embeddings.create(model="myna", input="hello", dimensions=4))
    assert refused.value.param == "dimensions"


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"input": None}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["hello", ""]}, "input[1]"),
        ({"input": [1, 2, 3]}, "input"),
        ({"input": [[1, 2], [3]]}, "input"),
        ({"input": 7}, "input"),
        ({"input": {"text": "hello"}}, "input"),
        ({"input": [{"text": "hello"}] * 60_000}, "input"),
        ({"input": ["hello"] * 2049}, "input"),
        ({"input": "a" * 100_001}, "input"),
        ({"input": ["a" * 100_000] * 6}, "input"),
        ({"input": "hello", "dimensions": 0}, "dimensions"),
        ({"input": "hello", "dimensions": "many"}, "dimensions"),
        ({"input": "hello", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "hello", "input_type": "riddle"}, "input_type"),
        ({"input": "hello", "model": "m" * 5000}, "model"),
    ],
)
async def test_a_bad_field_is_named(weights: Weights, wrong: dict[str, Any], param: str) -> None:
    embedder = ScriptedEmbedder()
    async with embedding(weights, embedder) as clients:
        answer = await clients.http.post("/v1/embeddings", json=wrong)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param
    assert len(answer.content) < 5000
    assert embedder.calls == []


async def test_a_lone_surrogate_is_no_text(weights: Weights) -> None:
    async with embedding(weights, ScriptedEmbedder()) as clients:
        answer = await clients.http.post(
            "/v1/embeddings", content=b'{"input":"\\ud800"}', headers={"Content-Type": "application/json"}
        )
    assert answer.status_code == 400


async def test_a_failure_has_a_status(weights: Weights) -> None:
    async with embedding(weights, ScriptedEmbedder([EngineUnavailable("Gone.")])) as clients:
        answer = await clients.http.post("/v1/embeddings", json={"input": "hello"})
    assert (answer.status_code, answer.json()["error"]["message"]) == (503, "Gone.")


async def test_who_sends_tokens_learns_how_to_send_texts(weights: Weights) -> None:
    async with embedding(weights, ScriptedEmbedder()) as clients:
        answer = await clients.http.post("/v1/embeddings", json={"input": [[1, 2], [3]]})
    assert "check_embedding_ctx_length=False" in answer.json()["error"]["message"]


async def test_where_there_is_no_embedder_that_is_said(weights: Weights) -> None:
    async with serving_engines(weights, {}) as clients:
        answer = await clients.http.post("/v1/embeddings", json={"input": "hello"})
    assert answer.status_code == 503
    assert "No embed engine" in answer.json()["error"]["message"]


async def test_a_client_that_goes_away_stops_the_work(weights: Weights) -> None:
    embedder = ScriptedEmbedder([HANG], [])
    async with embedding(weights, embedder) as clients:
        with pytest.raises(httpx.ReadTimeout):
            await clients.http.post("/v1/embeddings", json={"input": "hello"}, timeout=1)
        await until(lambda: len(embedder.calls) == 1)
        assert (await clients.http.post("/v1/embeddings", json={"input": "hello"})).status_code == 200


async def test_strict_models_refuse_others(weights: Weights) -> None:
    settings = Settings.model_validate({"server": {"strict_models": True}})
    async with embedding(weights, ScriptedEmbedder(), settings) as clients:
        told = [
            (await clients.http.post("/v1/embeddings", json={"input": "hello", "model": model})).status_code
            for model in ("myna", "text-embedding-3-small")
        ]
    assert told == [200, 404]
