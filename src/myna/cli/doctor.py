"""``myna doctor``."""

import dataclasses
import json
import sys
from contextlib import nullcontext
from typing import Annotated

import anyio
import typer
from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from myna.cli.terminal import Json, Setting, notes, overrides
from myna.doctor.examine import Wanted, examine
from myna.doctor.finding import Finding, Verdict, worst

MARKS: dict[Verdict, Text] = {
    "ok": Text("✓", "green"),
    "warning": Text("!", "bold yellow"),
    "problem": Text("✗", "bold red"),
}
IN_ALL: dict[Verdict, str] = {
    "ok": "All is well.",
    "warning": "Myna works; what is marked could be better.",
    "problem": "Something is wrong: what is marked ✗ says what, and what to do.",
}
NAME_WIDTH = 14


def doctor(
    sources: Annotated[
        bool, typer.Option("--sources", help="Ask the sources of weights, too: hubs and package registries.")
    ] = False,
    deep: Annotated[bool, typer.Option("--deep", help="Read and hash every byte of the weights.")] = False,
    as_json: Json = False,
    settings: Setting = None,
) -> None:
    """Check every part of Myna on this machine, time it, and say what to do. The exit status is 1 for a problem.

    Nothing is downloaded, and nothing leaves this machine but what --sources asks, and what a remote LLM of yours is.
    """
    with nullcontext() if as_json else notes.status("") as status:
        report = _Report(None if as_json else Console(highlight=False), status)
        anyio.run(examine, Wanted(overrides(settings), sources=sources, deep=deep), report)
    verdict = worst(report.findings)
    if as_json:
        told = {"verdict": verdict, "findings": [dataclasses.asdict(each) for each in report.findings]}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        typer.echo(IN_ALL[verdict])
    if verdict == "problem":
        raise typer.Exit(1)


class _Report:
    """Shows each finding when it comes: a row of a table on a terminal, plain lines elsewhere."""

    def __init__(self, console: Console | None, status: Status | None) -> None:
        self.findings: list[Finding] = []
        self._console = console
        self._status = status

    def starting(self, check: str) -> None:
        if self._status:
            self._status.update(f"Checking: {check} …")

    def found(self, finding: Finding) -> None:
        self.findings.append(finding)
        if self._console and sys.stdout.isatty():
            self._console.print(row(finding))
        elif self._console:
            typer.echo(line(finding))


def row(finding: Finding) -> Table:
    """A finding for a terminal. The columns of all rows have the same place."""
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(width=1)
    table.add_column(width=NAME_WIDTH)
    table.add_column(ratio=1)
    table.add_column(justify="right", width=7)
    told = Text(finding.measured)
    if finding.meaning:
        told.append(f"\n{finding.meaning}", "dim" if finding.verdict == "ok" else "")
    if finding.advice:
        told.append(f"\n→ {finding.advice}", "bold")
    table.add_row(MARKS[finding.verdict], Text(finding.check, "bold"), told, Text(f"{finding.took_s:.1f} s", "dim"))
    return table


def line(finding: Finding) -> str:
    """A finding in a line, for a log."""
    said = ". ".join(part.rstrip(".") for part in (finding.measured, finding.meaning) if part)
    advice = f" To do: {finding.advice}" if finding.advice else ""
    return f"{finding.verdict:7} {finding.check}: {said}.{advice}".replace("\n", " ")
