"""The FastAPI app."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse

import myna
from myna.core.errors import MynaError
from myna.engines.held import EngineState
from myna.server import (
    asr_socket,
    conversations,
    docs_page,
    errors,
    llm,
    memories,
    metrics,
    persona_editing,
    personas,
    realtime,
    settings,
    tls,
    turns,
    voices,
    web_page,
    weights,
)
from myna.server.door import Door, Rules
from myna.server.idempotency import open_idempotency
from myna.server.openai import chat, embeddings, models, speech, transcriptions
from myna.server.places import Places
from myna.server.reading_ahead import reading_ahead
from myna.server.service import Service
from myna.server.sizes import Limits, SizeLimit


def create_app(
    open_service: Callable[[], AbstractAsyncContextManager[Service]],
    rules: Rules | None = None,
    limits: Limits | None = None,
    authority: Path | None = None,
) -> FastAPI:
    """The app. Its service is opened when the server starts and closed when it stops; ``app.state.service`` is it.

    Args:
        open_service: Opens it.
        rules: Who is let in; left out, programs of this machine and nobody else's pages.
        limits: How much they may send.
        authority: The file of the certificate authority that phones may be told to trust, if there is one.
    """
    rules = rules or Rules()
    limits = limits or Limits()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        try:
            async with (
                open_service() as app.state.service,
                open_idempotency(llm.size) as app.state.idempotency,
                reading_ahead(app.state.service),
            ):
                yield
        except MynaError as problem:
            app.state.problem = problem  # `run.serve` tells it
            raise

    app = FastAPI(title="Myna", version=myna.__version__, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.limits = limits
    app.state.problem = None
    app.state.places = Places(limits.sessions)
    errors.install(app)
    app.add_middleware(SizeLimit, limits=limits)
    app.add_middleware(Door, rules=rules)
    if rules.origins:  # around the door, so that a page of theirs can also read why it was not let in
        app.add_middleware(
            CORSMiddleware,
            allow_origins=sorted(rules.origins),
            allow_methods=["*"],
            allow_headers=["*"],
            expose_headers=["x-request-id"],
        )
    for part in (llm, chat, models, speech, transcriptions, embeddings, realtime, asr_socket, docs_page):
        app.include_router(part.router)
    for part in (conversations, turns, memories, persona_editing, personas, settings, voices, weights, metrics):
        app.include_router(part.router)

    @app.head("/health", include_in_schema=False)
    @app.get("/health")
    async def health(request: Request) -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        """Whether the server lives, and the state of each engine; to who may ask for more, also load and tools."""
        more = {**_load(request), "tools": _tools(request)} if request.state.trusted else {}
        return {"status": "ok", "engines": _states(request), **more}

    @app.head("/ready", include_in_schema=False)
    @app.get("/ready")
    async def ready(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """200 when all engines are up, else 503."""
        up = request.app.state.service.engines.ready
        return JSONResponse({"ready": up, "engines": _states(request)}, 200 if up else 503)

    if authority is not None:
        app.include_router(tls.router_of(authority))
    app.include_router(web_page.router_of())
    return app


def _load(request: Request) -> dict[str, Any]:
    service: Service = request.app.state.service
    places: Places = request.app.state.places
    devices = {name: asdict(load) for name, load in service.scheduler.load().items()}
    return {"sessions": {"live": places.taken, "places": places.number}, "devices": devices}


def _tools(request: Request) -> dict[str, Any]:
    service: Service = request.app.state.service
    servers = {source.state.name: asdict(source.state) for source in service.servers}
    return {"names": sorted(tool.spec.name for tool in service.toolbox.tools), "mcp": servers}


def _states(request: Request) -> dict[str, dict[str, Any]]:
    service: Service = request.app.state.service
    return {
        kind: _state(service, state, in_full=request.state.trusted) for kind, state in service.engines.states.items()
    }


def _state(service: Service, state: EngineState, *, in_full: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"engine": state.engine, "status": state.status}
    if state.status == "fetching" and service.pulls is not None:
        come = service.pulls.come(state.missing)
        told |= {"done": come.done, "size": come.size or None}
    if state.problem:
        told["code"] = state.problem.code
        if in_full:  # it may name files and addresses, which a stranger must not learn
            told["problem"] = str(state.problem)
    if state.breaker is not None:
        told |= {"breaker": state.breaker, "failovers": state.failovers}
    if state.members:
        members = [_state(service, member, in_full=in_full) for member in state.members]
        told |= {"answers": state.answers, "members": members}
    return told
