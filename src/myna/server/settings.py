"""``/api/settings``: what the settings are, where each came from, and changing them in ``myna.toml``.

For the owner alone. They are read when Myna starts: what is changed here holds when it is started again.
"""

from functools import cache, partial
from typing import Annotated, Any, Literal

import anyio.to_thread
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from myna.config.change import change_settings
from myna.config.load import Loaded, Provenance
from myna.config.schema import json_schema
from myna.config.sources import Origin, Source
from myna.core.errors import BadConfig
from myna.server.errors import SettingsUnknown
from myna.server.service import Service
from myna.server.strict_json import StrictJSONRoute
from myna.server.users import owner_only

router = APIRouter(prefix="/api/settings", route_class=StrictJSONRoute, dependencies=[Depends(owner_only)])

AT_THE_MACHINE = ("home", "mcp", "tools.folder")
"""What names programs that Myna runs, and where its files are. A stolen API key must not become the machine's user."""

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


@cache
def _schema() -> dict[str, Any]:
    return json_schema()


@router.get("/schema")
def tell_schema() -> dict[str, Any]:
    """Give the JSON schema of the settings of this installation: what each does, may be, and is if nothing is said."""
    return _schema()


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
    loaded = _loaded(request)
    for name in body.changes:
        if _at_the_machine(name):
            raise BadConfig(
                f"{name} can only be changed on the server's machine: it decides what programs Myna runs there, or "
                "where its files are.",
                hint=f"Change it in {loaded.file}",
            )
    then = await anyio.to_thread.run_sync(partial(change_settings, loaded, body.changes))
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
        fixed=_fixed(now.key, later.origin),
        changed=loaded.differs(then, tuple(now.key.split("."))),
        next=later.value,
    )


def _fixed(name: str, origin: Origin) -> str | None:
    if _at_the_machine(name):
        return "can only be changed on the server's machine"
    return f"decided by {origin}" if origin.source > Source.FILE else None


def _at_the_machine(name: str) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in AT_THE_MACHINE)
