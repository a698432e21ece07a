"""How the weights come that a server fetches while it runs, told as any other pull is."""

import logging
from collections.abc import Mapping
from contextlib import aclosing

from myna.server.pulling import ModelPull, Pulls
from myna.weights.progress import Progress

EVERY_S = 0.2
"""How often it is looked how much has come."""
STEPS = 10
"""Lines of a log for each model."""


async def follow(pulls: Pulls, progress: Progress) -> None:
    """Tell ``progress`` how the pull that runs goes on, until it has ended."""
    known: dict[str, ModelPull] = {}
    skipped = 0
    async with aclosing(pulls.changes(EVERY_S)) as changes:
        async for pull in changes:
            for one in pull.skipped[skipped:]:
                progress.skipped(one.model, one.source, one.reason)
            skipped = len(pull.skipped)
            for name, now in pull.models.items():
                if now.done or now.here or now.waits:
                    _tell(progress, name, known.get(name), now, pull.doing.removeprefix(f"{name} "))
                    known[name] = now


def _tell(progress: Progress, name: str, before: ModelPull | None, now: ModelPull, doing: str) -> None:
    if before is None:
        progress.started(name, now.size)
        progress.resumed(name, now.done)
        before = ModelPull(now.size, now.done)
    if now.waits and not before.waits:
        progress.waiting(name)
    if now.done != before.done:
        progress.advanced(name, now.done, doing or "here")
    if now.here and not before.here:
        progress.finished(name)


class _LogLines:
    """A line of the log for each tenth of a model."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._sizes: Mapping[str, int] = {}
        self._steps: dict[str, int] = {}

    def waiting(self, model: str) -> None:
        self._log.info("another process fetches weights", extra={"model": model})

    def started(self, model: str, size: int) -> None:
        self._sizes = {**self._sizes, model: size}

    def resumed(self, model: str, done: int) -> None:
        self.advanced(model, done, "")

    def advanced(self, model: str, done: int, doing: str) -> None:
        size = self._sizes[model]
        step = done * STEPS // size if size else 0
        if step > self._steps.get(model, -1):
            self._steps[model] = step
            self._log.info("fetching weights", extra={"model": model, "done": done, "size": size, "doing": doing})

    def skipped(self, model: str, source: str, reason: str) -> None:
        self._log.info("a source of weights failed", extra={"model": model, "source": source, "reason": reason})

    def finished(self, model: str) -> None:
        self._log.info("weights are here", extra={"model": model})


def logged(log: logging.Logger) -> Progress:
    """A progress whose lines stand in the log."""
    return _LogLines(log)
