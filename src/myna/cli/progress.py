"""How a pull is shown: a bar for each model on a terminal, plain lines elsewhere."""

from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.progress import Progress as Bars
from rich.text import Text

from myna.weights.progress import Progress

STEPS = 10
"""Lines for a model where no bar can be drawn."""


class _ModelBars:
    """A bar for each model, with bytes, speed and time left, and below them what goes on."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._doing = ""
        self._tasks: dict[str, TaskID] = {}
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            expand=True,
        )

    def __rich__(self) -> RenderableType:
        return Group(self._bars, Text(self._doing, style="dim", no_wrap=True, overflow="ellipsis"))

    def waiting(self, model: str) -> None:
        self._doing = f"waiting for another process that pulls {model}"

    def started(self, model: str, size: int) -> None:
        self._tasks[model] = self._bars.add_task(model, total=size)
        self._doing = f"checking what is here of {model}"

    def resumed(self, model: str, done: int) -> None:
        self._bars.reset(self._tasks[model], completed=done)

    def advanced(self, model: str, done: int, doing: str) -> None:
        self._bars.update(self._tasks[model], completed=done)
        self._doing = doing

    def skipped(self, model: str, source: str, reason: str) -> None:
        self._console.print(Text(f"{model}: {source} {reason}."))

    def finished(self, model: str) -> None:
        del model
        self._doing = ""


class _ModelLines:
    """A line for each thing that a reader of a log wants to know."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._size = 0
        self._step = -1

    def waiting(self, model: str) -> None:
        self._say(model, "waiting for another process that pulls it")

    def started(self, model: str, size: int) -> None:
        self._size, self._step = size, -1

    def resumed(self, model: str, done: int) -> None:
        pass

    def advanced(self, model: str, done: int, doing: str) -> None:
        step = done * STEPS // self._size
        if step > self._step:
            self._step = step
            self._say(model, f"{done / 1e6:,.1f} of {self._size / 1e6:,.1f} MB, {doing}")

    def skipped(self, model: str, source: str, reason: str) -> None:
        self._say(model, f"{source} {reason}")

    def finished(self, model: str) -> None:
        self._say(model, "here, and verified")

    def _say(self, model: str, text: str) -> None:
        self._console.print(Text(f"{model}: {text}"), soft_wrap=True)


@contextmanager
def shown(console: Console) -> Generator[Progress]:
    """The progress of a pull, shown while entered."""
    if console.is_terminal:
        bars = _ModelBars(console)
        with Live(bars, console=console, refresh_per_second=10):
            yield bars
    else:
        yield _ModelLines(console)
