"""Pictures of tables."""
# pyright: reportUnknownMemberType=false
# matplotlib leaves keyword arguments untyped.

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.patches import Patch


def write_picture(path: Path, title: str, draw: Callable[[Figure], None]) -> None:
    """Draw into an .svg or .png file, which appears whole or not at all."""
    figure = Figure(layout="constrained")
    draw(figure)
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with mpl.rc_context({"svg.fonttype": "none"}):  # text stays text
        figure.savefig(part, format=path.suffix[1:])
    part.replace(path)


def bars(table: Mapping[str, Mapping[str, float]], written: Callable[[float], str]) -> Callable[[Figure], None]:
    """What draws a bar for every figure, with ``written`` beside it: the rows of each column below each other."""

    def draw(figure: Figure) -> None:
        columns = list(dict.fromkeys(column for row in table.values() for column in row))
        figure.set_size_inches(9, 0.5 + len(columns) * (0.5 + 0.25 * len(table)))
        for number, column in enumerate(columns, 1):
            axes = figure.add_subplot(len(columns), 1, number)
            rows = [row for row in table if column in table[row]]
            drawn = axes.barh(rows, [table[row][column] for row in rows])
            axes.bar_label(drawn, [written(table[row][column]) for row in rows], padding=3)
            axes.set_title(column, loc="left", fontsize="medium")
            axes.invert_yaxis()
            axes.margins(x=0.1)

    return draw


def scatter(groups: Mapping[str, Sequence[tuple[float, float]]], across: str, upwards: str) -> Callable[[Figure], None]:
    """What draws a dot for every ``(x, y)``, a colour for each group, on logarithmic axes with these labels."""

    def draw(figure: Figure) -> None:
        figure.set_size_inches(9, 6)
        axes = figure.add_subplot()
        for name, points in groups.items():
            axes.scatter([x for x, _ in points], [y for _, y in points], label=name, s=16)
        axes.set(xscale="log", yscale="log", xlabel=across, ylabel=upwards)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter("{x:g}")
            axis.set_minor_formatter("{x:g}")
        axes.grid(visible=True, which="both", alpha=0.3)
        axes.legend()

    return draw


def waterfall(rows: Mapping[str, Mapping[str, float]], across: str) -> Callable[[Figure], None]:
    """What draws for each row when its stages were reached: the stretch of a stage ends there."""

    def draw(figure: Figure) -> None:
        figure.set_size_inches(9, 1.5 + 0.5 * len(rows))
        axes = figure.add_subplot()
        stages = list(dict.fromkeys(stage for row in rows.values() for stage in row))
        for name, reached in rows.items():
            left = 0.0
            for at, stage in sorted((at, stage) for stage, at in reached.items()):
                axes.barh(name, max(0.0, at - left), left=left, color=f"C{stages.index(stage)}")
                left = max(left, at)
        axes.set(xlabel=across)
        axes.invert_yaxis()
        named = [Patch(color=f"C{number}", label=stage) for number, stage in enumerate(stages)]
        figure.legend(handles=named, loc="outside lower center", ncols=len(named), fontsize="small")

    return draw
