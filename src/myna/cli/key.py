"""``myna key``: the API keys of this machine's servers."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from myna.config.load import load_settings
from myna.core.ids import OWNER
from myna.server.keys import FILE_NAME, Keys

app = typer.Typer(
    help="API keys. As soon as there is one, every request to the server needs one.", no_args_is_help=True
)
notes = Console(stderr=True, highlight=False, soft_wrap=True)


@app.command()
def create(
    name: Annotated[str | None, typer.Option(help="What it is for, such as robot; to tell keys apart.")] = None,
    user: Annotated[
        str | None,
        typer.Option(
            help="Whose it is: `owner`, or a key of the same user. The first key is the owner's, any other a new user."
        ),
    ] = None,
) -> None:
    """Create a key and print it. It is kept as a hash, so this is the only time that it is shown."""
    key, secret = _keys().create(name, user=user)
    typer.echo(secret)
    notes.print(Text(f"This is the key {key.name}. It is not shown again. A running server knows it already."))
    if key.user_id == OWNER:
        notes.print("It is the owner's: it has the conversations and memories that the commands of this machine have.")
    elif key.user_id == key.id:
        notes.print(
            "It is a user of its own: it has none of the conversations and memories that there are. "
            "A key that shares yours is made with: --user owner"
        )
    notes.print("Clients send it as: Authorization: Bearer KEY")


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="For programs: a list of objects.")] = False) -> None:
    """List the keys: their names, ids, users and times of creation."""
    keys = _keys().all()
    if as_json:
        told = [
            {"id": key.id, "name": key.name, "user": key.user_id, "created_at": key.created_at.isoformat()}
            for key in keys
        ]
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    elif not keys:
        notes.print("There is no key: the server answers programs of this machine only. Create one: myna key create")
    else:
        table = Table("name", "id", "user", "created", box=None)
        for key in keys:
            table.add_row(Text(key.name), key.id, key.user_id, f"{key.created_at.astimezone():%Y-%m-%d %H:%M}")
        Console().print(table)


@app.command()
def revoke(name_or_id: Annotated[str, typer.Argument(metavar="NAME-OR-ID")]) -> None:
    """Revoke a key: from now on it opens nothing, also in a running server."""
    keys = _keys()
    key = keys.revoke(name_or_id)
    notes.print(Text(f"The key {key.name} is revoked."))
    left = keys.all()
    if not left:
        notes.print("It was the last one: a server that only this machine can reach now answers without a key.")
    elif not any(other.user_id == key.user_id for other in left):
        notes.print(
            Text(f"What its user has is kept. A new key gets at it when made with: --user {key.user_id}"), style="dim"
        )


def _keys() -> Keys:
    return Keys(load_settings().folders.data / FILE_NAME)
