import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from myna.cli import config
from myna.config.load import load_settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MYNA_TEST_WEIGHTS", raising=False)  # the tests' own, which Myna itself would refuse
    monkeypatch.setenv("MYNA_HOME", str(tmp_path / "home"))
    (tmp_path / "myna.toml").write_text('session.allowed_emotions = ["[red]", "平静"]', encoding="utf-8")
    return tmp_path


def _run(*words: str) -> str:
    result = CliRunner().invoke(config.app, words, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_show_prints_every_value_and_where_it_came_from(folder: Path):
    lines = _run("show").splitlines()
    assert "server.port = 8765  # default" in lines
    assert 'session.allowed_emotions = ["[red]", "平静"]  # session.allowed_emotions in myna.toml' in lines
    assert f'home = "{folder / "home"}"  # MYNA_HOME in the environment' in lines
    assert f"# cache folder: {folder / 'home' / 'cache'}" in lines
    assert {line.partition(" ")[0] for line in lines} >= {each.key for each in load_settings().provenance()}


def test_show_prints_json_for_programs():
    told = json.loads(_run("show", "--json"))
    assert told["server.port"] == {"value": 8765, "from": "default"}
    assert told.keys() == {each.key for each in load_settings().provenance()}


def test_show_prints_a_table_on_a_terminal():
    console = Console(width=300, record=True, file=io.StringIO())
    console.print(config.table(load_settings()))
    assert '["[red]", "平静"]' in console.export_text()


def test_schema_prints_a_json_schema_with_the_sections_of_the_engines():
    schema = json.loads(_run("schema"))
    assert schema["additionalProperties"] is False
    assert {"llm", "session", "llamacpp", "openai", "kokoro"} <= schema["properties"].keys()
    assert schema["$defs"]["ServerSettings"]["properties"]["port"]["default"] == 8765
