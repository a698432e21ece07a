"""``myna persona``: who can answer, and character cards in and out."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from myna.cli.terminal import Json, notes
from myna.config.load import load_settings
from myna.core.errors import BadInput, MynaError
from myna.personas.cards.card import Version, form_of, read_card_file
from myna.personas.cards.limits import LARGEST_FILE, MB
from myna.personas.cards.persona import VOICES, card_notes
from myna.personas.exporting import ExportFormat, export, imported
from myna.personas.folder import PersonaFolder
from myna.personas.load import Personas
from myna.personas.model import Persona
from myna.personas.reading import CARD_SUFFIXES, Written, checked, read_written
from myna.personas.slug import slug_of
from myna.personas.toml_text import persona_toml

app = typer.Typer(help="Who can answer: personas, and character cards in and out.", no_args_is_help=True)

_FORMS: Mapping[str, ExportFormat] = {"json": "json", "png": "png", "charx": "charx", "toml": "toml"}
_VERSIONS: Mapping[str, Version] = {"1": 1, "2": 2, "3": 3}


@app.command("list")
def list_(as_json: Json = False) -> None:
    """List the personas: your own first, then those that come with Myna."""
    personas = _personas()
    if as_json:
        told = [_told(persona, personas.written(persona)) for persona in personas.all]
        typer.echo(json.dumps(told, ensure_ascii=False, indent=2))
    elif sys.stdout.isatty():
        Console().print(_table(personas))
    else:
        for persona in personas.all:
            where = _where(personas.written(persona))
            typer.echo(f"{persona.id}\t{persona.avatar} {persona.name}\t{persona.language}\t{where}")


@app.command()
def show(name: Annotated[str, typer.Argument(help="An id, a name or an avatar.")], as_json: Json = False) -> None:
    """Show what a persona is made of."""
    personas = _personas()
    persona = personas.find(name)
    written = personas.written(persona)
    if as_json:
        fields = persona.model_dump(mode="json")
        typer.echo(json.dumps({**fields, "written_in": _where(written)}, ensure_ascii=False, indent=2))
        return
    typer.echo(f"# {_where(written)}")
    typer.echo(persona_toml(persona), nl=False)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="A character card: JSON, PNG or CHARX.")],
    persona_id: Annotated[str | None, typer.Option("--id", help="Its id; else one is made of its name.")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Take the place of one with this id.")] = False,
) -> None:
    """Make a persona of a character card. All of the card is kept, so that it can be exported again without loss."""
    data = _read(file)
    card = imported(data, str(file))
    persona = _personas().add(card, form_of(data), persona_id, replace=replace)
    typer.echo(persona.id)
    for note in card_notes(card):
        notes.print(Text(note, "dim"))
    notes.print(Text(f"{persona.name} can be talked with: myna chat --persona {persona.id}"))


@app.command("export")
def export_(
    name: Annotated[str, typer.Argument(help="An id, a name or an avatar.")],
    form: Annotated[
        Literal["json", "png", "charx", "toml"] | None,
        typer.Option("--format", "-f", help="Else as the name of the output says, else json."),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The file; else standard output.")] = None,
    version: Annotated[
        Literal["1", "2", "3"] | None, typer.Option("--card-version", help="Of the card; else as it is.")
    ] = None,
) -> None:
    """Write a persona as a character card, or as TOML. A card that was imported comes out as it came in."""
    personas = _personas()
    persona = personas.find(name)
    written = personas.written(persona)
    wanted = form or _form_of_output(output)
    content = export(persona, written, wanted, _VERSIONS[version] if version else None)
    if output is None:
        if wanted in ("png", "charx") and sys.stdout.isatty():
            raise BadInput(f"A {wanted} file is nothing for a terminal.", hint="Name a file: -o FILE")
        typer.echo(content, nl=False)
        return
    try:
        with output.open("xb") as file:
            file.write(content)
    except FileExistsError:
        raise BadInput(f"There is a file {output} already.", hint="Choose another name, or remove it.") from None
    except OSError as error:
        raise BadInput(f"{output} cannot be written: {error.strerror}.") from error
    left = _left_behind(written, wanted)
    notes.print(Text(f"{persona.name} is written to {output}.{left}"))


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="What it is called.")],
    persona_id: Annotated[str | None, typer.Option("--id", help="Its id; else one is made of its name.")] = None,
    language: Annotated[Literal["zh", "en"], typer.Option(help="What it mainly speaks.")] = "en",
) -> None:
    """Begin a persona of your own: a TOML file to fill in."""
    voice = {"voice": VOICES[language]}
    fields = {"id": persona_id or slug_of(name), "name": name, "language": language, "voice": voice}
    persona = checked({**fields, **_BEGINNING[language]}, name)
    path = _personas().add_text(persona.id, _HEAD + persona_toml(persona))
    typer.echo(path)
    notes.print(Text(f"Fill it in, look at it with `myna persona check {path}`, and talk: myna chat -p {persona.id}"))


@app.command()
def check(
    files: Annotated[list[Path] | None, typer.Argument(help="Cards or TOML files; left out, all of your own.")] = None,
) -> None:
    """Check cards and TOML files: what is wrong, what is odd, and what of them is kept but not used."""
    if files:
        right = [_check(path) for path in files]
    else:
        folder = PersonaFolder(load_settings().folders.config / "personas")
        right = [_tell(written) for written in folder.read()]
        for error in folder.wrong:
            typer.echo(error)
            right.append(False)
        if not right:
            notes.print(f"There are no personas of your own in {folder.path}.", markup=False)
    if not all(right):
        raise typer.Exit(2)


def _check(path: Path) -> bool:
    try:
        return _tell(read_written(path, _card_beside(path)))
    except MynaError as error:
        typer.echo(f"{path}: {error}")
        return False


def _tell(written: Written) -> bool:
    where = _where(written)
    try:
        told = card_notes(read_card_file(written.card)) if written.card is not None else ()
    except MynaError as error:
        typer.echo(f"{where}: {error}")
        return False
    typer.echo(f"{where}: {written.persona.id} ({written.persona.name}) can be used.")
    for note in told:
        typer.echo(f"  {note}")
    return True


_HEAD = "# All fields are described in docs/personas.md.\n"
_BEGINNING: Mapping[str, Mapping[str, Any]] = {
    "en": {
        "greeting": "Hello!",
        "system_prompt": "You are … (who, what you know, how you talk). Say one or two short sentences at a time.",
        "examples": [
            {"user": "Who are you?", "assistant": "[Calm] …"},
            {"user": "I won!", "assistant": "[Happy] …"},
        ],
    },
    "zh": {
        "greeting": "你好！",
        "system_prompt": "你是……（身份、知道什么、怎么说话）。每次只说一两句短话。",
        "examples": [{"user": "你是谁？", "assistant": "[平静] ……"}, {"user": "我成功了！", "assistant": "[开心] ……"}],
    },
}


def _personas() -> Personas:
    return Personas(load_settings().folders.config / "personas")


def _read(file: Path) -> bytes:
    try:
        if file.stat().st_size > LARGEST_FILE:
            raise BadInput(f"{file} is too large for a card: at most {LARGEST_FILE // MB} MB are read.")
        return file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read: {error.strerror}.") from error


def _form_of_output(output: Path | None) -> ExportFormat:
    suffix = output.suffix.lower().removeprefix(".") if output is not None else "json"
    form = _FORMS.get(suffix)
    if form is None:
        raise BadInput(
            f"{output} does not say what it is.", hint="Name it .json, .png, .charx or .toml, or use --format."
        )
    return form


def _card_beside(path: Path) -> Path | None:
    beside = (path.with_suffix(suffix) for suffix in CARD_SUFFIXES)
    return next((each for each in beside if path.suffix.lower() == ".toml" and each.is_file()), None)


def _left_behind(written: Written | None, wanted: ExportFormat) -> str:
    if written is None or written.card is None or wanted != "json":
        return ""
    card = read_card_file(written.card)
    pictures = ["its picture"] if card.picture is not None else []
    files = [f"{len(card.files)} files"] if card.files else []
    return f" JSON has no room for {' and '.join([*pictures, *files])}: charx has." if pictures or files else ""


def _told(persona: Persona, written: Written | None) -> dict[str, Any]:
    return {
        "id": persona.id,
        "name": persona.name,
        "language": persona.language,
        "avatar": persona.avatar,
        "greeting": persona.greeting,
        "tags": list(persona.about.tags),
        "written_in": _where(written),
    }


def _table(personas: Personas) -> Table:
    table = Table("id", "", "name", "speaks", "from", box=None)
    for persona in personas.all:
        where = _where(personas.written(persona))
        table.add_row(persona.id, Text(persona.avatar), Text(persona.name), persona.language, Text(where))
    return table


def _where(written: Written | None) -> str:
    return "built in" if written is None else " + ".join(str(path) for path in written.read)
