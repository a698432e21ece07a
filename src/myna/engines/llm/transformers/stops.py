"""Texts that end an answer. Pure."""

from collections.abc import Sequence


class Stops:
    """Takes the pieces of one answer; gives them without what may be the beginning of a stop text.

    Attributes:
        met: Whether one has come. Nothing is given after it.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self.met = False
        self._stops = tuple(filter(None, stops))
        self._held = ""

    def feed(self, piece: str) -> str:
        """What can be said now."""
        if self.met or not self._stops:
            return "" if self.met else piece
        text = self._held + piece
        if found := [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]:
            self.met = True
            self._held = ""
            return text[: min(found)[1]]  # the one that is whole first, as if it came letter by letter
        sure = len(text) - max(_overlap(text, stop) for stop in self._stops)
        self._held = text[sure:]
        return text[:sure]

    def finish(self) -> str:
        """What was held back and was no stop text after all."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """How long the longest end of ``text`` is that ``stop`` begins with."""
    return next(size for size in range(min(len(text), len(stop) - 1), -1, -1) if text.endswith(stop[:size]))
