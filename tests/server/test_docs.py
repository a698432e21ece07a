"""``docs/security.md`` and ``docs/logs.md`` tell what is."""

import json
import logging
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from myna.cli.main import app
from myna.config.load import load_settings
from myna.core.errors import BadConfig
from myna.server.run import MOST_REQUESTS, check_reach
from myna.server.sizes import IDLE_S, LONGEST_TEXT, MB, PING_S, UNREAD_S, WHOLE_S, Limits

DOCS = Path(__file__).parents[2] / "docs"
SECURITY = (DOCS / "security.md").read_text(encoding="utf-8")
LOGS = (DOCS / "logs.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("text", blocks(SECURITY, "toml"))
def test_the_settings_are_understood(tmp_path: Path, text: str) -> None:
    (tmp_path / "myna.toml").write_text(text)
    server = load_settings(cwd=tmp_path, environ={"MYNA_HOME": str(tmp_path)}).settings.server
    assert server.origins or server.hosts or server.certificate


def test_the_commands_work_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MYNA_TEST_WEIGHTS", raising=False)
    monkeypatch.setenv("MYNA_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (script,) = blocks(SECURITY, "sh")
    root = logging.getLogger()
    before = root.handlers[:], root.level
    for line in script.splitlines():
        program, *words = shlex.split(line)
        assert program == "myna"
        assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    root.handlers[:], root.level = before


def test_the_refusal_reads_as_written() -> None:
    with pytest.raises(BadConfig) as error:
        check_reach("0.0.0.0", guarded=False)
    (shown,) = blocks(SECURITY, "console")
    assert shown.splitlines()[1:] == [f"error: {error.value.message}", error.value.hint]


def test_the_limits_are_as_told() -> None:
    for told in (
        f"{Limits().upload // MB} MB",
        f"{LONGEST_TEXT // MB} MB",
        f"{Limits().message // MB} MB",
        f"{IDLE_S:g} s; {WHOLE_S / 60:g} minutes",
        f"`server.max_sessions`, {Limits().sessions} |",
        f"| {MOST_REQUESTS} |",
        f"{UNREAD_S:g} s; {PING_S:g} s",
    ):
        assert told in SECURITY


def test_the_line_of_the_log_is_one() -> None:
    (line,) = blocks(LOGS, "json")
    assert {"time", "level", "event", "logger", "request_id"} <= json.loads(line).keys()
