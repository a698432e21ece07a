"""A persona read from a file: TOML, a character card, or a card with TOML on top."""

import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from myna.core.errors import BadInput
from myna.personas.cards.card import Card, NoCard, icons_of, read_card_file
from myna.personas.cards.json_text import as_object
from myna.personas.cards.persona import persona_fields
from myna.personas.emotions import EmotionStyle, Part, PersonaEmotions
from myna.personas.lore.model import Lorebook, LoreEntry
from myna.personas.model import About, BaseVoice, Example, LLMOverrides, Persona
from myna.personas.slug import slug_of

CARD_SUFFIXES = (".json", ".png", ".charx")

_TABLES: Mapping[str | int, type[BaseModel]] = {
    "examples": Example,
    "emotions": PersonaEmotions,
    "styles": EmotionStyle,
    "voice": BaseVoice,
    "llm": LLMOverrides,
    "lorebook": Lorebook,
    "entries": LoreEntry,
    "about": About,
}
_JOINED = ("voice", "emotions", "llm", "about")
"""Tables of which a TOML file on top of a card may set a part."""


class OnTopOf(Part):
    """What a TOML file says of the card that it goes with.

    Attributes:
        file: Its path, from the folder of the TOML file on; None for the card of the same name beside it.
        user: What ``{{user}}`` becomes.
        greeting: Which of the card's greetings is the first; 0 is the one that it has by itself.
    """

    file: str | None = None
    user: str | None = None
    greeting: int | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """A persona, and where it is written.

    Attributes:
        path: The file; the TOML where there are two.
        card: The card that it is made of.
        picture: The file of its picture, where the TOML names one.
        pictured: Whether there is a picture of it at all.
        read: The files that were read for it.
    """

    persona: Persona
    path: Path
    card: Path | None
    picture: Path | None
    pictured: bool
    read: tuple[Path, ...]


def read_persona(file: Path | Traversable) -> Persona:
    """The persona in a TOML file, or a character card.

    Raises:
        BadInput: The file cannot be read, or a field is wrong; the message names both and what is allowed.
    """
    if isinstance(file, Path):
        return read_written(file).persona
    return _persona(tables_of(file), file)


def read_written(path: Path, card_path: Path | None = None) -> Written:
    """The persona in ``path``. A TOML file may go on top of a card: the one that it names, else ``card_path``.

    Raises:
        BadInput: As `read_persona`.
    """
    if path.suffix.lower() != ".toml":
        return _written({}, OnTopOf(), path, path)
    return read_tables(tables_of(path), path, card_path)


def read_tables(tables: Mapping[str, Any], path: Path, card_path: Path | None = None) -> Written:
    """The persona that these tables describe, as `read_written` reads them from the TOML file at ``path``."""
    tables = dict(tables)
    on_top = _on_top(tables.pop("card", {}), path)
    if on_top.file:
        return _written(tables, on_top, path, path.parent / Path(on_top.file).expanduser())
    if card_path is not None:
        with suppress(NoCard):  # then it is the picture of who the TOML file describes
            return _written(tables, on_top, path, card_path)
    picture = _picture(tables, path)
    return Written(_persona(tables, path), path, None, picture, picture is not None, (path,))


def card_named_by(path: Path) -> Path | None:
    """The card that a TOML file names, if it can be read and names one."""
    try:
        on_top = _on_top(tables_of(path).get("card", {}), path)
    except BadInput:
        return None  # told when it is read
    return path.parent / Path(on_top.file).expanduser() if on_top.file else None


def _picture(tables: Mapping[str, Any], path: Path) -> Path | None:
    """The picture that a TOML file gives as the avatar. What a card gives is never taken for a path."""
    avatar = tables.get("avatar")
    if not isinstance(avatar, str) or "." not in avatar:
        return None
    picture = path.parent / Path(avatar).expanduser()
    return picture if picture.is_file() else None


def checked(fields: Mapping[str, Any], what: object, kind: Literal["file", "card"] = "file") -> Persona:
    """The persona of these fields, which ``what`` names to the user.

    Raises:
        BadInput: A field is wrong; the message names it and what is allowed.
    """
    try:
        return Persona.model_validate(fields)
    except ValidationError as failure:
        wrong = "; ".join(f"{field}: {said}" for field, said in list(problems_of(failure).items())[:10])
        page = "docs/personas.md" if kind == "file" else "docs/characters.md"
        raise BadInput(f"The persona {kind} {what} cannot be used: {wrong}.", hint=f"See {page}.") from failure


def has_picture(card: Card) -> bool:
    """Whether a card brings a picture of itself, read in full or not."""
    uris = [str(icon.get("uri", "")) for icon in icons_of(card)]
    return card.picture is not None or any(uri.startswith(("embed", "__asset:", "data:image/")) for uri in uris)


def _written(tables: Mapping[str, Any], on_top: OnTopOf, path: Path, card_path: Path) -> Written:
    card = read_card_file(card_path, whole=False)
    fields = persona_fields(card, user=on_top.user, greeting=on_top.greeting)
    joined = {name: {**as_object(fields.get(name)), **as_object(tables[name])} for name in _JOINED if name in tables}
    fields |= {"id": slug_of(path.stem), **tables, **joined}
    persona = checked(fields, path, "card" if path == card_path else "file")
    picture = _picture(tables, path)
    pictured = has_picture(card) or picture is not None
    return Written(persona, path, card_path, picture, pictured, tuple(dict.fromkeys((path, card_path))))


def _on_top(given: object, path: Path) -> OnTopOf:
    try:
        return OnTopOf.model_validate({"file": given} if isinstance(given, str) else given)
    except ValidationError as failure:
        error = failure.errors()[0]
        field = ".".join(str(part) for part in ("card", *error["loc"]))
        raise BadInput(
            f"The persona file {path} cannot be used: {field}: {error['msg']}.",
            hint='Write the file of the card: card = "x.png", or card = { file = "x.png", user = "Ann", greeting = 1 }',
        ) from failure


def _persona(tables: Mapping[str, Any], file: Path | Traversable) -> Persona:
    return checked(tables, file)


def tables_of(file: Path | Traversable) -> dict[str, Any]:
    """What is written in a TOML file, before any of it is checked.

    Raises:
        BadInput: It cannot be read, or is no TOML.
    """
    try:
        return tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise BadInput(f"The persona file {file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"The persona file {file} is not text in UTF-8.", hint="Save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput(
            f"The persona file {file} is not TOML: {error}.",
            hint='Text stands in quotes, and so do Chinese keys: "开心" = { speed = 1.1 }',
        ) from error


def problems_of(failure: ValidationError) -> dict[str, str]:
    """What is wrong with a persona, and what is allowed, by the place of the field, as ``examples.0.user``."""
    return {
        ".".join(str(part) for part in error["loc"] if part != "[key]"): _explain(error) for error in failure.errors()
    }


def _explain(error: ErrorDetails) -> str:
    if error["type"] != "extra_forbidden":
        return error["msg"].removeprefix("Value error, ")
    table: type[BaseModel] = Persona
    for part in error["loc"][:-1]:
        table = _TABLES.get(part, table)
    return f"there is no such field; there are {', '.join(table.model_fields)}"
