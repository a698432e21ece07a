"""One engine, opened and held open by a task of its own, with a state to show."""

import logging
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeAlias

import anyio
from pydantic import BaseModel

from myna.core.errors import EngineUnavailable, MynaError
from myna.engines.base import GPUMemory, Plugin, Resources, TellsLife, TellsMemory
from myna.engines.llm.breaker import BreakerState
from myna.engines.plugins import Kind

log = logging.getLogger(__name__)

Status: TypeAlias = Literal["fetching", "loading", "ready", "failed"]


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine that was chosen for a kind: its name, its plugin and its options.

    Attributes:
        fallbacks: Those that answer, in this order, where it does not.
    """

    name: str
    plugin: Plugin[Any, Any]
    options: BaseModel
    fallbacks: tuple["Choice", ...] = ()

    @property
    def members(self) -> tuple["Choice", ...]:
        """The engine itself, and its fallbacks."""
        return (self, *self.fallbacks)

    @property
    def weights(self) -> tuple[str, ...]:
        """The catalog names, or paths, of the model files that it will look for; not those of its fallbacks.

        Raises:
            MynaError: They cannot be told.
        """
        return tuple(self.plugin.weights(self.options))


class Supply(Protocol):
    """Weights that may still come to this machine while engines wait for them."""

    def missing(self, names: Sequence[str]) -> Sequence[str]:
        """Those of these weights that are not here.

        Raises:
            UnknownName: There are no such weights, and no such file.
        """
        ...

    def problem(self, names: Sequence[str]) -> MynaError | None:
        """Why these, which are missing, do not come; the same error until that changes. None: they are on their way."""
        ...

    def landed(self, names: Sequence[str]) -> int:
        """How often any of these has been brought, or found to be whole."""
        ...

    async def news(self) -> None:
        """Wait until any of this may have changed; not for ever."""
        ...


@dataclass(frozen=True, slots=True)
class EngineState:
    """Where an engine stands, or a chain of them.

    Attributes:
        problem: Why it failed; of a member of a chain that is up, why it did not answer last.
        missing: The weights that it waits for, or that it failed for want of.
        members: Of a chain: each of its engines.
        answers: Of a chain: the one that would answer now.
        breaker: Of a member: whether it is asked.
        failovers: Of a member: how often another one was asked in its place.
    """

    engine: str
    status: Status
    problem: MynaError | None = None
    missing: Sequence[str] = ()
    members: Sequence["EngineState"] = ()
    answers: str | None = None
    breaker: BreakerState | None = None
    failovers: int = 0

    @property
    def settled(self) -> bool:
        """Whether it is up or has failed; of a chain, whether that is so of all that would be asked before."""
        for member in self.members:
            if member.status != "failed":
                return member.status == "ready"
        return self.status in ("ready", "failed")


class HeldEngine:
    """An engine that is opened when its weights are here, and once more when it has failed and a pull brought any.

    Attributes:
        state: Where it stands.
    """

    def __init__(self, kind: Kind, choice: Choice, changed: Callable[[], None]) -> None:
        self.state = EngineState(choice.name, "loading")
        self._kind: Kind = kind
        self._choice = choice
        self._changed = changed
        self._engine: Any = None

    def why_not(self) -> MynaError | None:
        """Why it is not up; None: it is."""
        return why_not(self._kind, self.state)

    def get(self) -> Any:  # noqa: ANN401 - whatever the plugin opens
        """The engine.

        Raises:
            MynaError: Why it is not up.
        """
        if (problem := self.why_not()) is not None:
            raise problem
        return self._engine

    async def is_alive(self, within_s: float) -> bool:
        """Whether it says of itself that it is there; one that says nothing of that is not known to be."""
        alive = False
        if self.state.status == "ready" and isinstance(self._engine, TellsLife):
            with self._guarded(lambda error: log.debug("%s engine %s: %s", self._kind, self._choice.name, error)):
                alive = await self._engine.is_alive(within_s)
        return alive

    async def gpu_memory(self, within_s: float) -> Sequence[GPUMemory]:
        """What it says of the GPUs that it computes on; nothing if it does not within so many seconds."""
        memory: Sequence[GPUMemory] = ()
        if self.state.status == "ready" and isinstance(self._engine, TellsMemory):
            with (
                self._guarded(lambda error: log.debug("%s engine %s: %s", self._kind, self._choice.name, error)),
                anyio.move_on_after(within_s),
            ):
                memory = await self._engine.memory()
        return memory

    async def hold(self, resources: Resources, supply: Supply | None = None) -> None:
        """Open it and keep it open until cancelled. Without a ``supply``, one whose weights are missing fails."""
        if supply is None:
            await self._hold(resources)
            return
        while True:
            names = await self._fetched(supply)
            landed = supply.landed(names)
            if not self.state.problem:
                await self._hold(resources)
            if not names:
                return
            while supply.landed(names) == landed:
                await supply.news()
            self._turn(EngineState(self._choice.name, "loading"))

    async def _fetched(self, supply: Supply) -> Sequence[str]:
        """Wait until its weights are here, and show meanwhile whether they come. Gives their names."""
        name = self._choice.name
        names: Sequence[str] = ()
        lacked: Sequence[str] = ()
        with self._guarded(self._fail):
            names = self._choice.weights
            while missing := supply.missing(names):
                lacked = lacked or missing
                problem = supply.problem(missing)
                state = EngineState(name, "failed" if problem else "fetching", problem, lacked)
                if state != self.state:
                    self._turn(state)
                    if problem is not None:
                        log.warning("%s engine %s: %s", self._kind, name, problem)
                await supply.news()
            if lacked:
                self._turn(EngineState(name, "loading"))
        return names

    async def _hold(self, resources: Resources) -> None:
        with self._guarded(self._fail):
            async with self._choice.plugin.open(self._choice.options, resources) as self._engine:
                self._turn(EngineState(self._choice.name, "ready"))
                await anyio.sleep_forever()

    @contextmanager
    def _guarded(self, failed: Callable[[MynaError], None]) -> Generator[None]:
        """``failed`` is told of an error of the engine, and it is no more than that."""
        try:
            yield
        except MynaError as error:
            failed(error)
        except Exception as error:  # packages of others stand behind this door, and know no errors of ours
            log.exception("%s engine %s", self._kind, self._choice.name)
            how = "has failed" if self.state.status == "ready" else "does not load"
            failed(
                EngineUnavailable(
                    f"The {self._kind} engine {self._choice.name} {how}: {type(error).__name__}: {error}.",
                    hint="The log has the details.",
                )
            )

    def _fail(self, error: MynaError) -> None:
        log.warning("%s engine %s: %s", self._kind, self._choice.name, error)
        self._engine = None
        self._turn(EngineState(self._choice.name, "failed", error))

    def _turn(self, state: EngineState) -> None:
        self.state = state
        self._changed()


def why_not(kind: Kind, state: EngineState) -> MynaError | None:
    """Why an engine that stands so is not up; None: it is."""
    match state.status:
        case "ready":
            return None
        case "fetching":
            return EngineUnavailable(
                f"The weights of the {kind} engine {state.engine} are still being fetched.",
                hint="Try again when they are here: /health tells how much has come.",
            )
        case "loading":
            return EngineUnavailable(
                f"The {kind} engine {state.engine} is still loading.", hint="Try again in a few seconds."
            )
        case "failed":
            problem = state.problem or EngineUnavailable(f"The {kind} engine {state.engine} has failed.")
            return problem.with_traceback(None)  # it would keep the frames of every request that met it
