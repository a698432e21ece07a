"""``myna memory``: what is remembered of a user, for him to see, search, change and forget.

It works on the database itself, with or without a server: a server that runs meanwhile reads every text from there, so
what was forgotten here is told in no conversation from then on.
"""

import json
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Annotated, Any, TypeVar

import anyio
import anyio.to_thread
import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from myna.cli.kept import JsonList, OfUser, escaped, print_json, when
from myna.cli.terminal import Json, Setting, notes, overrides
from myna.config.load import Loaded, load_settings
from myna.core.errors import BadInput
from myna.core.ids import OWNER, MemoryId
from myna.engines.base import Embedder, Resources
from myna.engines.opening import open_engines
from myna.engines.scheduler import open_scheduler
from myna.memory.base import Kind, Memories, Memory, NewMemory, Scope
from myna.personas.load import Personas
from myna.server.export_markdown import seen
from myna.server.keys import FILE_NAME, Keys
from myna.server.told_memory import change_told, found_told, told
from myna.server.users import scope_named
from myna.store.opening import open_store
from myna.weights.catalog import load_catalog
from myna.weights.store import WeightsStore

app = typer.Typer(help="What Myna remembers of its users: to see, search, change and forget.", no_args_is_help=True)

T = TypeVar("T")

VECTORS_S = 5.0
"""How long the vectors of memories are waited for; without them, memories are found by words alone."""

OfPersona = Annotated[
    str | None,
    typer.Option("--persona", "-p", help="A persona with memories of its own, or the id of one that is gone."),
]
Id = Annotated[str, typer.Argument(metavar="ID", help="The memory, as `myna memory list` shows it.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")]


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose memories are meant, by which settings."""

    loaded: Loaded
    scope: Scope

    def run(self, work: Callable[[Memories], Awaitable[T]], *, meaning: bool = False) -> T:
        """What ``work`` gives; with ``meaning``, the vectors of the memories are there too, if they can be had."""
        return anyio.run(_with_memories, self.loaded, work, meaning)


@app.command()
def add(  # noqa: PLR0913, PLR0917 - all that can be chosen
    text: Annotated[str, typer.Argument(help="What to remember: one short sentence.")],
    kind: Annotated[
        str, typer.Option(help="What it is about, such as name, like, place, date, health, rule.")
    ] = "fact",
    pin: Annotated[bool, typer.Option("--pin", help="Tell it first, in every turn.")] = False,
    persona: OfPersona = None,
    user: OfUser = None,
    as_json: Json = False,
    settings: Setting = None,
) -> None:
    """Remember something."""
    asked = _asked(persona, user, settings)

    async def work(memories: Memories) -> Memory:
        memory = await memories.add(asked.scope, NewMemory(text, _kind(kind)))
        return await memories.pin(asked.scope, memory.id) if pin else memory

    _show_one(asked.run(work), as_json=as_json)


@app.command("list")
def list_(
    limit: Limit = 100,
    after: Annotated[
        str | None, typer.Option(metavar="PLACE", help="Where the list is to go on: what it printed at its end.")
    ] = None,
    persona: OfPersona = None,
    user: OfUser = None,
    as_json: JsonList = False,
    settings: Setting = None,
) -> None:
    """List what is remembered, the newest first."""
    asked = _asked(persona, user, settings)

    async def work(memories: Memories) -> Sequence[Memory]:
        return await memories.all(asked.scope, limit=limit + 1, after=after or None)

    found = asked.run(work)
    shown = found[:limit]
    if as_json:
        print_json([told(memory) for memory in shown])
    elif not shown:
        notes.print("Nothing is remembered. To begin with: myna memory add 'I am allergic to peanuts'")
    else:
        _show(shown)
    if len(found) > limit:
        notes.print(Text(f"There are more: myna memory list --after {shown[-1].cursor}"))


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="What it is to be about.")],
    limit: Limit = 10,
    persona: OfPersona = None,
    user: OfUser = None,
    as_json: JsonList = False,
    settings: Setting = None,
) -> None:
    """Find what is most like a text, the best first."""
    asked = _asked(persona, user, settings)
    if not text.strip():
        raise BadInput("There is nothing to search for.", hint="For example: myna memory search cat")
    found = asked.run(lambda memories: memories.nearest(asked.scope, text, limit=limit), meaning=True)
    if as_json:
        print_json([found_told(each) for each in found])
    elif not found:
        notes.print("Nothing is remembered.")
    else:
        _show([each.memory for each in found])


@app.command()
def edit(
    memory_id: Id,
    text: Annotated[str, typer.Argument(help="What it is to say.")],
    persona: OfPersona = None,
    user: OfUser = None,
    as_json: Json = False,
    settings: Setting = None,
) -> None:
    """Say a memory otherwise."""
    asked = _asked(persona, user, settings)
    _show_one(asked.run(lambda memories: memories.edit(asked.scope, MemoryId(memory_id), text)), as_json=as_json)


@app.command()
def pin(
    memory_id: Id,
    off: Annotated[bool, typer.Option("--off", help="Pin it no longer.")] = False,
    persona: OfPersona = None,
    user: OfUser = None,
    as_json: Json = False,
    settings: Setting = None,
) -> None:
    """Pin a memory: it is told first, in every turn, and Myna does not change it by itself."""
    asked = _asked(persona, user, settings)
    memory = asked.run(lambda memories: memories.pin(asked.scope, MemoryId(memory_id), pinned=not off))
    _show_one(memory, as_json=as_json)


@app.command()
def forget(  # noqa: PLR0913, PLR0917 - all that can be chosen
    memory_ids: Annotated[list[str] | None, typer.Argument(metavar="ID...", help="The memories to forget.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="All that is remembered of the user, by any persona.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    persona: OfPersona = None,
    user: OfUser = None,
    as_json: Json = False,
    settings: Setting = None,
) -> None:
    """Forget memories: they are gone from the store, the vectors and Myna's own backups."""
    asked = _asked(persona, user, settings)
    named = list(map(MemoryId, memory_ids or ()))
    if everything is bool(named):
        raise BadInput(
            "It is not clear what is to be forgotten.", hint="Give the ids of memories (myna memory list), or --all."
        )
    if everything and persona:
        raise BadInput("--all is of all personas.", hint="Leave --persona out, or give the ids of memories.")
    if not yes:
        _ask(asked, named)

    async def work(memories: Memories) -> int:
        if everything:
            return await memories.forget_all(asked.scope.user_id)
        for memory_id in named:
            await memories.find(asked.scope, memory_id)  # all of them, or none
        return await memories.forget(asked.scope, named)

    forgotten = asked.run(work, meaning=True)
    if as_json:
        typer.echo(json.dumps({"forgotten": forgotten}))
    else:
        notes.print("Nothing was remembered." if not forgotten else f"Forgotten: {forgotten}.")


@app.command()
def audit(
    limit: Limit = 100,
    user: OfUser = None,
    as_json: JsonList = False,
    settings: Setting = None,
) -> None:
    """Tell what was done to the memories of a user, and by whom, the newest first."""
    asked = _asked(None, user, settings)
    lines = asked.run(lambda memories: memories.audit(asked.scope.user_id, limit=limit))
    if as_json:
        print_json([change_told(line) for line in lines])
    elif not lines:
        notes.print("Nothing was ever remembered.")
    elif sys.stdout.isatty():
        table = Table("when", "what", "by", _id_column("memory"), "text", box=None)
        for line in lines:
            table.add_row(when(line.at), line.change, line.actor, line.memory_id, Text(seen(line.text or ""), "dim"))
        Console().print(table)
    else:
        for line in lines:
            typer.echo(
                f"{when(line.at)} {line.change} by {line.actor} {line.memory_id} {seen(line.text or '')}".rstrip()
            )


def _asked(persona: str | None, user: str | None, settings: list[str] | None) -> Asked:
    """Whose memories are meant.

    Raises:
        UnknownName: There is no such user or persona.
    """
    loaded = load_settings(overrides(settings))
    whose = Keys(loaded.folders.data / FILE_NAME).user(user) if user is not None else OWNER
    if not loaded.settings.memory.enabled:
        notes.print("Memory is switched off: what is kept is used in no conversation.", style="dim")
    shared = Asked(loaded, Scope(whose))
    if persona is None:
        return shared
    personas = Personas(loaded.folders.config / "personas")
    return Asked(loaded, shared.run(lambda memories: scope_named(memories, whose, personas, persona)))


async def _with_memories(
    loaded: Loaded,
    work: Callable[[Memories], Awaitable[T]],
    meaning: bool,
) -> T:
    settings, folder = loaded.settings, loaded.folders.data
    # Here and in a thread, since it brings SQLAlchemy, which takes a second.
    opening: Any = await anyio.to_thread.run_sync(import_module, "myna.memory.opening")
    async with (
        open_store(settings.store.place(folder)) as store,
        _embedder(loaded, wanted=meaning and settings.memory.vectors != "none") as embedder,
        opening.open_memories(store.database, settings.memory, folder, embedder, by_words=not meaning) as memories,
    ):
        with anyio.move_on_after(VECTORS_S):
            while memories.index.state.status == "loading":  # noqa: ASYNC110 - nobody tells when it has failed
                await anyio.sleep(0.02)
        return await work(memories)


@asynccontextmanager
async def _embedder(loaded: Loaded, *, wanted: bool) -> AsyncGenerator[Callable[[], Embedder | None]]:
    """Gives the embedder, or None where there is none: nothing is fetched for it."""
    if not wanted:
        yield lambda: None
        return
    weights = WeightsStore(loaded.folders.cache / "weights", load_catalog())
    async with (
        open_scheduler({"cpu": 1}) as scheduler,
        open_engines(loaded.choices(["embed"]), Resources(weights, scheduler, loaded.settings.device)) as engines,
    ):
        await engines.settled(may_fail=["embed"])
        yield lambda: engines.embed if engines.is_up("embed") else None


def _ask(asked: Asked, named: Sequence[MemoryId]) -> None:
    """Ask whether these, or if none are named all, are to be forgotten; who says no ends the program."""

    async def find(memories: Memories) -> list[Memory]:
        return [await memories.find(asked.scope, memory_id) for memory_id in named]

    for memory in asked.run(find):
        notes.print(Text(seen(memory.text)))
    what = (
        "this"
        if len(named) == 1
        else f"these {len(named)}"
        if named
        else f"all that is remembered of {asked.scope.user_id}"
    )
    typer.confirm(f"Forget {what}, for good?", abort=True, err=True)


def _kind(name: str) -> Kind:
    match name:
        case "name" | "like" | "dislike" | "place" | "date" | "relation" | "health" | "plan" | "rule" | "fact":
            return name
        case _:
            raise BadInput(f"No memory is of the kind {name!r}.", hint=f"Choose one of: {', '.join(Kind.__args__)}.")


def _show_one(memory: Memory, *, as_json: bool) -> None:
    if as_json:
        typer.echo(escaped(told(memory).model_dump_json(indent=2)))
    else:
        _show([memory])


def _show(memories: Sequence[Memory]) -> None:
    if not sys.stdout.isatty():
        for memory in memories:
            typer.echo(f"{memory.id} {seen(memory.text)}{'  # pinned' if memory.pinned else ''}")
        return
    table = Table(_id_column("id"), "what", "about", "since", box=None)
    for memory in memories:
        text = Text(seen(memory.text))  # Text, since it may hold what would be read as markup
        if memory.pinned:
            text.append(" pinned", "dim")
        table.add_row(memory.id, text, memory.kind, f"{memory.created_at.astimezone():%Y-%m-%d}")
    Console().print(table)


def _id_column(name: str) -> Column:
    """A column of ids, which are never cut: they are to be copied."""
    return Column(name, overflow="fold", min_width=28)
