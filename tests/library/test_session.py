"""Talking in Python, with the starter models for ears and voice."""

from pathlib import Path

import numpy as np
import pytest
from tests.library.scripted import CALLED, call

import myna
from myna.core.errors import BadAudio, BadInput, Closed, EngineUnavailable
from myna.core.events import Refused, ReplyText, ToolEnded, ToolStarted, TurnEnded
from myna.core.ids import MessageId, TurnId
from myna.core.tools import ToolCall
from myna.engines.base import LLMMessage
from myna.testing.llm import HANG, ScriptedLLM
from myna.testing.tools import ScriptedTool

pytestmark = pytest.mark.models


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """An utterance in a file."""
    with myna.Session(ScriptedLLM("[neutral] What is the weather in Tokyo?"), persona="assistant") as session:
        session.ask("Say it.").wait().save(tmp_path / "spoken.wav")
    return tmp_path / "spoken.wav"


def test_a_file_is_heard_answered_by_a_tool_and_spoken(spoken: Path, tmp_path: Path) -> None:
    engine = ScriptedLLM([call("weather"), CALLED], "[happy] It is 22 degrees.")
    agent = myna.Agent(engine, [ScriptedTool("weather", "22 degrees")], persona="assistant")
    with myna.Session(agent) as session:
        turn = session.ask(spoken)
        events = list(turn)
    assert "weather" in turn.transcript.lower()
    assert "Tokyo" in engine.calls[0].request.messages[-1].content
    assert turn.text == "It is 22 degrees."
    assert turn.outcome == "completed"
    assert turn.emotion
    assert [type(event) for event in events if isinstance(event, ToolStarted | ToolEnded)] == [ToolStarted, ToolEnded]
    assert [(run.name, run.result, run.status) for run in turn.tool_calls] == [("weather", "22 degrees", "ok")]
    turn.save(tmp_path / "answer.wav")
    assert len(turn.pcm) / 2 / turn.sample_rate > 0.8


def test_a_session_knows_what_was_said_before() -> None:
    engine = ScriptedLLM("[neutral] Hello, Ada.", "[neutral] Ada.")
    with myna.Session(engine, persona="assistant", speaks=False) as session:
        assert session.ask("I am Ada.").wait().text == "Hello, Ada."
        turn = session.ask("Who am I?").wait()
    assert (turn.text, bytes(turn.pcm)) == ("Ada.", b"")
    assert LLMMessage("assistant", "[neutral] Hello, Ada.") in engine.calls[1].request.messages
    with pytest.raises(BadInput, match="no audio"):
        turn.save("never.wav")


def test_asking_again_interrupts_the_reply_that_runs() -> None:
    engine = ScriptedLLM(["[neutral] One, ", HANG], "[neutral] Fine.")
    with myna.Session(engine, persona="assistant", speaks=False) as session:
        first = session.ask("Count.")
        next(event for event in first if isinstance(event, ReplyText))
        assert session.ask("Stop. How are you?").wait().text == "Fine."
    assert first.outcome == "interrupted"
    assert engine.calls[0].ended == "closed"


@pytest.mark.parametrize("leave", [True, False])
def test_whoever_confirms_decides_whether_a_tool_runs(leave: bool) -> None:
    asked: list[str] = []

    def confirm(call: ToolCall) -> bool:
        asked.append(call.name)
        return leave

    tool = ScriptedTool("delete", "gone", confirm=True)
    agent = myna.Agent(
        ScriptedLLM([call("delete"), CALLED], "[neutral] Done."), [tool], persona="assistant", confirm=confirm
    )
    with myna.Session(agent, speaks=False) as session:
        turn = session.ask("Delete it.").wait()
    assert asked == ["delete"]
    assert [run.status for run in turn.tool_calls] == ["ok" if leave else "refused"]
    assert len(tool.calls) == int(leave)


def test_an_answer_that_comes_too_late_spoils_no_later_turn() -> None:
    agent = myna.Agent(ScriptedLLM("[neutral] Fine."), persona="assistant", confirm=lambda _call: True)
    with myna.Session(agent, speaks=False) as session:
        session.answer_for(ToolStarted(TurnId("t"), MessageId("m"), ToolCall("call_1", "delete", "{}"), asks=True))
        turn = session.ask("Hello")
        kinds = [type(event) for event in turn]
    assert Refused in kinds
    assert (turn.text, turn.outcome) == ("Fine.", "completed")


def test_silence_is_no_question() -> None:
    with myna.Session(ScriptedLLM("never"), persona="assistant", speaks=False) as session:
        turn = session.ask(np.zeros(16_000, np.float32)).wait()
    assert (turn.outcome, turn.transcript, turn.text) == ("silent", "", "")


def test_a_turn_that_fails_says_why_and_the_next_is_answered() -> None:
    engine = ScriptedLLM([EngineUnavailable("It broke.")], "[neutral] Fine.")
    with myna.Session(engine, persona="assistant", speaks=False) as session:
        turn = session.ask("Hello")
        with pytest.raises(EngineUnavailable, match="It broke"):
            turn.wait()
        assert turn.outcome == "failed"
        assert session.ask("Hello").wait().text == "Fine."


def test_bad_input_is_refused_at_once() -> None:
    with myna.Session(ScriptedLLM("never"), speaks=False) as session:
        with pytest.raises(BadInput, match="empty"):
            session.ask(" ")
        with pytest.raises(BadAudio, match="no file"):
            session.ask(Path("no-such.wav"))


def test_a_session_that_is_not_open_takes_nothing() -> None:
    session = myna.Session(ScriptedLLM("ok"), speaks=False)
    with pytest.raises(Closed, match="with"):
        session.ask("Hello")
    with session:
        assert isinstance(list(session.ask("Hello"))[-1], TurnEnded)
    with pytest.raises(Closed):
        session.ask("Hello")
    session.close()


def test_the_persona_is_the_agents() -> None:
    with pytest.raises(BadInput, match="persona"):
        myna.Session(myna.Agent(ScriptedLLM()), persona="wukong")
