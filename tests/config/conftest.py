from collections.abc import Mapping
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from myna.config.load import Loaded, load_settings
from myna.core.errors import BadConfig


class Machine:
    """A user's machine: a working folder, an environment and a home of its own."""

    def __init__(self, root: Path) -> None:
        self.cwd = root / "work"
        self.config = platformdirs.user_config_path("myna", appauthor=False)
        self.cwd.mkdir()
        self.environ: dict[str, str] = {}

    def toml(self, text: str) -> None:
        (self.cwd / "myna.toml").write_text(text, encoding="utf-8")

    def dotenv(self, text: str) -> None:
        (self.cwd / ".env").write_text(text, encoding="utf-8")

    def load(self, overrides: Mapping[str, Any] | None = None) -> Loaded:
        return load_settings(overrides, cwd=self.cwd, environ=self.environ)

    def fail(self, overrides: Mapping[str, Any] | None = None) -> str:
        """The message of the error that loading ends with."""
        with pytest.raises(BadConfig) as raised:
            self.load(overrides)
        return raised.value.message

    def value(self, key: str) -> Any:
        return next(each.value for each in self.load().provenance() if each.key == key)

    def origin(self, key: str) -> str:
        return next(str(each.origin) for each in self.load().provenance() if each.key == key)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("DATA", "CACHE", "CONFIG"):
        monkeypatch.delenv(f"XDG_{name}_HOME", raising=False)
    return Machine(tmp_path)
