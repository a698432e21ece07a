"""A line to a server for the tests, and what is told on it."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeVar

from myna_ros.line import Line
from myna_ros.news import News
from myna_ros.settings import Settings

LIMIT_S = 60
"""Of a hang."""

Kind = TypeVar("Kind")


class Told:
    """All news of a line."""

    def __init__(self) -> None:
        self.news: list[News] = []
        self.line: Line | None = None
        self._changed = threading.Condition()

    def take(self) -> None:
        """Called by the line."""
        assert self.line is not None
        with self._changed:
            self.news += self.line.news()
            self._changed.notify_all()

    def of(self, kind: type[Kind]) -> list[Kind]:
        """All of a kind."""
        return [each for each in list(self.news) if isinstance(each, kind)]

    def wait(self, kind: type[Kind], count: int = 1) -> Kind:
        """The so many-th of a kind."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.of(kind)) >= count, LIMIT_S), self.news[-50:]
        return self.of(kind)[count - 1]


@contextmanager
def lined(settings: Settings) -> Generator[tuple[Line, Told]]:
    """A line that runs."""
    told = Told()
    line = told.line = Line(settings, [], told.take)
    line.start()
    try:
        yield line, told
    finally:
        assert line.close(LIMIT_S)
