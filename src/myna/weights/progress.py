"""What a pull tells while it runs."""

from typing import Protocol


class Progress(Protocol):
    """Shows a pull. Its methods return at once and come from one thread, that of `myna.weights.fetch.pull`."""

    def waiting(self, model: str) -> None:
        """Another process is pulling the model; this one goes on when that one has ended."""
        ...

    def started(self, model: str, size: int) -> None:
        """The model has ``size`` bytes."""
        ...

    def resumed(self, model: str, done: int) -> None:
        """``done`` of them are here from earlier; they count for no speed."""
        ...

    def advanced(self, model: str, done: int, doing: str) -> None:
        """``done`` of them are here: fewer than before, where a source was given up. ``doing`` says what goes on."""
        ...

    def skipped(self, model: str, source: str, reason: str) -> None:
        """A source could not give a file; the next one is tried. Told once for each source and reason."""
        ...

    def finished(self, model: str) -> None:
        """The model is here, verified."""
        ...
