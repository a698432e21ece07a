"""The examples of docs/http.md, docs/asr-websocket.md and docs/realtime.md, as written."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.end_to_end.processes import Home, Server

DOCS = Path(__file__).parents[2] / "docs"
PAGES = [(DOCS / name).read_text(encoding="utf-8") for name in ("http.md", "asr-websocket.md", "realtime.md")]
RUN = {"python": [sys.executable, "-W", "error", "-c"], "sh": ["bash", "-euo", "pipefail", "-c"]}


@pytest.mark.models
@pytest.mark.parametrize(
    ("language", "example"), re.findall(r"^```(python|sh)\n(.*?)^```", "".join(PAGES), re.DOTALL | re.MULTILINE)
)
def test_the_examples_work_as_written(home: Home, server: Server, language: str, example: str) -> None:
    script = example.replace("127.0.0.1:8765", server.url.removeprefix("http://"))
    ended = subprocess.run(
        [*RUN[language], script],
        cwd=home.folder,
        env=home.environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, f"{script}\n{ended.stdout}\n{ended.stderr}"
    assert ended.stdout.strip(), script
