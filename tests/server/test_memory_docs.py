"""Every code block of ``docs/memory.md`` does what it says, and its Chinese twin has the same."""

import re
import shlex
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from anyio.from_thread import start_blocking_portal
from tests.server.serving import Clients, choice, serving_engines
from typer.testing import CliRunner

from myna.cli import main
from myna.config.load import load_settings
from myna.memory.opening import open_memories
from myna.memory.options import LONGEST_TEXT, MemoryOptions
from myna.memory.sql_memories import MOST_AUDITED
from myna.server.memories import MOST_AT_A_TIME
from myna.store.database import open_database
from myna.store.migrating import MOST_BACKUPS
from myna.testing.llm import ScriptedLLM
from myna.weights.locate import Weights

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "memory.md").read_text(encoding="utf-8")
TWIN = (DOCS / "memory.zh-CN.md").read_text(encoding="utf-8")
SHOWN = "mem_41fd26b9779082cfc3c38c0c"


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.DOTALL | re.MULTILINE)


def test_the_twins_show_the_same_code_and_tell_of_the_same_things() -> None:
    for language in ("sh", "python", "toml"):
        assert blocks(PAGE, language) == blocks(TWIN, language) != []
    assert re.findall("^#+ ", PAGE, re.MULTILINE) == re.findall("^#+ ", TWIN, re.MULTILINE)
    assert PAGE.count("\n| ") == TWIN.count("\n| ")


@pytest.mark.parametrize("page", [PAGE, TWIN])
def test_the_figures_are_as_told(page: str) -> None:
    for told in (f"{LONGEST_TEXT}", f"{MOST_AUDITED:,}", f"{MOST_AT_A_TIME:,}"):
        assert told in page
    assert MOST_BACKUPS == 3  # "three", "三"


def test_the_settings_switch_it_off(tmp_path: Path) -> None:
    (text,) = blocks(PAGE, "toml")
    (tmp_path / "myna.toml").write_text(text, encoding="utf-8")
    assert not load_settings(cwd=tmp_path, environ={"MYNA_HOME": str(tmp_path)}).settings.memory.enabled


def test_the_commands_work_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MYNA_TEST_WEIGHTS", raising=False)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    monkeypatch.setenv("MYNA_MEMORY__VECTORS", "none")
    monkeypatch.chdir(tmp_path)
    script, _ = blocks(PAGE, "sh")
    made, printed = SHOWN, list[str]()
    for line in script.splitlines():
        program, *words = shlex.split(line.replace(SHOWN, made))
        assert program == "myna"
        ran = CliRunner().invoke(main.app, words, catch_exceptions=False)
        assert ran.exit_code == 0, f"{line}\n{ran.stderr}"
        made = ran.stdout.split()[0] if words[1] == "add" else made
        printed.append(ran.stdout)
    assert "forgotten by user" in printed[-1]


@pytest.fixture(scope="module")
def url(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("docs")

    @asynccontextmanager
    async def served() -> AsyncGenerator[Clients]:
        async with AsyncExitStack() as stack:
            database = await stack.enter_async_context(open_database(folder / "myna.db"))
            options = MemoryOptions(vectors="none")
            memories = await stack.enter_async_context(open_memories(database, options, folder, lambda: None))
            llm = choice(ScriptedLLM("[Happy] Yes."))
            yield await stack.enter_async_context(serving_engines(weights, {"llm": llm}, memories=memories))

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(served()) as clients:
        yield str(clients.http.base_url).rstrip("/")


def test_the_requests_work_as_written(url: str) -> None:
    _, script = blocks(PAGE, "sh")
    made, answers = SHOWN, list[str]()
    for line in script.splitlines():
        ran = line.replace(SHOWN, made).replace("http://127.0.0.1:8765", url)
        ended = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", ran], capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == 0, f"{ran}\n{ended.stdout}\n{ended.stderr}"
        answers.append(ended.stdout)
        if made == SHOWN:
            (made,) = re.findall(r'"id":"(\w+)"', ended.stdout)
    assert made in answers[2]
    assert '"text":"Allergic to nuts"' in answers[4]
    assert answers[-1] == '{"forgotten":0}'


def test_the_private_session_is_one(url: str) -> None:
    (program,) = blocks(PAGE, "python")
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-c", program.replace("http://127.0.0.1:8765", url)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == "session.created True\n"
