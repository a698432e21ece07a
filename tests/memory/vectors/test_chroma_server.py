import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import httpx
import pytest

from myna.core.errors import EngineRefused, EngineUnavailable
from myna.memory.vectors.base import MARK, Vectors
from myna.memory.vectors.chroma_server import open_chroma_server
from myna.testing.conformance.vectors import HERE, VectorsConformance, numbered, vectors_of

START_S = 60.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The URL of a Chroma server."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("chroma-server")
    program = Path(sys.executable).with_name("chroma")
    command = [program, "run", "--path", folder, "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"ANONYMIZED_TELEMETRY": "False"})
    try:
        until = time.monotonic() + START_S
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/api/v2/heartbeat", trust_env=False).raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < until
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


class TestChromaServer(VectorsConformance):
    @pytest.fixture
    async def vectors(self, anyio_backend: str, server: str) -> AsyncGenerator[Vectors]:
        async with open_chroma_server(server, "a-token") as vectors:
            await _empty(vectors)
            yield vectors


async def _empty(vectors: Vectors) -> None:
    for place in (*await vectors.places(), MARK):
        await vectors.clear(place)


@pytest.mark.anyio
async def test_a_server_that_is_not_there_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(EngineUnavailable, match="is out of reach") as told:
            async with open_chroma_server(url, ""):
                pass
    assert "chroma run" in told.value.hint


@pytest.mark.anyio
async def test_what_else_the_server_holds_is_left_alone(server: str) -> None:
    api = f"{server}/api/v2/tenants/default_tenant/databases/default_database/collections"
    async with httpx.AsyncClient(trust_env=False) as other:
        (await other.post(api, json={"name": "another-program", "get_or_create": True})).raise_for_status()
        async with open_chroma_server(server, "") as vectors:
            await vectors.begin(vectors_of(1)[0])
            assert await vectors.places() == []
        (await other.get(f"{api}/another-program")).raise_for_status()


@pytest.mark.anyio
async def test_when_another_process_began_anew_it_is_told_once_and_then_goes_on(server: str) -> None:
    made = vectors_of(2)
    async with open_chroma_server(server, "") as one, open_chroma_server(server, "") as another:
        for vectors in (one, another):
            await vectors.begin(made[0])
            await vectors.upsert(HERE, numbered(made))
        with pytest.raises(EngineRefused):
            await one.query(HERE, made[0], 9)
        assert len(await one.query(HERE, made[0], 9)) == 2


@pytest.mark.anyio
async def test_a_server_that_is_no_chroma_is_told(server: str) -> None:
    with pytest.raises(EngineRefused, match="answered with status 404"):
        async with open_chroma_server(f"{server}/elsewhere", "") as vectors:
            await vectors.places()
