"""What all benchmarks share: their options, medians, a table, a picture and JSON.

A benchmark is a module with a function that measures and a ``main`` that hands it to `run`::

    def measure(wanted: Namespace) -> Report:
        tables = [one_run() for _ in range(wanted.runs)]  # each {"straight": {"first token, ms": 148.0, …}, …}
        return Report("First token of a reply", medians(tables), packages=("httpx",))


    def main(arguments: Sequence[str] | None = None) -> None:
        run("llm", measure, arguments, runs=5)


    if __name__ == "__main__":
        main()

`benchmarks.__main__` lists the modules. What is compared alternates within a run, since machines change their pace.
"""

import json
import math
import statistics
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from benchmarks.machine import Machine, look, versions
from benchmarks.picture import bars, write_picture
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table as RichTable

RESULTS = Path(__file__).with_name("results")
"""Where pictures go unless told; git ignores it."""

Table: TypeAlias = Mapping[str, Mapping[str, float]]
"""Figures by row and by column. A column's name ends in its unit: ``first token, ms``."""


@dataclass(frozen=True, slots=True)
class Target:
    """Something that has to be reached: ``measured`` at most or at least ``limit``."""

    what: str
    measured: float
    must_be: Literal["at most", "at least"]
    limit: float

    @property
    def reached(self) -> bool:
        """Whether it is."""
        return self.measured <= self.limit if self.must_be == "at most" else self.measured >= self.limit


@dataclass(frozen=True, slots=True)
class Report:
    """What a benchmark found.

    Attributes:
        title: What was measured on what, in a line.
        table: The medians.
        packages: Those whose versions matter, beside Myna.
        targets: What the figures have to reach.
        notes: What else a reader should know, a line each.
        details: More for ``--json``; anything that JSON takes.
        draw: Draws the picture; None draws the table in bars.
    """

    title: str
    table: Table
    packages: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    notes: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict[str, Any])
    draw: Callable[[Figure], None] | None = None


def medians(tables: Sequence[Table]) -> Table:
    """The median of every figure over tables of the same rows and columns."""
    return {
        row: {column: statistics.median(table[row][column] for table in tables) for column in columns}
        for row, columns in tables[0].items()
    }


def percentile(figures: Iterable[float], share: float) -> float:
    """The least of the figures that ``share`` of them do not exceed; no figure at all counts as infinitely large."""
    ordered = sorted(figures)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else math.inf


def run(
    name: str,
    measure: Callable[[Namespace], Report],
    arguments: Sequence[str] | None,
    *,
    runs: int,
    add_options: Callable[[ArgumentParser], object] | None = None,
) -> None:
    """Read the options, measure, and tell what was found.

    Args:
        name: The benchmark's module.
        measure: Is given the options: ``runs``, and what ``add_options`` added.
        arguments: Of the command line; None reads this process's own.
        runs: How many runs the medians are taken of, unless told.
        add_options: Adds options of this benchmark alone.
    """
    parser = ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("--runs", type=positive, default=runs, help=f"medians are taken of so many; {runs}")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--picture", type=_picture, default=RESULTS / f"{name}.svg", help="an .svg or .png to write")
    if add_options:
        add_options(parser)
    wanted = parser.parse_args(arguments)
    machine = look()
    report = measure(wanted)
    write_picture(wanted.picture, report.title, report.draw or bars(report.table, written))
    if wanted.json:
        print(json.dumps(_as_json(name, report, machine, wanted.runs), ensure_ascii=False, default=str))
    else:
        _print(report, machine, wanted.runs)
        print(f"\npicture: {wanted.picture}")


def _print(report: Report, machine: Machine, runs: int) -> None:
    console = Console(width=None if Console().is_terminal else 160, highlight=False)
    console.print(f"{report.title}", markup=False)
    console.print(f"medians of {runs} {'run' if runs == 1 else 'runs'} on {machine}", markup=False)
    console.print(", ".join(f"{package} {number}" for package, number in versions(*report.packages).items()))
    columns = list(dict.fromkeys(column for row in report.table.values() for column in row))
    table = RichTable("", box=None)
    for column in columns:
        table.add_column(column, justify="right")
    for row, figures in report.table.items():
        table.add_row(row, *(written(figures[column]) if column in figures else "" for column in columns))
    console.print(table)
    for target in report.targets:
        said = "reached" if target.reached else "MISSED"
        measured, limit = written(target.measured), written(target.limit)
        console.print(f"{said}: {target.what}: {measured}, {target.must_be} {limit} wanted", markup=False)
    for note in report.notes:
        console.print(note, markup=False)


def written(figure: float) -> str:
    """Three digits that count, or all before the point."""
    return f"{figure:.0f}" if abs(figure) >= 100 else f"{figure:#.3g}"


def _as_json(name: str, report: Report, machine: Machine, runs: int) -> dict[str, Any]:
    return {
        "benchmark": name,
        "title": report.title,
        "machine": asdict(machine) | {"versions": versions(*report.packages)},
        "runs": runs,
        "medians": report.table,
        "targets": [asdict(target) | {"reached": target.reached} for target in report.targets],
        "notes": report.notes,
        **report.details,
    }


def positive(text: str) -> int:
    """A type of options: a whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _picture(text: str) -> Path:
    path = Path(text)
    if path.suffix not in {".svg", ".png"}:
        raise ArgumentTypeError(f"{text!r} does not end in .svg or .png")
    return path
