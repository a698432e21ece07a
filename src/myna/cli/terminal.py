"""What the commands share: where they write, and what they run on."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import anyio
import typer
from rich.console import Console
from rich.text import Text

from myna.cli.models import pull_with_progress
from myna.config.gather import OPTIONAL
from myna.config.load import Loaded, load_settings
from myna.core.errors import BadInput, MynaError, WeightsError
from myna.engines.held import Choice
from myna.engines.plugins import Kind
from myna.personas.load import Personas
from myna.server.service import Service, open_service
from myna.tools.base import ToolSource
from myna.tools.load import load_tools
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

T = TypeVar("T")

notes = Console(stderr=True, highlight=False, soft_wrap=True)
"""For people: progress and complaints. Standard output is for results only."""

Setting = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting for this run, as in myna.toml: --set llm.engine=openai"),
]
PersonaName = Annotated[str | None, typer.Option("--persona", "-p", help="Who answers: an id or a name.")]
Private = Annotated[
    bool, typer.Option("--private", help="Keep nothing of what is said, remember nothing, and use nothing remembered.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]


def complain(error: MynaError) -> None:
    """Tell an error."""
    notes.print(Text.assemble(("error: ", "bold red"), error.message))
    if error.hint:
        notes.print(Text(error.hint))


def overrides(settings: list[str] | None) -> dict[str, Any]:
    """``KEY=VALUE`` flags as a tree."""
    tree: dict[str, Any] = {}
    for setting in settings or ():
        key, equals, value = setting.partition("=")
        if not equals or not all(parts := key.strip().split(".")):
            raise BadInput(f"--set {setting} is no KEY=VALUE.", hint="For example: --set session.persona=wukong")
        section = tree
        for part in parts[:-1]:
            section = section.setdefault(part, {})
        section[parts[-1]] = value
    return tree


SPARED: frozenset[Kind] = OPTIONAL | frozenset[Kind]({"embed"})
"""What the commands can do without; and without the fallbacks of an LLM."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """All that a service is opened with, checked."""

    loaded: Loaded
    kinds: tuple[Kind, ...]
    weights: WeightsStore
    personas: Personas
    tools: Sequence[ToolSource]

    def open(self, *, keeps: bool = False, fetches: bool = False) -> AbstractAsyncContextManager[Service]:
        """Open the service; its engines load in the background.

        Does it ``keep`` what is said, or forget it? Does it ``fetch`` what is missing of the weights meanwhile?
        """
        return open_service(
            self.loaded, self.kinds, self.weights, self.personas, tools=self.tools, keeps=keeps, fetches=fetches
        )


def check(flags: Mapping[str, Any], kinds: tuple[Kind, ...]) -> Prepared:
    """Read the settings, the personas and the tools, and see that the weights that these engines need exist somewhere.

    Raises:
        BadInput: Something of that is wrong.
    """
    loaded = load_settings(flags)
    personas = Personas(loaded.folders.config / "personas")
    personas.find(loaded.settings.session.persona)
    tools = load_tools(loaded.tools_folder) if "llm" in kinds and loaded.tools_folder is not None else ()
    weights = WeightsStore(loaded.folders.cache / "weights", load_catalog())
    for choice in loaded.choices(kinds).values():
        for member in choice.members:
            weights.missing(member.weights)
    return Prepared(loaded, kinds, weights, personas, tools)


def prepare(flags: Mapping[str, Any], kinds: tuple[Kind, ...]) -> Prepared:
    """As `check`, and fetch what is missing of the weights.

    What cannot be fetched for an engine that Myna can do without is told, and that engine fails to load.
    """
    prepared = check(flags, kinds)
    loaded, weights = prepared.loaded, prepared.weights
    chosen = loaded.choices(kinds)
    _fetch(loaded, weights, [choice for kind, choice in chosen.items() if kind not in SPARED])
    spared = [choice for kind, choice in chosen.items() if kind in SPARED]
    try:
        _fetch(loaded, weights, [*spared, *(fallback for choice in chosen.values() for fallback in choice.fallbacks)])
    except WeightsError as error:
        complain(error)
    return prepared


def _fetch(loaded: Loaded, weights: WeightsStore, choices: Sequence[Choice]) -> None:
    if missing := weights.missing(name for choice in choices for name in choice.weights):
        pull_with_progress(weights, missing, options=loaded.settings.weights)


def with_service(
    flags: Mapping[str, Any], kinds: tuple[Kind, ...], work: Callable[[Service], Awaitable[T]], *, keeps: bool = False
) -> T:
    """What ``work`` gives, done with a service whose engines are up. Does it ``keep`` what is said, or forget it?"""
    prepared = prepare(flags, kinds)

    async def run() -> T:
        async with prepared.open(keeps=keeps) as service:
            with notes.status("Loading …"):
                await service.engines.settled(may_fail=SPARED)
                for server in service.servers:
                    await server.settled()
            return await work(service)

    return anyio.run(run)
