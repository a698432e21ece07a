"""Opening the engines of a process: all at once, each held by a task of its own, each with a state to show.

Where weights may still come while the process runs (`Supply`), an engine is opened as soon as its own are here.
"""

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

import anyio

from myna.core.errors import EngineUnavailable, MynaError
from myna.engines.base import ASR, LLM, TTS, VAD, Embedder, GPUMemory, Resources, TurnDetector
from myna.engines.held import Choice, EngineState, HeldEngine, Supply, why_not
from myna.engines.llm.chain import FAILOVER_AFTER_S, ChainLLM, Member
from myna.engines.llm.tool_calling import Method, tool_calling
from myna.engines.plugins import Kind
from myna.engines.task_group import open_task_group


class Engines:
    """The engines of a process. Made by `open_engines`."""

    def __init__(
        self, choices: Mapping[Kind, Choice], tool_calls: Method = "auto", failover_after_s: float = FAILOVER_AFTER_S
    ) -> None:
        self._changed = anyio.Event()
        self._held: dict[Kind, tuple[HeldEngine, ...]] = {
            kind: tuple(HeldEngine(kind, member, self._notify) for member in choice.members)
            for kind, choice in choices.items()
        }
        self._llms = [_ToolCalling(held, tool_calls, self._embedder) for held in self._held.get("llm", ())]
        self._chain: ChainLLM | None = None
        if len(self._llms) > 1:
            self._chain = ChainLLM([self._member(each) for each in self._llms], failover_after_s)

    def _member(self, llm: "_ToolCalling") -> Member:
        held = llm.held

        def loads() -> bool:
            return held.state.status == "loading"

        async def until_loaded() -> None:
            await self.until(lambda: not loads())

        return Member(held.state.engine, llm.get, held.is_alive, loads, until_loaded)

    @property
    def states(self) -> Mapping[Kind, EngineState]:
        """Where each engine stands."""
        return {kind: self._state(kind) for kind in self._held}

    def _state(self, kind: Kind) -> EngineState:
        first, *others = self._held[kind]
        return first.state if not others or self._chain is None else _state_of(self._chain, self._held[kind])

    @property
    def ready(self) -> bool:
        """Whether all of them are up."""
        return all(state.status == "ready" for state in self.states.values())

    @property
    def loads(self) -> bool:
        """Whether any of them is loaded right now; it need not be, while its weights are still fetched."""
        return any(each.state.status == "loading" for held in self._held.values() for each in held)

    def is_up(self, kind: Kind) -> bool:
        """Whether the engine of this kind is part of the run, and up."""
        return any(each.state.status == "ready" for each in self._held.get(kind, ()))

    @property
    def llm(self) -> LLM:
        """The LLM, as one that calls tools (`ToolCallingLLM`), or a chain of such (`ChainLLM`).

        Raises:
            EngineUnavailable: It still loads, or its weights are still fetched.
            MynaError: It failed; this is why.
        """
        if (problem := self.why_not("llm")) is not None:
            raise problem
        return self._llms[0].get() if self._chain is None else self._chain

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

    async def gpu_memory(self, within_s: float) -> Mapping[str, Sequence[GPUMemory]]:
        """What each LLM engine, by name, says within so many seconds of the GPUs that it computes on."""
        return {held.state.engine: await held.gpu_memory(within_s) for held in self._held.get("llm", ())}

    async def settled(self, *, may_fail: Collection[Kind] = ()) -> None:
        """Wait until each engine is up or has failed; of a chain, until the first is that has not failed.

        Raises:
            MynaError: Why the first of them failed, apart from those that may.
        """
        await self.until(lambda: all(state.settled for state in self.states.values()))
        for kind in self._held:
            if (problem := self.why_not(kind)) is not None and kind not in may_fail:
                raise problem

    async def until(self, true: Callable[[], bool]) -> None:
        """Wait for something that the states of the engines decide."""
        while not true():
            await self._changed.wait()

    def why_not(self, kind: Kind) -> MynaError | None:
        """Why the engine of this kind is not up; None: it is."""
        if kind not in self._held:
            return EngineUnavailable(f"No {kind} engine is part of this run.")
        return why_not(kind, self._state(kind))

    def _get(self, kind: Kind) -> object:
        if (problem := self.why_not(kind)) is not None:
            raise problem
        return self._held[kind][0].get()

    def _embedder(self) -> Embedder | None:
        return self.embed if self.is_up("embed") else None

    def _notify(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

    async def hold(self, resources: Resources, supply: Supply | None = None) -> None:
        """Open all of them, and keep them open until cancelled."""
        async with open_task_group() as holders:
            for held in self._held.values():
                for each in held:
                    holders.start_soon(each.hold, resources, supply)
            if self._chain is not None:
                holders.start_soon(self._chain.watch)


class _ToolCalling:
    """An LLM that is held, as one that calls tools: made anew when it is opened anew."""

    def __init__(self, held: HeldEngine, method: Method, embedder: Callable[[], Embedder | None]) -> None:
        self.held = held
        self._method: Method = method
        self._embedder = embedder
        self._made: tuple[LLM, LLM] | None = None

    def get(self) -> LLM:
        """It; raises as `HeldEngine.get` does."""
        llm = cast(LLM, self.held.get())
        if self._made is None or self._made[0] is not llm:
            self._made = llm, tool_calling(llm, self._method, self._embedder)
        return self._made[1]


def _state_of(chain: ChainLLM, held: tuple[HeldEngine, ...]) -> EngineState:
    """Where a chain stands: it is up as soon as one of its members is."""
    members = [
        replace(
            each.state,
            problem=each.state.problem or member.problem,
            breaker=member.breaker_state,
            failovers=member.failovers,
        )
        for each, member in zip(held, chain.members, strict=True)
    ]
    first = members[0]
    statuses = {member.status for member in members}
    for status in ("ready", "loading", "fetching"):
        if status in statuses:
            lacking = next(member for member in members if member.status == status)
            answering = chain.answering
            answers = answering.name if answering is not None else None
            return EngineState(first.engine, status, None, lacking.missing, members, answers)
    return EngineState(first.engine, "failed", first.problem, first.missing, members)


@asynccontextmanager
async def open_engines(
    choices: Mapping[Kind, Choice],
    resources: Resources,
    *,
    tool_calls: Method = "auto",
    failover_after_s: float = FAILOVER_AFTER_S,
    supply: Supply | None = None,
) -> AsyncGenerator[Engines]:
    """Open the chosen engines in the background; leaving closes them. An engine that fails leaves the others alone.

    An LLM with fallbacks becomes a chain of them.

    Args:
        choices: Which.
        resources: What they are opened with.
        tool_calls: How the LLM is brought to call tools.
        failover_after_s: See `ChainLLM`.
        supply: What brings weights while they run; without one an engine whose weights are missing fails.
    """
    engines = Engines(choices, tool_calls, failover_after_s)
    async with open_task_group() as group:
        group.start_soon(engines.hold, resources, supply)
        try:
            yield engines
        finally:
            group.cancel_scope.cancel()
