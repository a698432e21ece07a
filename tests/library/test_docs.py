"""The programs of ``docs/library.md`` run as they stand there, with the starter models."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.models

DOCS = Path(__file__).parents[2] / "docs"
SERVED = "server = myna.serve(agent, port=23333, block=False)  # the web app, with this agent or a bare LLM\n"
WAITS = "server.wait()  # server.url, server.stop()\n"


def _programs(page: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def _run(program: str, folder: Path) -> str:
    file = folder / "program.py"
    file.write_text(program, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, str(file)],
        cwd=folder,
        env={**os.environ, "MYNA_LLM__TEMPERATURE": "0"},  # so that it says today what it said yesterday
        capture_output=True,
        text=True,
        input="y\ny\n",
        timeout=400,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stdout


def test_the_pages_have_the_same_programs() -> None:
    assert _programs("library.zh-CN.md") == _programs("library.md")
    assert _programs("library.md")[0].endswith(SERVED + WAITS)


def test_the_program_of_the_specification_runs_and_serves(tmp_path: Path) -> None:
    """All of it, word for word; somebody asks the server, and stops it, since it would wait for ever."""
    asker = """
import json, threading, urllib.request

def ask():
    body = {"model": "myna", "messages": [{"role": "user", "content": "What is the weather in Tokyo?"}]}
    asked = urllib.request.Request(
        "http://127.0.0.1:23333/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    open_url = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    try:
        while True:
            try:
                answer = json.load(open_url(asked, timeout=120))
                break
            except ConnectionError:
                threading.Event().wait(0.1)
            except urllib.error.URLError:
                threading.Event().wait(0.1)
        print("\\nSERVED", answer["choices"][0]["message"]["content"])
    finally:
        server.stop()

threading.Thread(target=ask, daemon=True).start()
"""
    said = _run(_programs("library.md")[0].replace(SERVED + WAITS, asker + SERVED + WAITS), tmp_path)
    in_program, _, served = said.partition("SERVED")
    assert "22" in in_program
    assert served.strip()
    assert "<tool_call>" not in said


def test_all_other_programs_run(tmp_path: Path) -> None:
    first, *others = _programs("library.md")
    _run("".join((first.replace(SERVED + WAITS, ""), *others)), tmp_path)
    assert (tmp_path / "hello.wav").stat().st_size > 10_000
