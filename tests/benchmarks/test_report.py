import json
import math
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import cast

import pytest
from benchmarks.picture import waterfall
from benchmarks.report import Report, Target, medians, percentile, run
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle


def measure(wanted: Namespace) -> Report:
    tables = [{"straight": {"took, ms": number}, "Myna": {"took, ms": 2.0 * number}} for number in range(wanted.runs)]
    table = medians(tables)
    return Report(
        "Two ways",
        table,
        targets=(Target("Myna, ms", table["Myna"]["took, ms"], "at most", 4.0),),
        details={"more": wanted.more},
    )


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--more", default="")


@pytest.mark.parametrize("ending", ["svg", "png"])
def test_a_table_and_a_picture_are_made(ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    picture = tmp_path / "new" / f"x.{ending}"
    run("x", measure, ["--runs", "3", "--picture", str(picture)], runs=5, add_options=add_options)
    assert list(picture.parent.iterdir()) == [picture]
    assert picture.stat().st_size > 1000
    printed = capsys.readouterr().out
    assert "medians of 3 runs" in printed
    assert "reached: Myna, ms: 2.00, at most 4.00 wanted" in printed
    assert str(picture) in printed


def test_json_tells_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    picture = ["--picture", str(tmp_path / "x.svg")]
    run("x", measure, ["--json", "--more", "said", *picture], runs=7, add_options=add_options)
    told = json.loads(capsys.readouterr().out)
    assert told["benchmark"] == "x"
    assert told["medians"] == {"straight": {"took, ms": 3}, "Myna": {"took, ms": 6}}
    assert told["runs"] == 7
    assert told["targets"][0]["reached"] is False
    assert told["more"] == "said"
    assert {"processor", "cores", "memory_gib", "system", "versions"} <= told["machine"].keys()
    assert {"python", "myna"} <= told["machine"]["versions"].keys()


@pytest.mark.parametrize("arguments", [["--runs", "0"], ["--runs", "two"], ["--picture", "x.pdf"]])
def test_options_that_make_no_sense_are_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        run("x", measure, arguments, runs=5)
    assert arguments[1] in capsys.readouterr().err


def test_medians_are_taken_figure_by_figure():
    tables = [{"row": {"a": a, "b": b}} for a, b in ((1.0, 9.0), (5.0, 1.0), (2.0, 2.0))]
    assert medians(tables) == {"row": {"a": 2.0, "b": 2.0}}


@pytest.mark.parametrize(("measured", "reached"), [(4, True), (5, False)])
def test_a_target_is_reached_at_its_limit(measured: float, reached: bool):
    assert Target("x", measured, "at most", 4).reached is reached
    assert Target("x", -measured, "at least", -4).reached is reached


def test_a_percentile_is_one_of_the_figures():
    figures = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [percentile(figures, share) for share in (0.2, 0.5, 0.95, 1)] == [1, 3, 5, 5]
    assert percentile([], 0.5) == math.inf


def test_a_waterfall_ends_each_stretch_where_its_stage_was_reached():
    figure = Figure()
    waterfall({"live": {"heard": 0.3, "sound": 0.5}, "alone": {"heard": 0.4}}, "seconds")(figure)
    drawn = cast(list[Rectangle], figure.axes[0].patches)
    stretches = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in drawn]
    assert stretches == [(0, 0.3), (0.3, 0.5), (0, 0.4)]
