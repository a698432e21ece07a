import json
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import anyio
import pytest
from pydantic import SecretStr, ValidationError

from myna.core.errors import Busy, EngineRefused, EngineTimeout, EngineUnavailable, MynaError
from myna.engines.base import Embedder, Resources
from myna.engines.embed.openai_embed import OpenAIEmbedOptions, plugin
from myna.engines.scheduler import open_scheduler
from myna.testing.conformance.embed import EmbedderConformance, embed
from myna.testing.embed import ScriptedEmbedder
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

Respond = Callable[[dict[str, Any]], tuple[int, object]]


def vectors(body: dict[str, Any]) -> tuple[int, object]:
    """As a server does; the last first, since the index tells."""
    made = anyio.run(ScriptedEmbedder().embed, body["input"], "query")
    data = [{"index": place, "embedding": (3 * vector).tolist()} for place, vector in enumerate(made)]
    return 200, {"object": "list", "data": data[::-1]}


@contextmanager
def serving(respond: Respond = vectors) -> Generator[tuple[str, list[tuple[str | None, dict[str, Any]]]]]:
    """A server on loopback, and what it was asked: the key and the body."""
    asked: list[tuple[str | None, dict[str, Any]]] = []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.headers["Authorization"], body))
            status, answer = respond(body) if self.path == "/v1/embeddings" else (404, b"")
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the standard library has it
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


async def opened(options: OpenAIEmbedOptions, weights: Weights) -> AsyncGenerator[Embedder]:
    async with open_scheduler({"cpu": 1}) as scheduler, plugin.open(options, Resources(weights, scheduler)) as embedder:
        yield embedder


class TestOpenAIEmbedder(EmbedderConformance):
    @pytest.fixture(scope="class")
    async def embedder(self, anyio_backend: str, weights: Weights) -> AsyncGenerator[Embedder]:
        with serving() as (url, _):
            async for embedder in opened(OpenAIEmbedOptions(base_url=url), weights):
                yield embedder


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
async def test_key_model_and_prefixes_are_sent(weights: Weights, suffix: str) -> None:
    with serving() as (url, asked):
        options = OpenAIEmbedOptions(
            base_url=url + suffix,
            model="e5",
            api_key=SecretStr("a key"),
            query_prefix="query: ",
            passage_prefix="passage: ",
        )
        async for embedder in opened(options, weights):
            assert embedder.dimensions == 384
            await embed(embedder, ["good morning"], "query")
            await embed(embedder, ["good evening", ""], "passage")
    assert {key for key, _ in asked} == {"Bearer a key"}
    assert {body["model"] for _, body in asked} == {"e5"}
    assert [body["input"] for _, body in asked[1:]] == [
        ["query: good morning"],
        ["passage: good evening", "passage: ."],
    ]


async def test_many_texts_go_in_several_requests(weights: Weights) -> None:
    with serving() as (url, asked):
        async for embedder in opened(OpenAIEmbedOptions(base_url=url), weights):
            await embed(embedder, [f"text {number}" for number in range(100)], "passage")
    assert max(len(body["input"]) for _, body in asked) <= 32


@pytest.mark.parametrize(
    ("status", "answer", "expected"),
    [
        (401, {"error": "no"}, EngineRefused),
        (404, b"", EngineRefused),
        (429, b"full", Busy),
        (500, b"\xff", EngineRefused),
        (503, b"", EngineUnavailable),
        (200, b"<html>", EngineRefused),
        (200, {"data": []}, EngineRefused),
        (200, {"data": [{"index": 0, "embedding": [0, 0]}]}, EngineRefused),
        (200, {"data": [{"index": 0, "embedding": ["a", "b"]}]}, EngineRefused),
        (200, {"data": [{"index": 0, "embedding": [1, 2]}, {"index": 1, "embedding": [1, 2, 3]}]}, EngineRefused),
        (200, b'{"data": [{"index": 0, "embedding": [1e999, 2]}]}', EngineRefused),
    ],
)
async def test_what_is_no_vectors_is_told(
    weights: Weights, status: int, answer: object, expected: type[MynaError]
) -> None:
    with serving(lambda _: (status, answer)) as (url, _), pytest.raises(expected) as told:
        async for _ in opened(OpenAIEmbedOptions(base_url=url), weights):
            pass
    assert url in told.value.message
    assert told.value.hint


async def test_a_server_that_is_silent_or_gone_is_told(weights: Weights) -> None:
    done = threading.Event()

    def hang(_: dict[str, Any]) -> tuple[int, object]:
        done.wait(30)
        return 200, {}

    with serving(hang) as (url, _):
        with pytest.raises(EngineTimeout):
            async for _ in opened(OpenAIEmbedOptions(base_url=url, timeout_s=0.2), weights):
                pass
        done.set()
    with pytest.raises(EngineUnavailable, match="out of reach"):
        async for _ in opened(OpenAIEmbedOptions(base_url=url), weights):
            pass


async def test_a_model_of_other_dimensions_that_comes_later_is_told(weights: Weights) -> None:
    sizes = iter([4, 5])

    def respond(body: dict[str, Any]) -> tuple[int, object]:
        return 200, {"data": [{"index": 0, "embedding": [1.0] * next(sizes)}]}

    with serving(respond) as (url, _):
        async for embedder in opened(OpenAIEmbedOptions(base_url=url), weights):
            with pytest.raises(EngineRefused, match="5 dimensions, and of 4 before"):
                await embedder.embed(["good morning"], "query")


@pytest.mark.parametrize("url", ["", "ftp://host", "http://", "localhost:8080"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        OpenAIEmbedOptions(base_url=url)
