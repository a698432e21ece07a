import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.weights.models import Told
from tests.weights.sites import Site, site

from myna.weights.options import WeightsOptions


@pytest.fixture
def hub() -> Iterator[Site]:
    with site() as it:
        yield it


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A package index on loopback, which pip and npm of this test use and no other."""
    for name in os.environ:
        if name.startswith(("PIP_", "NPM_CONFIG_", "npm_config_")):
            monkeypatch.delenv(name)
    settings = tmp_path_factory.mktemp("settings")
    with site() as it:
        monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
        monkeypatch.setenv("PIP_INDEX_URL", f"{it.url}/simple")
        monkeypatch.setenv("npm_config_registry", it.url)
        monkeypatch.setenv("npm_config_userconfig", str(settings / "user"))
        monkeypatch.setenv("npm_config_globalconfig", str(settings / "global"))
        yield it


@pytest.fixture
def options(hub: Site) -> WeightsOptions:
    return WeightsOptions(hf_endpoint=hub.url, modelscope_endpoint=hub.url)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "weights"


def lying_about(root: Path) -> list[str]:
    """Every file below the weights folder, locks left out."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.suffix != ".lock")
