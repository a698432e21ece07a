"""A real server on a real socket, with the engines that a test gives it."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread
import httpx
import openai
from pydantic import BaseModel

from myna.config.load import Loaded
from myna.config.settings import Settings
from myna.engines.base import LLM, Resources
from myna.engines.opening import Choice, open_engines
from myna.engines.plugins import Kind
from myna.engines.scheduler import open_scheduler
from myna.memory.base import Memories
from myna.memory.remembering import Remembering
from myna.personas.load import Personas
from myna.server.app import create_app
from myna.server.arrivals import Arrivals, fetch_missing
from myna.server.configured import url_of
from myna.server.door import Rules
from myna.server.guest import NOBODY, Guest
from myna.server.pulling import open_pulls
from myna.server.run import bind, serve
from myna.server.service import Service
from myna.server.sizes import Limits
from myna.server.tls import TLS, client_context
from myna.store.base import ConversationStore
from myna.store.in_memory import InMemoryStore
from myna.store.lazy import LazyStore
from myna.testing.llm import ScriptedLLM
from myna.tools.base import ToolSource
from myna.tools.toolbox import open_toolbox
from myna.weights.locate import Weights
from myna.weights.store import WeightsStore

T = TypeVar("T")


class NoOptions(BaseModel):
    pass


@dataclass(frozen=True)
class Opened:
    """The plugin of an engine that exists already."""

    engine: object
    options_model: type[NoOptions] = NoOptions

    def weights(self, options: NoOptions) -> Sequence[str]:
        return ()

    @asynccontextmanager
    async def open(self, options: NoOptions, resources: Resources) -> AsyncGenerator[object]:
        yield self.engine


@dataclass(frozen=True)
class Clients:
    """Whoever asks the server: plain HTTP, and the official SDK, which blocks."""

    http: httpx.AsyncClient
    sdk: openai.OpenAI

    async def ask(self, call: Callable[[openai.OpenAI], T]) -> T:
        """What the SDK gives, called in a thread."""
        return await anyio.to_thread.run_sync(partial(call, self.sdk))


def choice(engine: object) -> Choice:
    """An engine as the chosen one of its kind."""
    return Choice("scripted", Opened(engine), NoOptions())


@asynccontextmanager
async def serving_engines(  # noqa: PLR0913 - all that a test can choose
    weights: Weights,
    choices: Mapping[Kind, Choice],
    settings: Settings | None = None,
    rules: Rules | None = None,
    limits: Limits | None = None,
    *,
    settled: bool = True,
    tools: Sequence[ToolSource] = (),
    guest: Guest = NOBODY,
    store: ConversationStore | None = None,
    memories: Memories | None = None,
    remembering: Remembering | None = None,
    personas: Personas | None = None,
    loaded: Loaded | None = None,
    tls: TLS | None = None,
    fetches: bool = False,
) -> AsyncGenerator[Clients]:
    """Clients of a server with these engines, and an LLM that says nothing; once all are up, if they are to be.

    If it ``fetches``, it pulls what they lack into ``weights``, which is a store, as ``loaded`` says.
    """

    @asynccontextmanager
    async def service() -> AsyncGenerator[Service]:
        async with open_scheduler({"cpu": 2}) as scheduler:
            everything: dict[Kind, Choice] = {"llm": choice(ScriptedLLM()), **choices}
            async with open_pulls() as pulls, open_toolbox(tools) as toolbox, AsyncExitStack() as stack:
                arrivals = None
                if fetches and isinstance(weights, WeightsStore) and loaded is not None:
                    arrivals = Arrivals(weights, pulls)
                    fetch_missing(everything, arrivals, loaded.settings.weights)
                engines = await stack.enter_async_context(
                    open_engines(everything, Resources(weights, scheduler), supply=arrivals)
                )
                if settled:
                    await engines.settled()
                yield Service(
                    settings or (loaded.settings if loaded else Settings()),
                    engines,
                    LazyStore(store or InMemoryStore()),
                    personas or Personas(None),
                    scheduler,
                    toolbox,
                    guest=guest,
                    memories=memories,
                    remembering=remembering,
                    loaded=loaded,
                    weights=weights if isinstance(weights, WeightsStore) else None,
                    pulls=pulls,
                )

    listener = bind("127.0.0.1", 0)
    up, stop = anyio.Event(), anyio.Event()

    async def announce() -> None:
        up.set()

    async with anyio.create_task_group() as group:
        authority = tls.authority if tls else None
        group.start_soon(serve, create_app(service, rules, limits, authority), listener, announce, stop, tls)
        await up.wait()
        url = url_of(listener, secure=tls is not None)
        trusted = client_context(authority) if authority else True
        async with httpx.AsyncClient(base_url=url, timeout=60, verify=trusted) as http:
            with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0, timeout=60) as sdk:
                yield Clients(http, sdk)
        if fetches:  # what pulls is another process, which has to be let go of
            stop.set()
        else:
            group.cancel_scope.cancel()


@asynccontextmanager
async def serving(
    llm: LLM,
    weights: Weights,
    settings: Settings | None = None,
    rules: Rules | None = None,
    *,
    tools: Sequence[ToolSource] = (),
    guest: Guest = NOBODY,
) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of a server with this LLM alone."""
    async with serving_engines(weights, {"llm": choice(llm)}, settings, rules, tools=tools, guest=guest) as clients:
        yield clients.http


async def until(true: Callable[[], bool]) -> None:
    """Wait for something that happens elsewhere."""
    with anyio.fail_after(20):
        while not true():
            await anyio.sleep(0.01)
