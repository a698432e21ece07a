"""A real server, on a real socket, whose LLM is scripted."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import httpx
from pydantic import BaseModel

from myna.config.settings import Settings
from myna.engines.base import LLM, Resources
from myna.engines.opening import Choice, open_engines
from myna.engines.scheduler import open_scheduler
from myna.personas.load import Personas
from myna.server.app import create_app
from myna.server.door import Rules
from myna.server.run import bind, serve
from myna.server.service import Service
from myna.store.in_memory import InMemoryStore
from myna.weights.locate import Weights


class NoOptions(BaseModel):
    pass


@dataclass(frozen=True)
class ScriptedPlugin:
    llm: LLM
    options_model: type[NoOptions] = NoOptions

    def weights(self, options: NoOptions) -> Sequence[str]:
        return ()

    @asynccontextmanager
    async def open(self, options: NoOptions, resources: Resources) -> AsyncGenerator[LLM]:
        yield self.llm


@asynccontextmanager
async def serving(
    llm: LLM, weights: Weights, settings: Settings | None = None, rules: Rules | None = None
) -> AsyncGenerator[httpx.AsyncClient]:
    """A client of the server."""

    @asynccontextmanager
    async def service() -> AsyncGenerator[Service]:
        async with open_scheduler({"cpu": 1}) as scheduler:
            choice = Choice("scripted", ScriptedPlugin(llm), NoOptions())
            async with open_engines({"llm": choice}, Resources(weights, scheduler)) as engines:
                await engines.settled()
                yield Service(settings or Settings(), engines, InMemoryStore(), Personas(None))

    listener = bind("127.0.0.1", 0)
    up = anyio.Event()

    async def announce() -> None:
        up.set()

    async with anyio.create_task_group() as group:
        group.start_soon(serve, create_app(service, rules), listener, announce)
        await up.wait()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=10) as client:
            yield client
        group.cancel_scope.cancel()
