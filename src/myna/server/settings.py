"""``/api/settings``: what the settings are, where each came from, and changing them in ``myna.toml``.

For the owner alone. They are read when Myna starts: what is changed here holds when it is started again.
"""

import re
from typing import Annotated, Any, Literal

import anyio.to_thread
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from myna.config.change import change_settings
from myna.config.load import Loaded, Provenance
from myna.config.schema import json_schema
from myna.config.sources import Origin, Source
from myna.core.errors import BadConfig, UnknownName
from myna.server.errors import SettingsUnknown
from myna.server.service import Service
from myna.server.strict_json import StrictJSONRoute
from myna.server.users import owner_only
from myna.server.weights import weights_used

router = APIRouter(prefix="/api/settings", route_class=StrictJSONRoute, dependencies=[Depends(owner_only)])

AT_THE_MACHINE = (
    "home",  # where files are
    "store.url",
    "mcp",  # what runs, and who may have it run
    "llamafactory",  # what runs on another machine, and as whom
    "tools.folder",
    "tools.for_all",
    "server.host",  # who can reach Myna, and who can listen in
    "server.port",
    "server.https",
    "server.certificate",
    "server.certificate_key",
    "server.origins",
    "server.hosts",
    "memory.vectors",  # where what was said is sent to
)
"""What cannot be changed here: a stolen API key must not become the machine's user, nor do harm once it is revoked."""

_SOMEWHERE = re.compile(r"(^|_)(url|endpoint|host|path|file|folder|dir|command|certificate|client_key)$")
"""Names of settings, also of engines of others, that say where something is read, written, run or sent to."""

Origins = Literal["default", "profile", "file", "dotenv", "environment", "flag"]
_ORIGINS: dict[Source, Origins] = {
    Source.DEFAULT: "default",
    Source.PROFILE: "profile",
    Source.FILE: "file",
    Source.DOTENV: "dotenv",
    Source.ENVIRONMENT: "environment",
    Source.COMMAND_LINE: "flag",
}


class ToldSetting(BaseModel):
    """A setting as it holds. A secret's ``value`` is masked; ``changed`` says that another one waits for a restart."""

    name: str
    value: Any
    secret: bool
    origin: Origins = Field(description="Which kind of source decides it.")
    place: str = Field(description="The source in words, such as `llm.temperature in myna.toml`.")
    written: bool = Field(description="Whether the file names it by now: null in a change takes it out.")
    fixed: str | None = Field(description="Why it cannot be changed here; null where it can.")
    changed: bool = Field(description="Whether it has another value once Myna is started again.")
    next: Any = Field(description="Its value then, masked if it is a secret.")


class SettingList(BaseModel):
    """All of them, section by section; ``file`` is where changes are written."""

    file: str
    settings: list[ToldSetting]
    restart: bool = Field(description="Whether any has another value once Myna is started again.")
    problem: str | None = Field(description="Why Myna would not start again: what is wrong with the file by now.")


class ChangeBody(BaseModel):
    """What is to be otherwise."""

    model_config = ConfigDict(extra="forbid")

    changes: Annotated[dict[str, Any], Field(min_length=1, max_length=200)] = Field(
        description="Values by name, such as `llm.temperature`; null takes a name out of the file, so that what it "
        "would be anyway holds."
    )


class Changed(BaseModel):
    """What was written. None of it holds before Myna is started again: settings are read at the start only."""

    file: str
    written: list[str] = Field(description="The names that were set in the file, or taken out of it.")
    restart: list[str] = Field(description="Those of them that have another value once Myna is started again.")
    settings: list[ToldSetting] = Field(description="These settings, as the list tells them.")


@router.get("/schema")
def tell_schema(request: Request) -> dict[str, Any]:
    """Give the JSON schema of the settings of this installation: what each does, may be, and is if nothing is said."""
    service: Service = request.app.state.service
    return json_schema(tuple(service.settings.endpoints))


@router.get("")
async def list_settings(request: Request) -> SettingList:
    """Tell every setting as it holds, where it came from, and what it will be. Secrets are masked."""
    loaded = _loaded(request)
    problem = None
    try:
        then = await anyio.to_thread.run_sync(loaded.again)
    except BadConfig as error:
        then, problem = loaded, str(error)
    settings = _told(loaded, then)
    restart = any(each.changed for each in settings)
    return SettingList(file=str(then.file), settings=settings, restart=restart, problem=problem)


@router.patch("")
async def patch_settings(body: ChangeBody, request: Request) -> Changed:
    """Change settings in `myna.toml`: all of them or, if one is wrong, none. What else the file holds stays."""
    service: Service = request.app.state.service
    loaded = _loaded(request)
    for name in body.changes:
        if _at_the_machine(name):
            raise BadConfig(
                f"{name} can only be changed on the server's machine: it decides what Myna runs there, where its files "
                "are, who can reach it, or where it sends what is said.",
                hint=f"Change it in {loaded.file}",
            )

    def change() -> Loaded:
        return change_settings(loaded, body.changes, lambda then: _check(service, loaded, then))

    then = await anyio.to_thread.run_sync(change)
    settings = [each for each in _told(loaded, then) if each.name in body.changes]
    restart = [each.name for each in settings if each.changed]
    return Changed(file=str(then.file), written=list(body.changes), restart=restart, settings=settings)


def _loaded(request: Request) -> Loaded:
    service: Service = request.app.state.service
    if service.loaded is None:
        raise SettingsUnknown
    return service.loaded


def _told(loaded: Loaded, then: Loaded) -> list[ToldSetting]:
    later = {each.key: each for each in then.provenance()}
    return [_told_one(loaded, then, each, later.get(each.key, each)) for each in loaded.provenance()]


def _told_one(loaded: Loaded, then: Loaded, now: Provenance, later: Provenance) -> ToldSetting:
    return ToldSetting(
        name=now.key,
        value=now.value,
        secret=now.secret,
        origin=_ORIGINS[now.origin.source],
        place=str(now.origin),
        written=(later.origin.source, later.origin.name) == (Source.FILE, now.key),
        fixed=_fixed(now.key, later.origin),
        changed=loaded.differs(then, tuple(now.key.split("."))),
        next=later.value,
    )


def _fixed(name: str, origin: Origin) -> str | None:
    if _at_the_machine(name):
        return "can only be changed on the server's machine"
    return f"decided by {origin}" if origin.source > Source.FILE else None


def _at_the_machine(name: str) -> bool:
    named = any(name == each or name.startswith(f"{each}.") for each in AT_THE_MACHINE)
    return named or _SOMEWHERE.search(name.rpartition(".")[2]) is not None


def _check(service: Service, loaded: Loaded, then: Loaded) -> None:
    """Make sure that Myna would start again, and load nothing but models by name; raises `BadConfig`."""
    try:
        service.personas.find(then.settings.session.persona)
    except UnknownName as error:
        raise BadConfig(f"session.persona: {error.message}", hint=error.hint) from None
    _check_models(service, loaded, then)


def _check_models(service: Service, loaded: Loaded, then: Loaded) -> None:
    """Make sure that no engine would load a file of the machine that it does not load already: models go by name here.

    Raises:
        BadConfig: One would.
    """
    try:
        now = loaded.again()
    except BadConfig:  # the file was broken by hand, and this change mends it
        now = loaded
    if strange := sorted(_not_in_catalog(service, then) - _not_in_catalog(service, now)):
        raise BadConfig(
            f"{', '.join(strange)} is no model of the catalog. A file can only be chosen on the server's machine.",
            hint=f"`GET /api/models` lists the catalog; a file is named in {loaded.file}",
        )


def _not_in_catalog(service: Service, loaded: Loaded) -> set[str]:
    if service.weights is None:
        return set()
    used = weights_used(loaded, service.guest)
    return {name for names in used.values() for name in names if service.weights.catalog.find(name) is None}
