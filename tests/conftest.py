import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from myna.core.errors import UnknownName
from myna.weights.locate import Weights


class _Folder:
    def __init__(self, root: Path) -> None:
        self._files = {
            "qwen2.5-coder-0.5b-instruct": root / "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
            "whisper-base": root / "whisper-base",
            "kokoro-v1.0": root / "kokoro",
            "silero-vad": root / "silero_vad.onnx",
        }

    def locate(self, name: str) -> Path:
        if name in self._files:
            return self._files[name]
        if (path := Path(name)).exists():
            return path
        raise UnknownName(name)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def weights() -> Weights:
    return _Folder(Path(os.environ["MYNA_TEST_WEIGHTS"]))


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
