"""Opening the engines of a process: all at once, each held by a task of its own, each with a state to show.

Where weights may still come while the process runs (`Supply`), an engine is opened as soon as its own are here.
"""

import logging
from collections.abc import AsyncGenerator, Callable, Collection, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

import anyio
from pydantic import BaseModel

from myna.core.errors import EngineUnavailable, MynaError
from myna.engines.base import ASR, LLM, TTS, VAD, Embedder, Plugin, Resources, TurnDetector
from myna.engines.llm.tool_calling import Method, tool_calling
from myna.engines.plugins import Kind
from myna.engines.task_group import open_task_group

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Choice:
    """The engine that was chosen for a kind: its name, its plugin and its options."""

    name: str
    plugin: Plugin[Any, Any]
    options: BaseModel


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
    """Where an engine stands.

    Attributes:
        problem: Why it failed.
        missing: The weights that it waits for, or that it failed for want of.
    """

    engine: str
    status: Literal["fetching", "loading", "ready", "failed"]
    problem: MynaError | None = None
    missing: Sequence[str] = ()

    @property
    def settled(self) -> bool:
        """Whether it is up or has failed."""
        return self.status in ("ready", "failed")


class Engines:
    """The engines of a process. Made by `open_engines`."""

    def __init__(self, choices: Mapping[Kind, Choice], tool_calls: Method = "auto") -> None:
        self._tool_calls: Method = tool_calls
        self._open: dict[Kind, Any] = {}
        self._states: dict[Kind, EngineState] = {}
        for kind, choice in choices.items():
            self._states[kind] = EngineState(choice.name, "loading")
        self._changed = anyio.Event()

    @property
    def states(self) -> Mapping[Kind, EngineState]:
        """Where each engine stands."""
        return self._states

    @property
    def ready(self) -> bool:
        """Whether all of them are up."""
        return all(state.status == "ready" for state in self._states.values())

    @property
    def loads(self) -> bool:
        """Whether any of them is loaded right now; it need not be, while its weights are still fetched."""
        return any(state.status == "loading" for state in self._states.values())

    def is_up(self, kind: Kind) -> bool:
        """Whether the engine of this kind is part of the run, and up."""
        return kind in self._open and self._states[kind].status == "ready"

    @property
    def llm(self) -> LLM:
        """The LLM, as one that calls tools (`ToolCallingLLM`).

        Raises:
            EngineUnavailable: It still loads, or its weights are still fetched.
            MynaError: It failed; this is why.
        """
        return cast(LLM, self._get("llm"))

    @property
    def asr(self) -> ASR:
        """The ASR; raises as `llm` does."""
        return cast(ASR, self._get("asr"))

    @property
    def tts(self) -> TTS:
        """The TTS; raises as `llm` does."""
        return cast(TTS, self._get("tts"))

    @property
    def vad(self) -> VAD:
        """The VAD; raises as `llm` does."""
        return cast(VAD, self._get("vad"))

    @property
    def turn(self) -> TurnDetector:
        """The turn detector; raises as `llm` does, also where the settings go without one."""
        return cast(TurnDetector, self._get("turn"))

    @property
    def embed(self) -> Embedder:
        """The embedder; raises as `llm` does."""
        return cast(Embedder, self._get("embed"))

    async def settled(self, *, may_fail: Collection[Kind] = ()) -> None:
        """Wait until each engine is up or has failed.

        Raises:
            MynaError: Why the first of them failed, apart from those that may.
        """
        await self.until(lambda: all(state.settled for state in self._states.values()))
        for kind, state in self._states.items():
            if state.problem is not None and kind not in may_fail:
                raise state.problem.with_traceback(None)

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something that the states of the engines decide."""
        while not true():
            await self._changed.wait()

    def why_not(self, kind: Kind) -> MynaError | None:
        """Why the engine of this kind is not up; None: it is."""
        state = self._states.get(kind)
        if state is None:
            return EngineUnavailable(f"No {kind} engine is part of this run.")
        if state.problem is not None:
            return state.problem.with_traceback(None)  # it would keep the frames of every request that met it
        if state.status == "fetching":
            return EngineUnavailable(
                f"The weights of the {kind} engine {state.engine} are still being fetched.",
                hint="Try again when they are here: /health tells how much has come.",
            )
        if state.status == "loading":
            return EngineUnavailable(
                f"The {kind} engine {state.engine} is still loading.", hint="Try again in a few seconds."
            )
        return None

    def _get(self, kind: Kind) -> object:
        if (problem := self.why_not(kind)) is not None:
            raise problem
        return self._open[kind]

    async def hold(self, kind: Kind, choice: Choice, resources: Resources, supply: Supply | None = None) -> None:
        """Open one engine and keep it open until cancelled.

        With a ``supply`` it is opened when its weights are here; and when it has failed, once more when a pull has
        brought any of them, which may be what was wrong.
        """
        if supply is None:
            await self._hold(kind, choice, resources)
            return
        while True:
            names = await self._fetched(kind, choice, supply)
            landed = supply.landed(names)
            if not self._states[kind].problem:
                await self._hold(kind, choice, resources)
            if not names:
                return
            while supply.landed(names) == landed:
                await supply.news()
            self._turn(kind, EngineState(choice.name, "loading"))

    async def _fetched(self, kind: Kind, choice: Choice, supply: Supply) -> Sequence[str]:
        """Wait until the weights of an engine are here, and show meanwhile whether they come. Gives their names."""
        names: Sequence[str] = ()
        lacked: Sequence[str] = ()
        with self._told(kind, choice):
            names = choice.plugin.weights(choice.options)
            while missing := supply.missing(names):
                lacked = lacked or missing
                problem = supply.problem(missing)
                state = EngineState(choice.name, "failed" if problem else "fetching", problem, lacked)
                if state != self._states[kind]:
                    self._turn(kind, state)
                    if problem is not None:
                        log.warning("%s engine %s: %s", kind, choice.name, problem)
                await supply.news()
            if lacked:
                self._turn(kind, EngineState(choice.name, "loading"))
        return names

    async def _hold(self, kind: Kind, choice: Choice, resources: Resources) -> None:
        with self._told(kind, choice):
            async with choice.plugin.open(choice.options, resources) as engine:
                self._open[kind] = engine if kind != "llm" else tool_calling(engine, self._tool_calls, self._embedder)
                self._turn(kind, EngineState(choice.name, "ready"))
                await anyio.sleep_forever()

    @contextmanager
    def _told(self, kind: Kind, choice: Choice) -> Generator[None]:
        """An error of an engine is its state, and no more than that."""
        try:
            yield
        except MynaError as error:
            log.warning("%s engine %s: %s", kind, choice.name, error)
            self._turn(kind, EngineState(choice.name, "failed", error))
        except Exception as error:  # packages of others stand behind this door, and know no errors of ours
            log.exception("%s engine %s", kind, choice.name)
            failed = "has failed" if self._states[kind].status == "ready" else "does not load"
            problem = EngineUnavailable(
                f"The {kind} engine {choice.name} {failed}: {type(error).__name__}: {error}.",
                hint="The log has the details.",
            )
            self._turn(kind, EngineState(choice.name, "failed", problem))

    def _embedder(self) -> Embedder | None:
        return self.embed if self.is_up("embed") else None

    def _turn(self, kind: Kind, state: EngineState) -> None:
        self._states[kind] = state
        self._changed.set()
        self._changed = anyio.Event()


@asynccontextmanager
async def open_engines(
    choices: Mapping[Kind, Choice], resources: Resources, *, tool_calls: Method = "auto", supply: Supply | None = None
) -> AsyncGenerator[Engines]:
    """Open the chosen engines in the background; leaving closes them. An engine that fails leaves the others alone.

    Args:
        choices: Which.
        resources: What they are opened with.
        tool_calls: How the LLM is brought to call tools.
        supply: What brings weights while they run; without one an engine whose weights are missing fails.
    """
    engines = Engines(choices, tool_calls)
    async with open_task_group() as holders:
        for kind, choice in choices.items():
            holders.start_soon(engines.hold, kind, choice, resources, supply)
        try:
            yield engines
        finally:
            holders.cancel_scope.cancel()
