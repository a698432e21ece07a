"""Opening the engines of a process: all at once, each held by a task of its own, each with a state to show."""

import logging
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, cast

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


@dataclass(frozen=True, slots=True)
class EngineState:
    """Where an engine stands; ``problem`` says why it failed."""

    engine: str
    status: Literal["loading", "ready", "failed"]
    problem: MynaError | None = None


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

    def is_up(self, kind: Kind) -> bool:
        """Whether the engine of this kind is part of the run, and up."""
        return kind in self._open and self._states[kind].status == "ready"

    @property
    def llm(self) -> LLM:
        """The LLM, as one that calls tools (`ToolCallingLLM`).

        Raises:
            EngineUnavailable: It still loads.
            MynaError: It failed to load; this is why.
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
        while any(state.status == "loading" for state in self._states.values()):
            await self._changed.wait()
        for kind, state in self._states.items():
            if state.problem is not None and kind not in may_fail:
                raise state.problem.with_traceback(None)

    def _get(self, kind: Kind) -> object:
        state = self._states.get(kind)
        if state is None:
            raise EngineUnavailable(f"No {kind} engine is part of this run.")
        if state.problem is not None:
            raise state.problem.with_traceback(None)  # it would keep the frames of every request that met it
        if state.status == "loading":
            raise EngineUnavailable(
                f"The {kind} engine {state.engine} is still loading.", hint="Try again in a few seconds."
            )
        return self._open[kind]

    async def hold(self, kind: Kind, choice: Choice, resources: Resources) -> None:
        """Open one engine and keep it open until cancelled."""
        try:
            async with choice.plugin.open(choice.options, resources) as engine:
                self._open[kind] = engine if kind != "llm" else tool_calling(engine, self._tool_calls, self._embedder)
                self._turn(kind, EngineState(choice.name, "ready"))
                await anyio.sleep_forever()
        except MynaError as error:
            log.warning("%s engine %s: %s", kind, choice.name, error)
            self._turn(kind, EngineState(choice.name, "failed", error))
        except Exception as error:  # packages of others stand behind this door, and know no errors of ours
            log.exception("%s engine %s", kind, choice.name)
            failed = "does not load" if self._states[kind].status == "loading" else "has failed"
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
    choices: Mapping[Kind, Choice], resources: Resources, *, tool_calls: Method = "auto"
) -> AsyncGenerator[Engines]:
    """Open the chosen engines in the background; leaving closes them. An engine that fails leaves the others alone.

    ``tool_calls`` says how the LLM is brought to call tools.
    """
    engines = Engines(choices, tool_calls)
    async with open_task_group() as holders:
        for kind, choice in choices.items():
            holders.start_soon(engines.hold, kind, choice, resources)
        try:
            yield engines
        finally:
            holders.cancel_scope.cancel()
