"""``/api/models``: the model files of the catalog, which are here and in use, and pulling more. For the owner alone."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from myna.config.load import Loaded
from myna.config.sets import lacks
from myna.core.errors import MynaError
from myna.engines.plugins import KINDS, Kind
from myna.server.errors import SettingsUnknown, problem_of
from myna.server.event_stream import EventStream
from myna.server.guest import Guest
from myna.server.pulling import Pull, Pulls, State
from myna.server.service import Service
from myna.server.strict_json import StrictJSONRoute
from myna.server.users import owner_only
from myna.weights.store import WeightsStore

router = APIRouter(prefix="/api/models", route_class=StrictJSONRoute, dependencies=[Depends(owner_only)])

EVERY_S = 0.25
"""How often progress is told at most."""
LONGEST_S = 3600.0
"""How long one stream of events may last; who wants more asks again."""


class ToldModel(BaseModel):
    """A model of the catalog."""

    name: str
    about: str
    license: str
    homepage: str
    size: int | None = Field(description="In bytes; null for one whose files only a hub can list.")
    here: bool
    used_by: list[Kind] = Field(description="The kinds of engine that load it, as the server was started.")


class ToldSet(BaseModel):
    """Models that are pulled together; ``missing`` is how many bytes of them are not here."""

    name: str
    models: list[str]
    size: int
    missing: int
    here: bool
    chosen: bool = Field(description="Whether it is `weights.set` of the settings.")
    lacks: str | None = Field(description="Why it cannot be used as Myna is installed, and what to do; null if it can.")


class ModelList(BaseModel):
    """The catalog; ``folder`` is where the files lie."""

    models: list[ToldModel]
    sets: list[ToldSet]
    folder: str


class PullBody(BaseModel):
    """What is to be pulled."""

    model_config = ConfigDict(extra="forbid")

    names: Annotated[list[str], Field(min_length=1, max_length=50)] = Field(description="Models and sets.")


class ToldProgress(BaseModel):
    """How far a model is, in bytes; ``here`` says that it is verified and in its place.

    ``size`` is 0 while a hub has not told it.
    """

    name: str
    size: int
    done: int
    here: bool


class ToldError(BaseModel):
    """What went wrong, and what to do."""

    code: str
    message: str
    hint: str


class ToldPull(BaseModel):
    """The last pull since the server was started."""

    state: State
    names: list[str]
    models: list[ToldProgress] = Field(description="What that is, in the order in which it comes.")
    doing: str = Field(description="What goes on, in words: the file, and where it comes from.")
    rate: float | None = Field(description="Bytes a second; null while that is not known.")
    skipped: list[str] = Field(description="Which sources could not give a file, and why; the next one was tried.")
    error: ToldError | None


@router.get("")
async def list_weights(request: Request) -> ModelList:
    """List the models and sets of the catalog, and which are here. Reads sizes of files only."""
    service: Service = request.app.state.service
    return await anyio.to_thread.run_sync(_listed, service)


@router.post("/pull", status_code=202)
async def begin_pull(body: PullBody, request: Request) -> ToldPull:
    """Begin to pull models and sets, and to verify what is here of them; a pull that is under way goes on with them.

    An engine that waits for them, or has failed, is opened when they are here.
    """
    service: Service = request.app.state.service
    pulls = _pulls(request)
    pulls.begin(_store(service), body.names, service.settings.weights)
    return _told(pulls.last)


@router.get("/pull")
async def get_pull(request: Request) -> ToldPull:
    """Tell how far the last pull is."""
    pulls = _pulls(request)
    return _told(pulls.last)


@router.get(
    "/pull/events", response_class=Response, responses={200: {"content": {EventStream.media_type: {"schema": {}}}}}
)
async def follow_pull(request: Request) -> EventStream:
    """Tell the same as server-sent events, each time that it is further, until it has ended."""
    pulls = _pulls(request)
    return EventStream(_events(pulls), failed=_failed, limit_s=LONGEST_S)


@router.delete("/pull")
async def cancel_pull(request: Request) -> ToldPull:
    """End the pull that runs, if one does. What has come is kept: the next one goes on from there."""
    pulls = _pulls(request)
    await pulls.cancel()
    return _told(pulls.last)


async def _events(pulls: Pulls) -> AsyncGenerator[bytes]:
    async with aclosing(pulls.changes(EVERY_S)) as changes:
        async for pull in changes:
            yield f"data: {_told(pull).model_dump_json()}\n\n".encode()


def _failed(error: MynaError) -> bytes:
    return f"event: error\ndata: {json.dumps(_told_error(error).model_dump())}\n\n".encode()


def _pulls(request: Request) -> Pulls:
    service: Service = request.app.state.service
    if service.pulls is None:
        raise SettingsUnknown
    return service.pulls


def _store(service: Service) -> WeightsStore:
    if service.weights is None:
        raise SettingsUnknown
    return service.weights


def _listed(service: Service) -> ModelList:
    store = _store(service)
    used: Mapping[Kind, frozenset[str]] = {}
    if service.loaded is not None:
        used = weights_used(service.loaded, service.guest)
    sizes = {model.name: sum(file.size for file in store.files(model)) for model in store.catalog.models}
    missing = set(store.missing(sizes))
    models = [
        ToldModel(
            name=model.name,
            about=model.about,
            license=model.license,
            homepage=model.homepage,
            size=sizes[model.name] or None,
            here=model.name not in missing,
            used_by=[kind for kind, names in used.items() if model.name in names],
        )
        for model in store.catalog.models
    ]
    lacking = lacks()
    sets = [
        ToldSet(
            name=name,
            models=list(members),
            size=sum(sizes[each] for each in members),
            missing=sum(sizes[each] for each in members if each in missing),
            here=missing.isdisjoint(members),
            chosen=name == service.settings.weights.set,
            lacks=lacking.get(name),
        )
        for name, members in store.catalog.sets.items()
    ]
    return ModelList(models=models, sets=sets, folder=str(store.root))


def weights_used(loaded: Loaded, guest: Guest) -> Mapping[Kind, frozenset[str]]:
    """The weights that the engines load, by name or path. A program's own LLM, if it is open, loads none of ours."""
    choices = loaded.choices(kind for kind in KINDS if kind != "llm" or (guest.llm or guest.later) is None)
    if guest.later is not None:
        choices["llm"] = guest.later
    return {
        kind: frozenset(name for member in choice.members for name in member.weights)
        for kind, choice in choices.items()
    }


def _told(pull: Pull) -> ToldPull:
    return ToldPull(
        state=pull.state,
        names=list(pull.names),
        models=[
            ToldProgress(name=name, size=each.size, done=each.done, here=each.here)
            for name, each in pull.models.items()
        ],
        doing=pull.doing,
        rate=pull.rate,
        skipped=[str(each) for each in pull.skipped],
        error=_told_error(pull.error) if pull.error is not None else None,
    )


def _told_error(error: MynaError) -> ToldError:
    problem = problem_of(error)
    return ToldError(code=problem.code, message=problem.message, hint=problem.hint)
