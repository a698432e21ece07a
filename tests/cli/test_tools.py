"""``myna tools``, with a real MCP server and a real file of tools."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from myna.cli import main

PROGRAM = Path(__file__).parents[1] / "tools" / "mcp" / "server_program.py"
TOOL = '''
from myna.tools.tool import tool

@tool
def double(n: int) -> int:
    """Double a number.

    Args:
        n: The number.
    """
    return 2 * n
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "numbers.py").write_text(TOOL)
    (tmp_path / "myna.toml").write_text(
        f"[mcp.tests]\ncommand = {json.dumps(sys.executable)}\nargs = [{json.dumps(str(PROGRAM))}]\n"
        "[mcp.gone]\ncommand = 'no-such-program'\n"
    )
    return tmp_path


def myna(*arguments: str) -> Result:
    return CliRunner().invoke(main.app, ["tools", *arguments])


def test_tools_are_listed_with_where_they_come_from(folder: Path):
    told = myna().stdout.splitlines()
    assert f"double(n: integer): Double a number.  # {folder / 'tools' / 'numbers.py'}" in told
    assert "tests_add(a: integer, b: integer): Add two numbers.  # mcp.tests" in told
    assert any(line.startswith("tests_erase(name: string) [asks first]: Erase.") for line in told)


@pytest.mark.usefixtures("folder")
def test_a_server_that_is_not_there_is_told():
    listed = myna()
    assert listed.exit_code == 0
    assert "The MCP server gone is not connected. There is no program" in " ".join(listed.stderr.split())


@pytest.mark.usefixtures("folder")
def test_the_list_can_be_read_by_programs():
    told = {each["name"]: each for each in json.loads(myna("--json").stdout)}
    assert told["double"]["parameters"]["required"] == ["n"]
    assert told["tests_erase"]["confirm"]
    assert told["tests_add"]["source"] == "mcp.tests"


@pytest.mark.usefixtures("folder")
def test_a_tool_can_be_called():
    assert myna("call", "double", '{"n": 4}').stdout == "8\n"
    assert myna("call", "tests_add", '{"a": 4, "b": 1}').stdout == "5\n"


@pytest.mark.usefixtures("folder")
def test_a_call_that_fails_says_why():
    failed = myna("call", "tests_add", '{"a": 4}')
    assert failed.exit_code == 1
    assert not failed.stdout
    assert "'b' is a required property" in failed.stderr


def test_where_there_are_none_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    listed = myna()
    assert listed.exit_code == 0
    assert "There are no tools" in listed.stderr
