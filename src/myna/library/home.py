"""What the library shares in a process: the event loop, and one engine for all who ask for an equal one."""

import asyncio
import atexit
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import anyio

from myna.config.load import Loaded
from myna.core.errors import MynaError
from myna.engines.abandoned import wait_for_abandoned
from myna.engines.base import LLM, Resources
from myna.engines.held import Choice
from myna.engines.llm.chain import FAILOVER_AFTER_S
from myna.engines.llm.tool_calling import Method
from myna.engines.opening import Engines, open_engines
from myna.engines.plugins import Kind
from myna.engines.scheduler import Scheduler, open_scheduler
from myna.library.event_loop import EventLoop
from myna.library.outside_tools import OpenOutside, Outside
from myna.personas.load import Personas
from myna.server.service import Service, cpu_slots, open_service
from myna.tools.base import ToolSource
from myna.tools.load import load_tools
from myna.tools.mcp.opening import open_mcp
from myna.tools.toolbox import open_toolbox
from myna.weights.catalog import load_catalog
from myna.weights.locate import Weights
from myna.weights.store import WeightsStore

T = TypeVar("T")
KeyT = TypeVar("KeyT")

CLOSE_S = 10.0
"""How long closing waits for a model to be gone."""

NATIVE_S = 60.0
"""How long a process that ends waits for native code, which is loading a model at most."""


@dataclass(frozen=True, slots=True)
class Model:
    """A model that is meant: its engine with all options, and how it is brought to call tools, with which embedder.

    Attributes:
        failover_after_s: See `myna.engines.llm.chain.ChainLLM`.
    """

    choice: Choice
    tool_calls: Method
    embedder: Choice | None
    failover_after_s: float = FAILOVER_AFTER_S

    def is_same(self, other: "Model") -> bool:
        """Whether one engine does for both."""
        return (self.choice, self.tool_calls, self.failover_after_s) == (
            other.choice,
            other.tool_calls,
            other.failover_after_s,
        )


@dataclass(slots=True)
class _Shared:
    """An engine that is there for all who ask for it; ``changed`` is when it begins to load."""

    model: Model
    engines: Engines | None = None
    changed: anyio.Event = field(default_factory=anyio.Event)
    unwanted: anyio.Event = field(default_factory=anyio.Event)
    gone: anyio.Event = field(default_factory=anyio.Event)


class _Kept(Generic[KeyT, T]):
    """Things that are opened when somebody wants them first, and stay open until the process ends."""

    def __init__(self, loop: EventLoop) -> None:
        self._loop = loop
        self._known: list[tuple[KeyT, asyncio.Future[T]]] = []

    async def get(self, key: KeyT, opening: Callable[[], AbstractAsyncContextManager[T]]) -> T:
        """What is kept under ``key``, opened by ``opening`` if there is none.

        Raises:
            Exception: Why it does not open. Who asks again has it tried again.
        """
        opened = next((opened for known, opened in self._known if known == key), None)
        if opened is None:
            opened = asyncio.get_running_loop().create_future()
            self._known.append((key, opened))
            self._loop.last(lambda: self._hold(key, opened, opening))
        return await asyncio.shield(opened)  # who gives up leaves it to the others

    async def _hold(
        self, key: KeyT, opened: asyncio.Future[T], opening: Callable[[], AbstractAsyncContextManager[T]]
    ) -> None:
        try:
            async with opening() as thing:
                opened.set_result(thing)
                await anyio.sleep_forever()
        except Exception as error:  # told to whoever asked for it
            self._known.remove((key, opened))
            if opened.done():
                raise
            opened.set_exception(error)


class Home:
    """What the library shares. But for ``loop``, everything is to be used in the loop only."""

    def __init__(self) -> None:
        self.loop = EventLoop()
        self._shared: list[_Shared] = []
        self._scheduler: _Kept[None, Scheduler] = _Kept(self.loop)
        self._outside: _Kept[Outside, OpenOutside] = _Kept(self.loop)
        self._hearing: _Kept[tuple[Any, Any], Service] = _Kept(self.loop)

    async def scheduler(self) -> Scheduler:
        """Where engines do their blocking work."""
        return await self._scheduler.get(None, lambda: open_scheduler({"cpu": cpu_slots()}))

    async def outside(self, outside: Outside) -> OpenOutside:
        """The tools that are had from there, opened now if nobody has wanted them before.

        Raises:
            BadInput: A file with tools cannot be used.
        """
        return await self._outside.get(outside, lambda: _open_outside(outside))

    async def hearing(self, loaded: Loaded) -> Service:
        """What hears and speaks by these settings, loading; without a language model and tools.

        Raises:
            MynaError: The settings cannot be.
        """
        weights = WeightsStore(loaded.folders.cache / "weights", load_catalog())
        personas = Personas(loaded.folders.config / "personas")
        alone = replace(loaded, settings=loaded.settings.model_copy(update={"mcp": {}}))
        key = (loaded.settings, loaded.options)
        return await self._hearing.get(key, lambda: open_service(alone, ("asr", "tts"), weights, personas))

    async def open(self, model: Model, weights: Weights, device: str) -> LLM:
        """The engine of this model, loaded now if nobody has used an equal one before.

        Raises:
            MynaError: Why it does not load. Who asks again has it tried again.
        """
        resources = Resources(weights, await self.scheduler(), device)
        shared = self._find(model) or self._begin(model, resources)
        await shared.changed.wait()
        assert shared.engines is not None  # noqa: S101 - as it has begun to load
        try:
            await shared.engines.settled(may_fail=["embed"])
        except MynaError:
            self._forget(shared)
            raise
        return shared.engines.llm

    def _begin(self, model: Model, resources: Resources) -> _Shared:
        shared = _Shared(model)
        self._shared.append(shared)

        async def hold() -> None:
            try:
                engines: dict[Kind, Choice] = {"llm": model.choice}
                if model.embedder is not None:
                    engines["embed"] = model.embedder
                async with open_engines(
                    engines, resources, tool_calls=model.tool_calls, failover_after_s=model.failover_after_s
                ) as opened:
                    shared.engines = opened
                    shared.changed.set()
                    await shared.unwanted.wait()
            finally:
                shared.gone.set()

        self.loop.last(hold)
        return shared

    async def close(self, model: Model) -> None:
        """Let go of the engine of this model; who asks for it again has it loaded again."""
        if shared := self._find(model):
            self._forget(shared)
            with anyio.move_on_after(CLOSE_S):
                await shared.gone.wait()

    def _find(self, model: Model) -> _Shared | None:
        return next((shared for shared in self._shared if shared.model.is_same(model)), None)

    def _forget(self, shared: _Shared) -> None:
        with suppress(ValueError):  # somebody else who waited for it has done so
            self._shared.remove(shared)
        shared.unwanted.set()


@asynccontextmanager
async def _open_outside(outside: Outside) -> AsyncGenerator[OpenOutside]:
    files: Sequence[ToolSource] = ()
    if outside.folder is not None:
        files = await anyio.to_thread.run_sync(load_tools, outside.folder)
    async with (
        open_mcp(outside.servers) as servers,
        open_toolbox((*files, *servers), longest_result=outside.longest_result) as box,
    ):
        yield OpenOutside(outside, box, servers)


_starting = threading.Lock()
_home: Home | None = None


def home() -> Home:
    """That of this process. One that was forked off has no threads of its parent's, and so gets its own."""
    global _home  # noqa: PLW0603 - there is one for each process, and nothing may start at import
    with _starting:
        if _home is None or _home.loop.is_left_behind:
            _home = Home()
            atexit.register(_end, _home)
        return _home


def _end(home: Home) -> None:
    """End what runs, before Python shuts down: `myna.engines.abandoned` says why.

    Not as soon as the main thread has ended: until the process does, other threads of the program may ask.
    """
    if not home.loop.is_left_behind:
        with suppress(KeyboardInterrupt, SystemExit):  # a signal's
            home.loop.close()
        wait_for_abandoned(NATIVE_S)
