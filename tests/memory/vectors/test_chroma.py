import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import pytest

from myna.core.errors import EngineUnavailable
from myna.memory.vectors.base import Vectors
from myna.memory.vectors.chroma import open_chroma
from myna.testing.conformance.vectors import HERE, VectorsConformance, numbered, vectors_of

OPEN_IT = """
import sys
from pathlib import Path

reached = []
sys.addaudithook(lambda event, about: reached.append(about[1]) if event == "socket.connect" else None)

import anyio
from myna.memory.vectors.chroma import open_chroma
from myna.testing.conformance.vectors import HERE, numbered, vectors_of

async def main():
    async with open_chroma(Path(sys.argv[1])) as vectors:
        await vectors.begin(vectors_of(1)[0])
        await vectors.upsert(HERE, numbered(vectors_of(3)))
        assert len(await vectors.query(HERE, vectors_of(1)[0], 9)) == 3

anyio.run(main)
from opentelemetry import trace
assert type(trace.get_tracer_provider()).__name__ == "ProxyTracerProvider", trace.get_tracer_provider()
assert not reached, reached
"""


class TestChromaInAFolder(VectorsConformance):
    @pytest.fixture
    async def vectors(self, anyio_backend: str, tmp_path: Path) -> AsyncGenerator[Vectors]:
        async with open_chroma(tmp_path) as vectors:
            yield vectors


@pytest.mark.anyio
async def test_what_was_written_is_there_after_opening_it_again(tmp_path: Path) -> None:
    made = vectors_of(5)
    for again in (False, True):
        async with open_chroma(tmp_path) as vectors:
            if not again:
                await vectors.begin(made[0])
                await vectors.upsert(HERE, numbered(made, version=3))
            assert await vectors.made_with() == pytest.approx(made[0], abs=1e-6)
            assert set((await vectors.held(HERE)).values()) == {3}
            assert len(await vectors.query(HERE, made[0], 9)) == 5


@pytest.mark.anyio
async def test_one_process_at_a_time_has_the_folder(tmp_path: Path) -> None:
    async with open_chroma(tmp_path):
        with pytest.raises(EngineUnavailable, match="Another process has the vectors") as told:
            async with open_chroma(tmp_path):
                pass
        assert "Chroma server" in told.value.hint
    async with open_chroma(tmp_path):
        pass


def _garble(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            file.write_bytes(b"nonsense" * 100)


def _garble_the_database(folder: Path) -> None:
    (folder / "chroma.sqlite3").write_bytes(b"nonsense" * 100)


def _cut_the_database(folder: Path) -> None:
    content = (folder / "chroma.sqlite3").read_bytes()
    (folder / "chroma.sqlite3").write_bytes(content[: len(content) // 2])


def _make_it_a_file(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.write_text("a file")


@pytest.mark.anyio
@pytest.mark.parametrize("damage", [shutil.rmtree, _garble, _garble_the_database, _cut_the_database, _make_it_a_file])
async def test_a_folder_that_is_gone_or_damaged_is_made_anew(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    made = vectors_of(5)
    async with open_chroma(tmp_path) as vectors:
        await vectors.begin(made[0])
        await vectors.upsert(HERE, numbered(made))
    damage(tmp_path / "chroma")
    async with open_chroma(tmp_path) as vectors:
        assert await vectors.made_with() is None
        await vectors.begin(made[0])
        await vectors.upsert(HERE, numbered(made))
        assert len(await vectors.query(HERE, made[0], 9)) == 5


@pytest.mark.anyio
async def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file")
    with pytest.raises(EngineUnavailable, match="cannot be written"):
        async with open_chroma(tmp_path / "file"):
            pass


def test_nothing_phones_home_whatever_the_environment_says(tmp_path: Path) -> None:
    """Neither usage data nor traces, also where the environment or an ``.env`` would have Chroma export them."""
    home, data = tmp_path / "home", tmp_path / "data"
    home.mkdir()
    (home / ".env").write_text("CHROMA_OTEL_GRANULARITY=all\nANONYMIZED_TELEMETRY=True\nMYNA_LLM__MODEL=x\n")
    environ = os.environ | {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / "cache"),
        "ANONYMIZED_TELEMETRY": "True",
        "CHROMA_OTEL_COLLECTION_ENDPOINT": "http://127.0.0.1:9",
        "CHROMA_OTEL_GRANULARITY": "all",
    }
    command = [sys.executable, "-W", "error", "-c", OPEN_IT, str(data)]
    subprocess.run(command, cwd=home, env=environ, check=True, timeout=120)
    assert [path.name for path in home.rglob("*")] == [".env"]
