"""The README's commands, as written."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.end_to_end.processes import Home, Server

from myna.config.load import load_settings

ROOT = Path(__file__).parents[2]


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(), flags=re.DOTALL)


def test_the_two_readmes_show_the_same_commands() -> None:
    for language in ("console", "sh", "toml", "python"):
        assert blocks("README.md", language) == blocks("README.zh-CN.md", language) != []


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_every_link_leads_somewhere(page: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text()):
        assert (ROOT / link).exists(), link


@pytest.mark.models
def test_the_readmes_commands_work_as_written(home: Home, server: Server) -> None:
    for block in blocks("README.md", "sh"):
        script = block.replace("127.0.0.1:8765", server.url.removeprefix("http://"))
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=home.folder,
            env=home.environ,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert ended.returncode == 0, f"{script}\n{ended.stdout}\n{ended.stderr}"
        assert ended.stdout.strip(), script


@pytest.mark.models
def test_the_readmes_programs_work_as_written(home: Home, server: Server) -> None:
    """They come after its commands, which make the question that is spoken."""
    said = [_run(program, home, server) for program in blocks("README.md", "python")]
    assert len(said[0].strip().splitlines()[-1]) >= 4
    assert (home.folder / "wukong.mp3").stat().st_size > 5000
    assert "capital of france" in said[1].lower()
    assert (home.folder / "answer.wav").stat().st_size > 20_000
    answer, _, url = said[2].strip().rpartition("\n")
    assert answer.strip()  # that it says what the tool gave is for tests/library, at temperature 0
    assert url.startswith("http://127.0.0.1:")


def _run(program: str, home: Home, server: Server) -> str:
    ended = subprocess.run(
        [sys.executable, "-c", program.replace("http://127.0.0.1:8765", server.url).replace("port=23333", "port=0")],
        cwd=home.folder,
        env=home.environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_readmes_settings_are_understood(tmp_path: Path) -> None:
    (block,) = blocks("README.md", "toml")
    (tmp_path / "myna.toml").write_text(block)
    loaded = load_settings(cwd=tmp_path, environ={"MYNA_HOME": str(tmp_path)})
    assert loaded.settings.session.persona == "wukong"
    assert loaded.choice("llm").name == "openai"


def test_the_two_set_up_commands_are_make_targets() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for command in re.findall(r"\$ make (\w+)", (ROOT / "README.md").read_text()):
        assert re.search(rf"^{command}:", makefile, flags=re.MULTILINE)
