from collections.abc import Generator
from pathlib import Path

import pytest
from tests.store.postgres import Postgres, run_postgres


@pytest.fixture(scope="session")
def postgres() -> Generator[Postgres]:
    with run_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new database of either kind."""
    if request.param == "sqlite":
        return str(tmp_path / "myna.db")
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()
