"""``myna config``: what the settings are and where they came from."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from myna.config.load import Loaded, load_settings
from myna.config.schema import json_schema

app = typer.Typer(help="What the settings are and where they came from.", no_args_is_help=True)


@app.command()
def show(
    as_json: Annotated[
        bool, typer.Option("--json", help="For programs: an object of value and origin by key.")
    ] = False,
) -> None:
    """Print every setting and where it came from. Secrets are masked."""
    loaded = load_settings()
    if as_json:
        told = {each.key: {"value": each.value, "from": str(each.origin)} for each in loaded.provenance()}
        typer.echo(_json(told, indent=2))
    elif sys.stdout.isatty():
        Console().print(table(loaded))
    else:
        for each in loaded.provenance():
            typer.echo(f"{each.key} = {_json(each.value)}  # {each.origin}")
        for name, folder in _folders(loaded).items():
            typer.echo(f"# {name}: {folder}")


@app.command()
def schema() -> None:
    """Print the JSON schema of `myna.toml`."""
    typer.echo(_json(json_schema(), indent=2))


def table(loaded: Loaded) -> Table:
    """The settings for a terminal."""
    settings = Table("setting", "value", "from", caption="\n".join(f"{n}: {f}" for n, f in _folders(loaded).items()))
    for each in loaded.provenance():
        value = each.value if isinstance(each.value, str) else _json(each.value)
        # Text, since a value such as [开心] would be read as markup
        settings.add_row(Text(each.key), Text(value), Text(str(each.origin)))
    return settings


def _folders(loaded: Loaded) -> dict[str, str]:
    folders = loaded.folders
    return {"data folder": str(folders.data), "cache folder": str(folders.cache), "config folder": str(folders.config)}


def _json(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)
