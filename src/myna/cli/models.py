"""``myna models …``: the weights on this machine."""

import signal
import sys
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from myna.cli.progress import shown
from myna.config.load import Loaded, load_settings
from myna.core.errors import WeightsDamaged, WeightsMissing
from myna.weights.catalog import load_catalog
from myna.weights.fetch import pull as pull_weights
from myna.weights.options import WeightsOptions
from myna.weights.store import Checked, WeightsStore

app = typer.Typer(
    help="Model files: what there is, fetching, checking and removing them.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SIGTERM_STATUS = 128 + signal.SIGTERM


def _store(loaded: Loaded | None = None) -> WeightsStore:
    return WeightsStore((loaded or load_settings()).folders.cache / "weights", load_catalog())


def pull_with_progress(
    store: WeightsStore, names: Iterable[str], *, options: WeightsOptions | None = None, folder: Path | None = None
) -> None:
    """Pull models and sets in this thread, which has to be the main one, and show how it goes on standard error.

    Ctrl-C and SIGTERM end it at once. What has come by then is kept for the next pull.

    Args:
        store: Where they go.
        names: Of models and sets.
        options: Where the hubs are, and how long a source may keep us waiting.
        folder: Asked first for files that somebody brought here.

    Raises:
        MynaError: As `myna.weights.fetch.pull`.
    """
    console = Console(stderr=True, highlight=False)
    try:
        with _sigterm_ends(), shown(console) as progress:
            pull_weights(store, names, progress=progress, options=options, folder=folder)
    except KeyboardInterrupt:
        console.print("Stopped. What has come is kept: the next pull goes on from there.")
        raise


@contextmanager
def _sigterm_ends() -> Generator[None]:
    """SIGTERM unwinds the stack, as Ctrl-C does: a child that is downloading ends, too."""

    def leave(*_: object) -> NoReturn:
        sys.exit(SIGTERM_STATUS)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@app.command("list")
def list_() -> None:
    """List the models and sets of the catalog, and which are here."""
    store = _store()
    missing = store.missing(model.name for model in store.catalog.models)
    table = Table(box=None, pad_edge=False)
    for column in ("model", "MB", "here", "license", "what it is"):
        table.add_column(column, justify="right" if column == "MB" else "left", no_wrap=column == "model")
    for model in store.catalog.models:
        size = sum(file.size for file in store.files(model))
        mark = "" if model.name in missing else "yes"
        table.add_row(model.name, f"{size / 1e6:,.1f}" if size else "?", mark, model.license, model.about)
    console = Console(highlight=False)
    console.print(table)
    console.print()
    for name, members in store.catalog.sets.items():
        console.print(f"{name} = {' '.join(members)}", soft_wrap=True)
    console.print(f"\nThey lie in {store.root}", soft_wrap=True)


@app.command()
def pull(
    names: Annotated[list[str] | None, typer.Argument(metavar="[SET|MODEL]…", help="Sets or models.")] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--from", exists=True, file_okay=False, help="Look in this folder first: for offline machines."),
    ] = None,
) -> None:
    """Fetch models and sets (the set in use if none is named), and verify what is here of them."""
    loaded = load_settings()
    options = loaded.settings.weights
    pull_with_progress(_store(loaded), names or [options.set], options=options, folder=folder)


@app.command()
def verify(
    names: Annotated[list[str] | None, typer.Argument(metavar="[SET|MODEL]…", help="Sets or models.")] = None,
) -> None:
    """Read every byte of the models (of all that are here if none is named) and compare their hashes."""
    bad: list[Checked] = []
    checked = 0
    for file in _store().verify(names or ()):
        checked += 1
        if file.state != "good":
            bad.append(file)
            typer.echo(f"{file.model}/{file.file}: {file.state}")
    if bad:
        kind = WeightsDamaged if any(file.state == "damaged" for file in bad) else WeightsMissing
        again = " ".join(dict.fromkeys(file.model for file in bad))
        raise kind(f"{len(bad)} of {checked} files are not as they should be.", hint=f"Run: myna models pull {again}")
    if not checked:
        raise WeightsMissing("There are no weights here yet.", hint="Run: myna models pull")
    typer.echo(f"{checked} files are good.")


@app.command()
def path(name: Annotated[str, typer.Argument(help="A model, or a file or folder of your own.")]) -> None:
    """Print where a model's file or folder is."""
    typer.echo(_store().locate(name))


@app.command()
def remove(name: Annotated[str, typer.Argument(help="A model.")]) -> None:
    """Delete a model's files."""
    freed = _store().remove(name)
    typer.echo(f"{name} is gone: {freed / 1e6:,.1f} MB are free again.")
