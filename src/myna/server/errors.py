"""Errors as HTTP answers: ``{"error": {"code", "message", "hint"}}``, and under ``/v1`` in OpenAI's form."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from myna.core.errors import (
    BadInput,
    Busy,
    Closed,
    EngineRefused,
    EngineTimeout,
    EngineUnavailable,
    MynaError,
    NoRoom,
    PromptTooLong,
    StoreError,
    StoreUnavailable,
    StoreUnusable,
    UnknownName,
    WeightsDamaged,
    WeightsError,
    WeightsMissing,
)
from myna.personas.editing import BadPersona, ChangedMeanwhile

OPENAI = "/v1/"
"""Below this path errors have OpenAI's form."""


class BadParameter(BadInput):
    """A field of the request that cannot be used; ``param`` is its place, as ``messages[0].content``."""

    code = "invalid_value"

    def __init__(self, message: str, *, param: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.param = param


class Unsupported(BadParameter):
    """A field that asks for what Myna cannot do; leaving it out unsaid would change the meaning of the request."""

    code = "unsupported_parameter"


class ModelNotFound(UnknownName):
    """No such model; the message lists what there is."""

    code = "model_not_found"


class MemoryOff(BadInput):
    """Memories are asked for, and Myna is not to remember anything."""

    code = "memory_off"

    def __init__(self) -> None:
        super().__init__(
            "Memory is switched off on this server.",
            hint="To switch it on, set enabled = true in the section [memory] of myna.toml, and start it again.",
        )


class SettingsUnknown(BadInput):
    """Settings are asked for, and the server was opened by a program that brought its own."""

    code = "settings_unknown"

    def __init__(self) -> None:
        super().__init__(
            "This server's settings are those of the program that runs it.", hint="They can be changed there alone."
        )


class OwnerOnly(BadInput):
    """What changes the server for all its users is asked for by one who is not its owner."""

    code = "owner_only"


STATUS: Mapping[str, int] = {
    **dict.fromkeys((UnknownName.code, ModelNotFound.code), 404),
    EngineRefused.code: 502,
    EngineTimeout.code: 504,
    **dict.fromkeys((EngineUnavailable.code, Busy.code, Closed.code), 503),
    **dict.fromkeys((StoreError.code, StoreUnavailable.code, StoreUnusable.code), 503),
    OwnerOnly.code: 403,
    MemoryOff.code: 409,
    ChangedMeanwhile.code: 412,
    SettingsUnknown.code: 409,
    **dict.fromkeys((WeightsError.code, WeightsMissing.code, WeightsDamaged.code, NoRoom.code), 503),
    MynaError.code: 500,
}
"""The HTTP status of an error code; any other is the client's doing: 422, and 400 under ``/v1``."""

_OPENAI_CODES: Mapping[str, str] = {PromptTooLong.code: "context_length_exceeded"}
_OPENAI_PARAMS: Mapping[str, str] = {PromptTooLong.code: "messages", ModelNotFound.code: "model"}
_NO_RETRY: Mapping[str, str] = {"x-should-retry": "false"}
"""Keeps OpenAI's SDKs from asking twice more, as they do by themselves after any 5xx."""

_OPENAI_TYPES: Mapping[int, str] = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong, before it has a form.

    Attributes:
        status: The HTTP status.
        param: The field of the request that is at fault, where it is one.
        fields: What is wrong with each field of what was sent, by its place, where that is known.
    """

    status: int
    code: str
    message: str
    hint: str = ""
    param: str | None = None
    fields: Mapping[str, str] | None = None


def problem_of(error: MynaError) -> Problem:
    """``error``, with its status."""
    param = error.param if isinstance(error, BadParameter) else _OPENAI_PARAMS.get(error.code)
    fields = error.fields if isinstance(error, BadPersona) else None
    return Problem(STATUS.get(error.code, 422), error.code, error.message, error.hint, param, fields)


def error_told(code: str, message: str, hint: str) -> MynaError:
    """The error that a session has told as an event."""
    kind = next((kind for kind in _kinds(MynaError) if kind.code == code), MynaError)
    return kind(message, hint=hint)


def answer(path: str, problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """The answer that tells ``problem`` to who asked for ``path``."""
    if path.startswith(OPENAI):
        if problem.status in (502, 504):  # minutes have gone by, or the answer was no; 503 may be over in a moment
            headers = {**(headers or {}), **_NO_RETRY}
        return JSONResponse(openai_body(problem), 400 if problem.status == 422 else problem.status, headers)
    told: dict[str, Any] = {"code": problem.code, "message": problem.message, "hint": problem.hint}
    if problem.fields is not None:
        told["fields"] = dict(problem.fields)
    return JSONResponse({"error": told}, problem.status, headers)


def openai_body(problem: Problem) -> dict[str, Any]:
    """``problem`` in OpenAI's form, which has no hint: it follows the message."""
    kind = "server_error" if problem.status >= 500 else _OPENAI_TYPES.get(problem.status, "invalid_request_error")
    told = {"message": f"{problem.message} {problem.hint}".strip(), "type": kind, "param": problem.param}
    return {"error": told | {"code": _OPENAI_CODES.get(problem.code, problem.code)}}


def install(app: FastAPI) -> None:
    """Have every error of ``app`` answered in the form that its path has."""

    @app.exception_handler(MynaError)
    async def myna_error(request: Request, error: MynaError) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        return answer(request.url.path, problem_of(error))

    @app.exception_handler(RequestValidationError)
    async def bad_request(  # pyright: ignore[reportUnusedFunction]
        request: Request, error: RequestValidationError
    ) -> JSONResponse:
        path = request.url.path
        return answer(path, _unreadable(error) or _invalid(error, one=path.startswith(OPENAI)))

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        code = {404: "unknown_url", 405: "method_not_allowed"}.get(error.status_code, "http")
        message = f"{error.detail}: {request.method} {request.url.path}."
        problem = Problem(error.status_code, code, message, "The page /docs lists what there is.")
        return answer(request.url.path, problem, error.headers)

    @app.exception_handler(Exception)
    async def fault(request: Request, _: Exception) -> JSONResponse:  # pyright: ignore[reportUnusedFunction]
        problem = Problem(500, MynaError.code, "Something went wrong inside Myna.", "The log has the details.")
        return answer(request.url.path, problem)


def _unreadable(error: RequestValidationError) -> Problem | None:
    """What is wrong with a body that could not even be read."""
    problem = error.errors()[0]
    if problem["type"] == "json_invalid":
        why = problem.get("ctx", {}).get("error", "it ends too early")
        return Problem(400, "bad_json", f"The body is no JSON: {why}.", "Send a JSON object in UTF-8.")
    if problem["loc"] == ("body",) and isinstance(problem.get("input"), bytes):
        hint = "Send the header Content-Type: application/json."
        return Problem(400, "bad_json", "The body is not declared to be JSON.", hint)
    return None


def _invalid(error: RequestValidationError, *, one: bool) -> Problem:
    """What is wrong with the fields; only the first where the form has room for ``one``."""
    problems = error.errors()
    if one:
        first = problems[0]
        param = _param(first, error.body)
        if first["type"] == "missing":
            message = f"Missing required parameter: {param or 'the body'}."
            return Problem(400, "missing_required_parameter", message, param=param)
        code = "invalid_type" if first["type"].endswith("_type") else "invalid_value"
        return Problem(400, code, f"Invalid value for {param or 'the body'}: {_said(first)}.", param=param)
    told = "; ".join(f"{_param(problem, error.body) or 'body'}: {_said(problem)}" for problem in problems[:5])
    message = f"The request is not understood: {told}."
    return Problem(422, "bad_request", message, "The page /docs lists the fields.")


def _said(problem: Mapping[str, Any]) -> str:
    return str(problem["msg"]).removeprefix("Value error, ")


def _param(problem: Mapping[str, Any], body: object) -> str | None:
    """The place of a field as OpenAI writes it: ``messages[0].content``."""
    place = problem["loc"][1:]
    parts = _without_branches(place, body, missing=problem["type"] == "missing") if body is not None else place
    written = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return written.removeprefix(".") or None


def _without_branches(place: tuple[int | str, ...], body: object, *, missing: bool) -> Iterator[int | str]:
    """The parts of a place without those that pydantic puts in for the kinds of a union that it tried: ``voice.str``.

    They are what the body does not have, unless the very field is missing.
    """
    value = body
    for index, part in enumerate(place):
        if isinstance(part, int):
            items = cast(list[object], value) if isinstance(value, list) else []
            value = items[part] if part < len(items) else None  # a lone `stop` counts as a list
            yield part
        elif isinstance(value, dict) and part in value:
            value = cast(dict[str, object], value)[part]
            yield part
        elif missing and index == len(place) - 1:
            yield part


def _kinds(kind: type[MynaError]) -> Iterator[type[MynaError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from _kinds(child)
