import os
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
