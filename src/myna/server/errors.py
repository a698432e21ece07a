"""Errors as HTTP answers: ``{"error": {"code", "message", "hint"}}``."""

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from myna.core.errors import (
    Busy,
    Closed,
    EngineRefused,
    EngineTimeout,
    EngineUnavailable,
    MynaError,
    NoRoom,
    UnknownName,
    WeightsDamaged,
    WeightsError,
    WeightsMissing,
)

STATUS: Mapping[str, int] = {
    UnknownName.code: 404,
    EngineRefused.code: 502,
    EngineTimeout.code: 504,
    **dict.fromkeys((EngineUnavailable.code, Busy.code, Closed.code), 503),
    **dict.fromkeys((WeightsError.code, WeightsMissing.code, WeightsDamaged.code, NoRoom.code), 503),
    MynaError.code: 500,
}
"""The HTTP status of an error code; any other is the client's doing: 422."""


def answer(status: int, code: str, message: str, hint: str = "") -> JSONResponse:
    """The answer that says what went wrong."""
    return JSONResponse({"error": {"code": code, "message": message, "hint": hint}}, status)


def install(app: FastAPI) -> None:
    """Have every error of ``app`` answered in this form."""

    @app.exception_handler(MynaError)
    async def myna_error(_: Request, error: MynaError) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        return answer(STATUS.get(error.code, 422), error.code, error.message, error.hint)

    @app.exception_handler(RequestValidationError)
    async def bad_body(  # pyright: ignore[reportUnusedFunction]
        _: Request, error: RequestValidationError
    ) -> JSONResponse:
        problems = error.errors()
        if any(problem["type"] == "json_invalid" for problem in problems):
            return answer(400, "bad_json", "The body is no JSON.", "Send a JSON object.")
        told = "; ".join(f"{_place(problem['loc'])}: {problem['msg']}" for problem in problems[:5])
        return answer(422, "bad_request", f"The request is not understood: {told}.", "The page /docs lists the fields.")

    @app.exception_handler(HTTPException)
    async def http_error(_: Request, error: HTTPException) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        return answer(error.status_code, "http", f"{error.detail}.", "The page /docs lists what there is.")


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location if part != "body") or "body"
