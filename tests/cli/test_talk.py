import io
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import miniaudio
import pytest
from rich.console import Console
from tests.server.serving import NoOptions, choice
from typer.testing import CliRunner

from myna.cli import main, talk, tool_lines
from myna.config.settings import Settings
from myna.core.errors import BadInput, DeviceUnavailable, EngineUnavailable
from myna.core.events import (
    EmotionChanged,
    Event,
    Failed,
    Interrupted,
    ReplyText,
    SpeechStarted,
    ToolEnded,
    ToolStarted,
    TranscriptFinal,
    TranscriptPartial,
    TurnEnded,
)
from myna.core.ids import MessageId, TurnId
from myna.core.tools import ToolCall, ToolResult
from myna.engines.base import Resources
from myna.engines.opening import Choice, open_engines
from myna.engines.plugins import Kind
from myna.engines.scheduler import open_scheduler
from myna.local import devices
from myna.personas.load import Personas
from myna.server.service import Service
from myna.session.session import Session
from myna.store.in_memory import InMemoryStore
from myna.testing.asr import ScriptedASR
from myna.testing.llm import ScriptedLLM
from myna.testing.tts import ScriptedTTS
from myna.testing.vad import ScriptedVAD
from myna.tools.toolbox import open_toolbox
from myna.weights.catalog import load_catalog
from myna.weights.locate import Weights
from myna.weights.store import WeightsStore

HEARD, REPLY, SAID = TurnId("turn_a"), TurnId("turn_b"), MessageId("msg_a")

TURN: Sequence[Event] = (
    SpeechStarted(HEARD, SAID, 0),
    TranscriptPartial(HEARD, SAID, "讲个", 0, "zh"),
    TranscriptPartial(HEARD, SAID, "讲个故事", 2, "zh"),
    TranscriptFinal(HEARD, "讲个故事。", "zh"),
    EmotionChanged(HEARD, "平静"),
    ReplyText(HEARD, "从前"),
    ReplyText(HEARD, "有座山，"),
    EmotionChanged(HEARD, "开心"),
    ReplyText(HEARD, "真高！"),
    Interrupted(HEARD, "从前有座山", 900),
    TurnEnded(HEARD, "interrupted", None),
)

PLAY_INTO_NOTHING = """
import sys
import miniaudio
from myna.cli import main
from myna.local import devices
devices.BACKENDS = [miniaudio.Backend.NULL]
sys.argv = ["myna", "talk", "--persona", "wukong"]
main.main()
"""


def shown(monkeypatch: pytest.MonkeyPatch, events: Sequence[Event], width: int = 80) -> str:
    """What is written to a terminal."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=True, width=width, color_system=None)
    monkeypatch.setattr(talk, "notes", console)
    monkeypatch.setattr(tool_lines, "notes", console)
    monkeypatch.setattr(talk.typer, "echo", lambda text="", nl=True: written.write(text + "\n" * nl))
    screen = talk.Screen("🐦 小八")
    for event in events:
        screen.show(event)
    return written.getvalue()


def lines(written: str) -> list[str]:
    """What stays on a terminal's lines."""
    return [line.rsplit("\x1b[2K", 1)[-1].split("\r")[-1] for line in written.split("\n")]


def test_partial_transcripts_are_replaced_by_what_was_said_and_the_reply_follows(monkeypatch: pytest.MonkeyPatch):
    written = shown(monkeypatch, TURN)
    assert "You: 讲个 …" in written
    assert "You: 讲个故事 …" in written
    assert lines(written) == [
        "You: 讲个故事。",
        "🐦 小八 (平静): 从前有座山，",
        "🐦 小八 (开心): 真高！ …",
        "",
    ]


def test_a_tool_is_shown_between_what_is_said_before_and_after_it(monkeypatch: pytest.MonkeyPatch):
    call = ToolCall("call_1", "clock", '{"city": "东京"}')
    written = shown(
        monkeypatch,
        [
            TranscriptPartial(HEARD, SAID, "几点", 0, "zh"),
            ToolStarted(REPLY, SAID, call),
            EmotionChanged(REPLY, "平静"),
            ReplyText(REPLY, "我看看。"),
            ToolEnded(REPLY, "call_1", "clock", ToolResult("18:05"), 1500.0),
            ReplyText(REPLY, "六点。"),
            TurnEnded(REPLY, "completed", None),
        ],
    )
    assert lines(written) == [
        '⚙ clock(city="东京")',
        "🐦 小八 (平静): 我看看。",
        "  clock → 18:05 (1.5 s)",
        "六点。",
        "",
    ]


def test_a_partial_transcript_never_takes_more_than_a_line(monkeypatch: pytest.MonkeyPatch):
    events = [TranscriptPartial(HEARD, SAID, "说" * n, 0, "zh") for n in range(1, 60)]
    written = shown(monkeypatch, events, width=40)
    assert "\n" not in written
    assert lines(written)[0].endswith("说说 …")


def test_a_cough_leaves_nothing_on_the_screen(monkeypatch: pytest.MonkeyPatch):
    events = (SpeechStarted(HEARD, SAID, 0), TranscriptFinal(HEARD, "", None), TurnEnded(HEARD, "silent", None))
    assert lines(shown(monkeypatch, events)) == [""]


def test_a_warning_stands_on_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch):
    written = io.StringIO()
    monkeypatch.setattr(talk, "notes", Console(file=written, force_terminal=True, width=80, color_system=None))
    monkeypatch.setattr(talk.typer, "echo", lambda text="", nl=True: written.write(text + "\n" * nl))
    screen = talk.Screen("小八")
    screen.show(EmotionChanged(REPLY, "平静"))
    screen.warn("Nothing comes from the microphone.")
    assert lines(written.getvalue()) == ["小八 (平静): ", "Nothing comes from the microphone.", ""]


def test_where_there_is_no_terminal_results_go_to_standard_output_and_partials_nowhere(
    capsys: pytest.CaptureFixture[str],
):
    screen = talk.Screen("小八")
    for event in (*TURN, Failed(REPLY, "engine_timeout", "The LLM did not answer.", "Try again.")):
        screen.show(event)
    told = capsys.readouterr()
    assert told.out == "讲个故事。\n从前有座山，\n真高！\n"
    assert "讲个 …" not in told.err
    assert "The LLM did not answer." in told.err
    assert "Try again." in told.err


def test_the_devices_are_listed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devices, "BACKENDS", [miniaudio.Backend.NULL])
    listed = CliRunner().invoke(main.app, ["talk", "--list-devices"], catch_exceptions=False)
    assert listed.stdout.splitlines() == ["microphone   NULL Capture Device", "loudspeaker  NULL Playback Device"]


def test_what_is_wrong_with_the_devices_is_told_before_any_model_is_loaded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devices, "BACKENDS", [miniaudio.Backend.CUSTOM])
    with pytest.raises(DeviceUnavailable, match="no sound system"):
        CliRunner().invoke(main.app, ["talk", "--url", "ws://127.0.0.1:1"], catch_exceptions=False)


def test_a_wrong_address_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(devices, "BACKENDS", [miniaudio.Backend.NULL])
    with pytest.raises(BadInput, match="no address"):
        CliRunner().invoke(main.app, ["talk", "--url", "ftp://there"], catch_exceptions=False)


class BrokenDetector:
    """The plugin of a turn detector that does not load."""

    options_model = NoOptions

    def weights(self, options: NoOptions) -> Sequence[str]:
        return ()

    @asynccontextmanager
    async def open(self, options: NoOptions, resources: Resources) -> AsyncGenerator[object]:
        raise EngineUnavailable("The detector is gone.")
        yield


class ScriptedService:
    """Prepared, with engines that say what they are told to and a turn detector that does not load."""

    @asynccontextmanager
    async def open(self, *, keeps: bool) -> AsyncGenerator[Service]:
        assert keeps  # what is said at home is kept
        choices: dict[Kind, Choice] = {
            "llm": choice(ScriptedLLM()),
            "asr": choice(ScriptedASR()),
            "tts": choice(ScriptedTTS()),
            "vad": choice(ScriptedVAD()),
            "turn": Choice("broken", BrokenDetector(), NoOptions()),
        }
        async with (
            open_scheduler({"cpu": 2}) as scheduler,
            open_engines(choices, Resources(WeightsStore(Path(), load_catalog()), scheduler)) as engines,
            open_toolbox() as toolbox,
        ):
            yield Service(Settings(), engines, InMemoryStore(), Personas(None), scheduler, toolbox)


def test_without_a_turn_detector_the_talk_goes_on(monkeypatch: pytest.MonkeyPatch):
    def scripted(flags: object, kinds: object) -> ScriptedService:
        return ScriptedService()

    async def greet(session: Session, device: object, show: object, warn: object, *, remove_echo: bool) -> None:
        async for event in session:
            if isinstance(event, ReplyText):
                talk.typer.echo(f"greeted: {event.text}")
                return

    monkeypatch.setattr(devices, "BACKENDS", [miniaudio.Backend.NULL])
    monkeypatch.setattr(talk, "prepare", scripted)
    monkeypatch.setattr(talk, "talk_through", greet)
    done = CliRunner().invoke(main.app, ["talk", "--persona", "wukong"], catch_exceptions=False)
    assert "greeted:" in done.stdout


@pytest.mark.models
def test_a_persona_greets_and_ctrl_c_ends_it_as_it_should_end(weights: Weights, tmp_path: Path):
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "weights").symlink_to(weights.locate("silero-vad").parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", PLAY_INTO_NOTHING],
        env={name: value for name, value in os.environ.items() if not name.startswith("MYNA_")}
        | {"MYNA_HOME": str(tmp_path)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        greeting = process.stdout.readline()
        process.send_signal(2)
        _, told = process.communicate(timeout=60)
    assert "孙" in greeting
    assert process.returncode == 0, told
    assert "Traceback" not in told
