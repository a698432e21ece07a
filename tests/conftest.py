import os
import signal
import sys
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.store.postgres import Postgres, run_postgres

from myna.config.load import load_settings
from myna.weights.catalog import load_catalog
from myna.weights.locate import Weights
from myna.weights.store import WeightsStore

_DATA = pytest.StashKey["TemporaryDirectory[str]"]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep tests, and the processes that they start, away from the user's conversations.

    And let SIGINT reach those processes: a shell's background jobs, CI's too, come with it ignored.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[_DATA] = data = TemporaryDirectory(prefix="myna-tests-", ignore_cleanup_errors=True)
    os.environ["XDG_DATA_HOME"] = data.name


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[_DATA].cleanup()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def weights() -> Weights:
    """The starter weights, where ``myna models pull starter`` puts them."""
    return WeightsStore(load_settings().folders.cache / "weights", load_catalog())


@pytest.fixture(scope="session")
def postgres() -> Generator[Postgres]:
    with run_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new, empty database of either kind: the path of an SQLite file, or the URL of one in PostgreSQL."""
    if request.param == "sqlite":
        return str(tmp_path / "myna.db")
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def install(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Install a package of one module, as pip would: ``install("ow", source, {"myna.tts": "ow = ow:plugin"})``."""

    def install_(name: str, source: str, entry_points: Mapping[str, str]) -> Path:
        site = tmp_path_factory.mktemp(name)
        (site / f"{name}.py").write_text(source, encoding="utf-8")
        metadata = site / f"{name}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
        groups = "".join(f"[{group}]\n{lines}\n" for group, lines in entry_points.items())
        (metadata / "entry_points.txt").write_text(groups, encoding="utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.syspath_prepend(site)  # pyright: ignore[reportUnknownMemberType] - pytest leaves it untyped
        return site

    return install_
