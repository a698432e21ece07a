"""Pulling weights beside everything else that a server does: one model at a time, in the order they were asked for."""

import json
import logging
import subprocess
import sys
from collections import Counter, deque
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

import anyio
from anyio.abc import Process, TaskGroup
from anyio.streams.buffered import BufferedByteReceiveStream

from myna.core.errors import Busy, MynaError, WeightsMissing
from myna.engines.task_group import open_task_group
from myna.server.errors import error_told
from myna.weights.options import WeightsOptions
from myna.weights.pull_process import Order
from myna.weights.store import WeightsStore

log = logging.getLogger(__name__)

END_S = 5.0
"""How long a pull that is stopped may take to leave everything in order."""
RATE_S = 5.0
"""The rate is that of so many seconds."""
LONGEST_LINE = 1 << 16
COMMAND = (sys.executable, "-P", "-m", "myna.weights.pull_process")

State: TypeAlias = Literal["idle", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class ModelPull:
    """How far one model is: ``done`` of ``size`` bytes, which is 0 while a hub has not told it.

    ``here``: it is verified and in its place. ``waits``: another process is pulling it.
    """

    size: int
    done: int = 0
    here: bool = False
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Skipped:
    """A source that could not give a file of a model, and why; the next one was tried."""

    model: str
    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.model}: {self.source} {self.reason}."


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull, as far as it is.

    Attributes:
        names: What was asked for.
        models: What that is, by name, in the order in which it comes.
        doing: What goes on, in words.
        rate: Bytes a second; None while that is not known.
        skipped: Which sources could not give something.
        error: Why it failed, or the first thing in it that did.
    """

    state: State = "idle"
    names: Sequence[str] = ()
    models: Mapping[str, ModelPull] = field(default_factory=dict[str, ModelPull])
    doing: str = ""
    rate: float | None = None
    skipped: Sequence[Skipped] = ()
    error: MynaError | None = None


class Pulls:
    """The last pull. Made by `open_pulls`.

    Attributes:
        landed: How often each model was brought, or found to be whole.
        problems: Why models did not come when they were asked for last.
    """

    def __init__(self, work: TaskGroup) -> None:
        self.last = Pull()
        self.landed = Counter[str]()
        self.problems: dict[str, MynaError] = {}
        self._work = work
        self._orders: deque[Order] = deque()  # the first is under way
        self._scope = anyio.CancelScope()
        self._ended = anyio.Event()
        self._changed = anyio.Event()
        self._news = anyio.Event()
        self._come: deque[tuple[float, int]] = deque()

    def begin(self, store: WeightsStore, names: Sequence[str], options: WeightsOptions) -> None:
        """Begin to pull models and sets. While a pull is under way it goes on with them, even if that has failed.

        Raises:
            UnknownName: A name is neither a model nor a set.
            Busy: The pull that is under way has been cancelled, and has not ended yet.
        """
        if self.last.state == "running" and self._scope.cancel_called:
            raise Busy("The pull is being cancelled.", hint="Try again in a few seconds.")
        wanted = [model for model in store.catalog.expand(names) if not self.brings(model.name)]
        told = {model.name: ModelPull(sum(file.size for file in store.files(model))) for model in wanted}
        for name in told:
            self.problems.pop(name, None)
        if wanted:
            order = Order(root=store.root.absolute(), catalog=store.catalog, names=tuple(told), options=options)
            self._orders.append(order)
        if self.last.state == "running":
            everything = dict.fromkeys((*self.last.names, *names))
            self._tell(replace(self.last, names=tuple(everything), models={**self.last.models, **told}))
        else:
            self._scope, self._ended = anyio.CancelScope(), anyio.Event()
            self._tell(Pull("running", tuple(names), told))
            self._work.start_soon(self._run)
        self._step()

    def brings(self, name: str) -> bool:
        """Whether a model is under way, or will be."""
        return any(name in order.names for order in self._orders)

    def come(self, names: Sequence[str]) -> ModelPull:
        """How far these models are, taken together."""
        models = [self.last.models[name] for name in names if name in self.last.models]
        return ModelPull(sum(each.size for each in models), sum(each.done for each in models))

    async def news(self) -> None:
        """Wait until a model is asked for, has come, or does not come."""
        await self._news.wait()

    async def cancel(self) -> None:
        """End the pull that runs, if one does. What has come is kept: the next one goes on from there."""
        if self.last.state == "running":
            self._scope.cancel()
            await self._ended.wait()

    async def changes(self, every_s: float) -> AsyncGenerator[Pull]:
        """The last pull, and each time that it is further, until it has ended."""
        while True:
            changed = self._changed
            yield self.last
            if self.last.state != "running":
                return
            await changed.wait()
            await anyio.sleep(every_s)

    async def _run(self) -> None:
        try:
            with self._scope:
                while self._orders:
                    order = self._orders[0]
                    failure = await self._pull(order)
                    self._orders.popleft()
                    if failure is not None:
                        log.warning("pulling weights failed", extra={"models": order.names, "problem": str(failure)})
                        self._mark(order, failure)
                        self._tell(replace(self.last, doing="", rate=None))
                        self._step()
                missed = next((self.problems[name] for name in self.last.models if name in self.problems), None)
                self._end("done" if missed is None else "failed", missed)
        finally:
            if self.last.state == "running":
                while self._orders:
                    self._mark(self._orders.popleft(), WeightsMissing("The pull was stopped.", hint="Pull again."))
                self._end("cancelled")
            self._ended.set()

    async def _pull(self, order: Order) -> MynaError | None:
        """Do what one order says, in a process that has let go of everything afterwards; why it failed, if it did."""
        try:
            async with _process() as process:
                return await self._follow(process, order)
        except OSError as error:
            return MynaError(f"The pull could not be started: {error.strerror}.", hint="Try again.")

    def _mark(self, order: Order, error: MynaError) -> None:
        """Remember why the rest of an order did not come."""
        self.problems |= {name: error for name in order.names if not self.last.models[name].here}

    async def _follow(self, process: Process, order: Order) -> MynaError | None:
        """Take in what the process tells to its end; why it failed, if it did."""
        assert process.stdin is not None  # noqa: S101 - for the type checker, and the next
        assert process.stdout is not None  # noqa: S101
        self._come.clear()
        lines = BufferedByteReceiveStream(process.stdout)
        try:
            await process.stdin.send(order.model_dump_json().encode() + b"\n")
            while True:
                line = json.loads(await lines.receive_until(b"\n", LONGEST_LINE))
                match line["told"]:
                    case "ended":
                        return None
                    case "failed":
                        return error_told(line["code"], line["message"], line["hint"])
                    case _:
                        self._take(line)
        except (anyio.BrokenResourceError, anyio.EndOfStream, anyio.IncompleteRead):
            return MynaError("The pull ended unexpectedly.", hint="What has come is kept. Try again.")

    def _take(self, line: Mapping[str, Any]) -> None:
        """Take in what the process tells: see `myna.weights.progress.Progress`."""
        pull, name = self.last, line.get("model", "")
        match line["told"]:
            case "started":
                self._come.clear()
                doing = f"checking what is here of {name}"
                self._tell(replace(self._at(name, ModelPull(line["size"])), doing=doing))
            case "waiting":
                waits = self._at(name, replace(pull.models[name], waits=True))
                self._tell(replace(waits, doing=f"waiting for another process that pulls {name}"))
            case "resumed":
                self._come.clear()
                self._tell(self._at(name, replace(pull.models[name], done=line["done"])))
            case "advanced":
                moved = self._at(name, replace(pull.models[name], done=line["done"], waits=False))
                self._tell(replace(moved, doing=f"{name} {line['doing']}", rate=self._rate(line["done"])))
            case "skipped":
                skipped = Skipped(name, line["source"], line["reason"])
                self._tell(replace(pull, skipped=(*pull.skipped, skipped)))
            case _:  # finished
                size = pull.models[name].size
                self._tell(replace(self._at(name, ModelPull(size, size, here=True)), doing="", rate=None))
                self.landed[name] += 1
                self._step()

    def _at(self, name: str, model: ModelPull) -> Pull:
        return replace(self.last, models={**self.last.models, name: model})

    def _rate(self, done: int) -> float | None:
        now = anyio.current_time()
        if self._come and done < self._come[-1][1]:
            self._come.clear()  # a source was given up
        self._come.append((now, done))
        while now - self._come[0][0] > RATE_S:
            self._come.popleft()
        began, before = self._come[0]
        return (done - before) / (now - began) if now > began else None

    def _end(self, state: State, error: MynaError | None = None) -> None:
        self._tell(replace(self.last, state=state, doing="", rate=None, error=error))
        self._step()

    def _step(self) -> None:
        self._news.set()
        self._news = anyio.Event()

    def _tell(self, pull: Pull) -> None:
        self.last = pull
        self._changed.set()
        self._changed = anyio.Event()


@asynccontextmanager
async def _process() -> AsyncGenerator[Process]:
    """The process that pulls. It ends when its standard input is closed, and when not, it is ended."""
    process = await anyio.open_process(COMMAND, stderr=None, stdout=subprocess.PIPE, start_new_session=True)
    try:
        yield process
    finally:
        with anyio.CancelScope(shield=True):
            if process.stdin is not None:
                await process.stdin.aclose()
            with anyio.move_on_after(END_S):
                await process.wait()
            with suppress(ProcessLookupError):
                process.kill()
            await process.aclose()


@asynccontextmanager
async def open_pulls() -> AsyncGenerator[Pulls]:
    """See `Pulls`. Leaving ends what runs."""
    async with open_task_group() as work:
        try:
            yield Pulls(work)
        finally:
            work.cancel_scope.cancel()
