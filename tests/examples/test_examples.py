"""Every program in examples/, run as its docstring says, with the starter models."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.end_to_end.processes import Home

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = sorted(EXAMPLES.glob("*.py"))
CHINESE = re.compile("[\u4e00-\u9fff]")


def run(home: Home, program: str, *arguments: str, said: str = "") -> str:
    ended = subprocess.run(
        [sys.executable, EXAMPLES / program, *arguments],
        cwd=home.folder,
        env=home.environ | {"MYNA_LLM__TEMPERATURE": "0", "PYTHONIOENCODING": "utf-8"},
        input=said,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.name)
def test_an_example_is_short_and_says_how_it_is_run(program: Path) -> None:
    text = program.read_text(encoding="utf-8")
    assert f"python examples/{program.name}" in text.split('"""')[1]
    assert len(text.splitlines()) < 90
    assert CHINESE.search(text)


@pytest.mark.models
def test_the_chat_streams_and_remembers(home: Home) -> None:
    said = run(home, "streaming_chat.py", said="你好！我叫小明。\n\nWhat is the capital of France?\n")
    assert len(re.findall(r"\[first words after \d+ ms\]", said)) == 2
    assert "Paris" in said


@pytest.mark.models
@pytest.mark.parametrize("strategy", ["tools", "react"])
def test_the_weather_agent_calls_its_tool_and_tells_what_it_found(home: Home, strategy: str) -> None:
    said = run(home, "weather_agent.py", "--strategy", strategy, "What is the weather in Tokyo?")
    _, shown, answer = said.strip().split("\n", 2)
    assert shown.startswith("[get_current_weather {")
    assert '"Tokyo"' in shown
    assert re.search("22|72", answer)  # in degrees of either kind
    assert not re.search(r"[{}<>]|Thought:|Action:", answer)


@pytest.mark.models
def test_the_weather_agent_makes_a_plan_and_carries_it_out(home: Home) -> None:
    """The starter model plans more than is needed, so what it answers in the end is not tested."""
    said = run(home, "weather_agent.py", "--strategy", "plan", "What is the weather in Tokyo?")
    assert re.search(r'^\[get_\w+ \{"location": "Tokyo"', said, re.MULTILINE)
    answer = [line for line in said.strip().splitlines()[1:] if not line.startswith("[")]
    assert answer != []
    assert not re.search(r"[{}<>]|Thought:|Action:", "\n".join(answer))


@pytest.mark.models
def test_two_agents_do_not_mix_what_they_say(home: Home) -> None:
    said = run(home, "parallel_agents.py")
    streamed, poet, scientist = said.strip().rsplit("\n\n", 2)
    for name, whole in (("诗人", poet), ("scientist", scientist)):
        pieces = re.findall(rf"^\[{name}\] (.*(?:\n(?!\[).*)*)", streamed, re.MULTILINE)
        assert len(pieces) > 3
        assert f"{name}: {''.join(pieces)}" == whole
    assert CHINESE.search(poet.split(": ", 1)[1])
    assert not CHINESE.search(scientist)


@pytest.mark.models
def test_the_mcp_agent_reads_the_note_from_its_server(home: Home) -> None:
    said = run(home, "mcp_agent.py")
    answer, called = said.split("[notes_read_note ")
    assert "→ milk, three apples" in called
    assert "apples" in answer


@pytest.mark.models
def test_the_voice_agent_hears_a_file_and_speaks_the_time(home: Home) -> None:
    spoken = home.run("say", "What time is it now?", "-o", "time.wav")
    assert spoken.returncode == 0, spoken.stderr
    said = run(home, "voice_agent.py", "time.wav", "told.wav")
    assert "time is it" in said.lower()
    assert "[get_current_time → It is " in said
    assert (home.folder / "told.wav").stat().st_size > 20_000
