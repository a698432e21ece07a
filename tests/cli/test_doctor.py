import json

import pytest
from rich.console import Console
from typer.testing import CliRunner

from myna.cli import doctor as commands
from myna.cli.doctor import line, row
from myna.cli.main import app
from myna.doctor.examine import Listener, Wanted
from myna.doctor.finding import Finding

GOOD = Finding("cpu", "ok", "8 cores", took_s=0.04)
BAD = Finding("weights", "problem", "missing: [tiny]", "Engines do not start.", "myna models pull tiny", {"mb": 1.5})


@pytest.fixture
def finds(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the examination will find."""
    findings: list[Finding] = []

    async def examine(wanted: Wanted, listener: Listener) -> None:
        listener.starting(f"sources: {wanted.sources}, deep: {wanted.deep}")
        for finding in findings:
            listener.found(finding)

    monkeypatch.setattr(commands, "examine", examine)
    return findings


def test_a_problem_is_told_with_what_to_do_and_is_the_exit_status(finds: list[Finding]):
    finds += [GOOD, BAD]
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert done.stdout.splitlines() == [
        "ok      cpu: 8 cores.",
        "problem weights: missing: [tiny]. Engines do not start. To do: myna models pull tiny",
        "Something is wrong: what is marked ✗ says what, and what to do.",
    ]


def test_without_a_problem_the_exit_status_is_0(finds: list[Finding]):
    finds += [GOOD, Finding("gpu", "warning", "unused")]
    done = CliRunner().invoke(app, ["doctor", "--sources", "--deep"])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1] == "Myna works; what is marked could be better."


def test_programs_get_one_object(finds: list[Finding]):
    finds += [GOOD, BAD]
    done = CliRunner().invoke(app, ["doctor", "--json"])
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["verdict"] == "problem"
    assert told["findings"][1] == {
        "check": "weights",
        "verdict": "problem",
        "measured": "missing: [tiny]",
        "meaning": "Engines do not start.",
        "advice": "myna models pull tiny",
        "figures": {"mb": 1.5},
        "took_s": 0.0,
    }


def test_on_a_terminal_a_finding_is_a_row_whose_columns_stand_below_each_other():
    console = Console(width=60, record=True)
    for finding in (GOOD, BAD):
        console.print(row(finding))
    lines = console.export_text().splitlines()
    assert [text.index(word) for text, word in zip(lines, ("8 cores", "missing: [tiny]"), strict=False)] == [17, 17]
    assert lines[0].endswith("0.0 s")
    assert lines[3].strip() == "→ myna models pull tiny"


def test_a_line_stays_one_line():
    assert "\n" not in line(Finding("settings", "problem", "One.\nTwo."))
