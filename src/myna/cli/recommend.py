"""``myna models recommend`` and ``myna models use``: which set of models this machine can run, and taking it."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from myna.cli.models import pull_with_progress
from myna.cli.terminal import Json, notes
from myna.config.edit import write_text_key
from myna.config.load import Loaded, load_settings
from myna.config.sets import SETTINGS_OF_SET, check_usable, lacks
from myna.core.errors import UnknownName
from myna.weights.catalog import load_catalog
from myna.weights.fetch import CALLED
from myna.weights.machine import BUSY, Machine, look, writing_cores
from myna.weights.probe import probe
from myna.weights.recommend import Advice, Reach, SetAdvice, Situation, lacking, recommend
from myna.weights.store import WeightsStore


@dataclass(frozen=True, slots=True)
class Outlook:
    """This machine, the sources that were asked, and the advice that follows."""

    machine: Machine
    reach: Reach
    advice: Advice

    @property
    def is_offline(self) -> bool:
        """Whether sources were asked, and none answered."""
        return bool(self.reach) and all(self.reach.values())


def look_around(loaded: Loaded, store: WeightsStore, machine: Machine) -> Outlook:
    """Ask the sources of what is not here, and advise. Takes some 3 s; blocks."""
    names = [model.name for model in store.catalog.models]
    here = frozenset(names).difference(store.missing(names))
    missing = [model for name in SETTINGS_OF_SET for model in lacking(store.catalog, name, here)]
    reach = probe(missing, loaded.settings.weights)
    return Outlook(machine, reach, recommend(store.catalog, Situation(machine, here, reach, lacks())))


def recommend_models(as_json: Json = False) -> None:
    """Name the largest set of models that this machine can run in real time and that a source can give now."""
    loaded = load_settings()
    with notes.status("Looking at this machine, and asking the sources …"):
        outlook = look_around(loaded, store_of(loaded), look())
    if as_json:
        typer.echo(json.dumps(_as_json(outlook, loaded.settings.weights.set), ensure_ascii=False, indent=2))
        return
    console = Console(highlight=False, soft_wrap=True)
    _print(console, outlook, loaded.settings.weights.set)


def use(
    name: Annotated[str, typer.Argument(metavar="SET", help=f"One of {', '.join(SETTINGS_OF_SET)}.")],
) -> None:
    """Fetch a set of models and use it from now on: `weights.set` in `myna.toml`."""
    if name not in SETTINGS_OF_SET:
        raise UnknownName(f"There is no set {name}.", hint=f"There is {', '.join(SETTINGS_OF_SET)}.")
    check_usable(name)
    loaded = load_settings()
    pull_with_progress(store_of(loaded), [name], options=loaded.settings.weights)
    write_text_key(loaded.file, "weights", "set", name)
    notes.print(f"The set {name} is here, and {loaded.file} says to use it.")
    for line in _overruled(load_settings(), name):
        notes.print(Text(line, style="yellow"))


def _overruled(loaded: Loaded, name: str) -> list[str]:
    """Settings that win over the set, a line each."""
    told = {each.key: each for each in loaded.provenance()}
    expected: dict[str, Any] = {".".join(key): value for key, value in SETTINGS_OF_SET[name].items()}
    expected["weights.set"] = name
    return [
        f"But {key} is {told[key].value}: {told[key].origin} wins."
        for key, value in expected.items()
        if key in told and told[key].value != value
    ]


def store_of(loaded: Loaded) -> WeightsStore:
    """The weights on this machine."""
    return WeightsStore(loaded.folders.cache / "weights", load_catalog())


def size(advice: SetAdvice) -> str:
    """What has to be fetched of a set, in words."""
    if advice.download_bytes is None:
        return "its hub knows the size"
    return f"{advice.download_bytes / 1e9:.2g} GB to fetch" if advice.download_bytes else "all of it installed"


def machine_facts(machine: Machine) -> str:
    """A machine in a line."""
    gpus = ", ".join(f"{gpu.name} with {gpu.memory_bytes / 1e9:.0f} GB" for gpu in machine.gpus)
    writers = writing_cores(machine.cores)
    return (
        f"{machine.cores} cores; {machine.memory_bytes / 1e9:.1f} GB of memory, "
        f"{machine.available_bytes / 1e9:.1f} free; "
        f"{writers} core{'s' if writers > 1 else ''} read{'' if writers > 1 else 's'} "
        f"{machine.read_bytes_per_s / 1e9:.0f} GB/s of it; {gpus or 'no NVIDIA GPU'}."
    )


def sources(reach: Reach) -> str:
    """What the sources said, in a line."""
    return "; ".join(f"{CALLED[kind]}: {why or 'answers'}" for kind, why in reach.items())


def _print(console: Console, outlook: Outlook, used: str) -> None:
    console.print(Text(f"This machine: {machine_facts(outlook.machine)}"))
    if outlook.machine.busy > BUSY:
        console.print(f"Other programs use {outlook.machine.busy:.0%} of the cores: look again when they have ended.")
    if outlook.reach:
        console.print(Text(f"Sources: {sources(outlook.reach)}."))
    if outlook.is_offline:
        console.print("No source can be reached now, so this is about what is here.")
    for advice in outlook.advice.sets:
        verdict = "runs here" if advice.fits else "does not run here in real time"
        console.print()
        console.print(Text.assemble((advice.name, "bold"), f": {verdict}, {size(advice)}"))
        for reason in (*advice.reasons, *(f"Note: {told}." for told in advice.licenses)):
            console.print(Text(f"  {reason}"))
    chosen = outlook.advice.recommended
    console.print()
    console.print(Text.assemble("Recommended: ", (chosen, "bold green")))
    if chosen != used or outlook.advice.of(chosen).download_bytes:
        console.print(f"To get and use it: myna models use {chosen}")
    else:
        console.print("It is in use.")


def _as_json(outlook: Outlook, used: str) -> Mapping[str, Any]:
    return {
        "machine": dataclasses.asdict(outlook.machine),
        "sources": {kind: {"answers": not why, "why_not": why} for kind, why in outlook.reach.items()},
        "sets": [dataclasses.asdict(advice) for advice in outlook.advice.sets],
        "used": used,
        "recommended": outlook.advice.recommended,
    }
