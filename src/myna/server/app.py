"""The FastAPI app."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

import myna
from myna.engines.opening import EngineState
from myna.server import errors, llm
from myna.server.service import Service


def create_app(open_service: Callable[[], AbstractAsyncContextManager[Service]]) -> FastAPI:
    """The app. Its service is opened when the server starts and closed when it stops; ``app.state.service`` is it."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with open_service() as app.state.service:
            yield

    app = FastAPI(title="Myna", version=myna.__version__, lifespan=lifespan, docs_url="/docs", redoc_url=None)
    errors.install(app)
    app.include_router(llm.router)

    @app.get("/health")
    async def health(request: Request) -> dict[str, Any]:  # pyright: ignore[reportUnusedFunction]
        """Whether the server lives, and the state of each engine."""
        return {"status": "ok", "engines": _states(request)}

    @app.get("/ready")
    async def ready(request: Request) -> Response:  # pyright: ignore[reportUnusedFunction]
        """200 when all engines are up, else 503."""
        up = request.app.state.service.engines.ready
        return JSONResponse({"ready": up, "engines": _states(request)}, 200 if up else 503)

    return app


def _states(request: Request) -> dict[str, dict[str, str]]:
    service: Service = request.app.state.service
    return {kind: _state(state) for kind, state in service.engines.states.items()}


def _state(state: EngineState) -> dict[str, str]:
    told = {"engine": state.engine, "status": state.status}
    return told | {"code": state.problem.code, "problem": str(state.problem)} if state.problem else told
