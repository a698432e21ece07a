"""``myna mcp`` as agents start it: the SDK's client, and the real models."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.types import AudioContent, CallToolResult

from myna.weights.locate import Weights

MYNA = str(Path(sys.executable).with_name("myna"))
PATIENT = {f"MYNA_SESSION__{name}_TIMEOUT_S": "300" for name in ("GENERATION", "FIRST_TOKEN", "IDLE", "HEAR", "SPEAK")}
PATIENCE_S = 240.0


def environ(folder: Path, **more: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MYNA_")}
    return {**ours, "MYNA_HOME": str(folder), **PATIENT, **more}


@pytest.fixture
def home(tmp_path: Path, weights: Weights) -> Path:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "weights").symlink_to(weights.locate("silero-vad").parents[1])
    return tmp_path


async def call(connected: Client, name: str, /, **arguments: Any) -> CallToolResult:
    with anyio.fail_after(PATIENCE_S):
        result = await connected.call_tool(name, arguments)
    assert not result.is_error, result
    return result


def test_a_setting_that_is_wrong_is_told_and_standard_output_stays_empty(tmp_path: Path):
    (tmp_path / "myna.toml").write_text("[mcp.files]\nurl = 'nowhere'\n")
    ended = subprocess.run(
        [MYNA, "mcp"], cwd=tmp_path, env=environ(tmp_path), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert "mcp.files.url in myna.toml (line 2)" in ended.stderr
    assert not ended.stdout


def test_others_reach_it_only_with_a_key(tmp_path: Path):
    command = [MYNA, "mcp", "--http", "--host", "0.0.0.0", "--port", "0"]
    ended = subprocess.run(
        command, cwd=tmp_path, env=environ(tmp_path), capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert "myna key create" in ended.stderr


@pytest.mark.models
@pytest.mark.anyio
async def test_an_agent_asks_speaks_and_hears_over_standard_input(home: Path):
    (home / "myna.toml").write_text(f"[mcp.myself]\ncommand = {json.dumps(MYNA)}\nargs = ['mcp']\n")
    started = StdioServerParameters(
        command=MYNA, args=["mcp", "--set", "llm.temperature=0"], env=environ(home), cwd=home
    )
    with (home / "stderr").open("w+") as errors:
        async with Client(stdio_client(started, errlog=errors)) as connected:
            answer = (await call(connected, "ask", text="What is the capital of France?")).structured_content
            assert "Paris" in answer["reply"]
            audio, _ = (await call(connected, "speak", text="The weather is nice today.")).content
            assert isinstance(audio, AudioContent)
            heard = (await call(connected, "hear", audio=audio.data)).structured_content
            assert "weather is nice" in heard["text"]


@pytest.mark.models
def test_standard_output_carries_the_protocol_alone_and_the_end_of_input_ends_it(home: Path):
    process = subprocess.Popen(
        [MYNA, "mcp"],
        cwd=home,
        env=environ(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "old", "version": "0"}}
    for message in (
        {"id": 1, "method": "initialize", "params": hello},
        {"method": "notifications/initialized"},
        {"id": 2, "method": "tools/call", "params": {"name": "ask", "arguments": {"text": "Hello"}}},
    ):
        process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    process.stdin.flush()
    lines = [json.loads(process.stdout.readline()) for _ in range(2)]
    assert [line["id"] for line in lines] == [1, 2]
    assert lines[1]["result"]["structuredContent"]["reply"]
    rest, _ = process.communicate(timeout=60)
    assert not rest
    assert process.returncode == 0


@pytest.mark.models
def test_a_signal_ends_it_and_its_engines(home: Path):
    process = subprocess.Popen(
        [MYNA, "mcp"],
        cwd=home,
        env=environ(home),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + PATIENCE_S
    while not (found := children.read_text().split()):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 128 + signal.SIGTERM
    assert not any(Path(f"/proc/{child}").exists() for child in found)
    process.communicate()


@contextmanager
def serving(home: Path) -> Generator[str]:
    log = home / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [MYNA, "mcp", "--http", "--port", "0"], cwd=home, env=environ(home), stdout=out, stderr=out
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not (url := re.search(r"http://[\w.:]+/mcp", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield url[0]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()


@pytest.mark.models
@pytest.mark.anyio
async def test_an_agent_asks_at_a_url(home: Path):
    with serving(home) as url:
        async with Client(url) as connected:
            assert (await call(connected, "ask", text="Hello")).structured_content["reply"]
            tools = {tool.name: tool for tool in (await connected.list_tools()).tools}
            assert "file" not in tools["hear"].input_schema["properties"]
