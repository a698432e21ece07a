"""Changing a persona field by field: what is to be written so that it is as somebody wants it.

Of a persona in TOML the file is changed; on top of a card there is one, and the card stays as it is.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from myna.core.errors import BadInput
from myna.personas.cards.json_text import as_list, as_object, plain_text
from myna.personas.cards.limits import LONGEST_TEXT
from myna.personas.cards.macros import Names
from myna.personas.cards.persona import USER
from myna.personas.lore.model import MOST_ENTRIES
from myna.personas.model import Persona
from myna.personas.reading import problems_of, read_tables
from myna.personas.toml_edit import edited

FILLED = ("greeting", "greetings", "system_prompt", "reminder", "examples")
"""Fields whose ``{{char}}`` and ``{{user}}`` are filled when they are kept: only cards hold macros."""
LONGEST_AVATAR = 16
MOST_ELSE = 200
"""Entries of a list or a table."""


class BadPersona(BadInput):
    """Fields of a persona that cannot be used: ``fields`` says of each, by its place, what is allowed."""

    code = "bad_persona"

    def __init__(self, fields: Mapping[str, str]) -> None:
        told = "; ".join(f"{field}: {said}" for field, said in list(fields.items())[:5])
        super().__init__(f"The persona cannot be kept: {told}.", hint="docs/personas.md describes every field.")
        self.fields = dict(fields)


class ChangedMeanwhile(BadInput):
    """Somebody else has changed it since it was read."""

    code = "changed_meanwhile"


@dataclass(frozen=True, slots=True)
class Source:
    """What a persona is written as, or is to be.

    Attributes:
        path: The TOML file.
        text: What stands there; empty where there is none yet.
        card: The card below it.
    """

    path: Path
    text: str = ""
    card: Path | None = None


def checked_fields(fields: Mapping[str, Any]) -> Persona:
    """The persona of these fields.

    Raises:
        BadPersona: Some cannot be used.
    """
    try:
        return Persona.model_validate(fields)
    except ValidationError as failure:
        raise BadPersona(problems_of(failure)) from failure


def begun(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields that somebody gives for a new persona, as they are kept; raises `BadPersona`."""
    return _as_kept(fields, str(fields.get("name", "")), str(fields.get("language", "")), "")


def changed(source: Source, now: Persona, changes: Mapping[str, Any]) -> str:
    """The TOML text that makes ``now``, which is written in ``source``, otherwise.

    Args:
        source: Where it is written.
        now: The persona.
        changes: New values by field, each the whole of it. None takes the field out, so that what the card below says,
            or the usual, holds.

    Raises:
        BadPersona: A value cannot be used.
        BadInput: The file cannot be changed in this way.
    """
    tables = _tables(source)
    user = str(as_object(tables.get("card")).get("user") or "")
    name, language = (str(changes.get(each) or getattr(now, each)) for each in ("name", "language"))
    changes = _as_kept(changes, name, language, user)
    fields = now.model_dump(mode="json")
    for name, value in changes.items():
        if value is not None:
            fields[name] = value
        elif source.card is None:
            fields.pop(name, None)
    persona = checked_fields(fields)
    changes = {name: value for name, value in changes.items() if value is None or _differ(name, persona, now)}
    whole = _written_briefly(persona.model_dump(mode="json", exclude_none=True))
    brief = _written_briefly(persona.model_dump(mode="json", exclude_none=True, exclude_defaults=True))
    wanted = dict(tables)
    for name, value in changes.items():
        wanted.pop(name, None)
        told = whole if source.card is not None else brief
        if value is not None and (name in told or name in tables) and name in whole:
            wanted[name] = _as_before(tables.get(name), told.get(name, whole[name]), whole[name])
    text = edited(source.text, {name: wanted[name] for name in _in_order(tables, wanted)})
    _check(source, text, persona, changes)
    return text


def with_avatar(text: str, avatar: str) -> str:
    """The TOML text with this avatar: the path of a picture."""
    return edited(text, {**tomllib.loads(text), "avatar": avatar})


def beside_its_card(text: str) -> str:
    """The TOML text for a card of the same name beside it, in the place of one that it names."""
    tables = tomllib.loads(text)
    said = {name: each for name, each in as_object(tables.pop("card", None)).items() if name != "file"}
    return edited(text, {**({"card": said} if said else {}), **tables})


def _check(source: Source, text: str, wanted: Persona, changes: Mapping[str, Any]) -> None:
    """What is written has to read back as what is wanted, also on top of a card."""
    try:
        persona = read_tables(tomllib.loads(text), source.path, source.card).persona
    except BadInput as error:
        if isinstance(error.__cause__, ValidationError):
            raise BadPersona(problems_of(error.__cause__)) from error
        raise
    said = "the card below says something here that can be changed, but not taken away"
    lost = [name for name, value in changes.items() if value is not None and _differ(name, persona, wanted)]
    if lost:
        raise BadPersona(dict.fromkeys(lost, said))


def _differ(name: str, one: Persona, other: Persona) -> bool:
    return getattr(one, name) != getattr(other, name)


def _in_order(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """What is new stands as in the model, behind what was there."""
    yield from (name for name in before if name in wanted)
    yield from (name for name in Persona.model_fields if name in wanted and name not in before)


def _tables(source: Source) -> dict[str, Any]:
    try:
        return tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(
            f"The persona file {source.path} is not TOML by now: {error}.", hint="Mend it there, and save again."
        ) from error


def _as_before(before: object, brief: object, whole: object) -> object:
    """``brief``, with what the file said besides: what is usual, and stands there all the same, stays there."""
    had, short, full = as_object(before), as_object(brief), as_object(whole)
    if not had or not full:
        return brief
    names = [name for name in full if name in had or name in short]
    return {name: _as_before(had.get(name), short.get(name, full[name]), full[name]) for name in names}


def _written_briefly(value: object) -> Any:  # noqa: ANN401 - what TOML holds
    """A blend of one voice is written as its name."""
    if isinstance(value, list):
        return [_written_briefly(each) for each in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    table = {name: _written_briefly(each) for name, each in cast("dict[str, object]", value).items()}
    blend = table.get("voice")
    if isinstance(blend, dict) and "voice" not in blend and len(cast("dict[str, Any]", blend)) == 1:
        table["voice"] = next(iter(cast("dict[str, Any]", blend)))
    return table


# ---------------------------------------------------------------------------------------------- what somebody gives


def _as_kept(fields: Mapping[str, Any], name: str, language: str, user: str) -> dict[str, Any]:
    problems = dict(_too_much(fields))
    unknown = [name for name in fields if name not in Persona.model_fields]
    problems |= {name[:100]: f"there is no such field; there are {', '.join(Persona.model_fields)}" for name in unknown}
    avatar = fields.get("avatar")
    if isinstance(avatar, str) and ("." in avatar or "/" in avatar or len(avatar) > LONGEST_AVATAR):
        problems["avatar"] = "must be an emoji; a picture is sent as a file"
    if problems:
        raise BadPersona(problems)
    names = Names.of(name, user or USER["zh" if language.startswith("zh") else "en"], name)
    return {
        field: _cleaned(value, names if field in FILLED else None) if value is not None else None
        for field, value in fields.items()
    }


def _too_much(value: object, place: str = "", most: int = MOST_ELSE) -> Iterator[tuple[str, str]]:
    """Where something is larger than anybody writes by hand."""
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            yield place, f"has {len(value):,} characters, and may have {LONGEST_TEXT:,}"
        return
    if not isinstance(value, (dict, list)):
        return
    inside = cast("dict[str, object] | list[object]", value)
    if len(inside) > most:
        yield place or "body", f"has {len(inside):,} entries, and may have {most:,}"
        return
    for name, each in inside.items() if isinstance(inside, dict) else enumerate(inside):
        below = f"{place}.{name}" if place else str(name)
        yield from _too_much(each, below[:200], MOST_ENTRIES if below == "lorebook" else most)


def _cleaned(value: object, names: Names | None) -> object:
    """Without control characters, and with the macros filled where ``names`` are given."""
    match value:
        case str():
            text = plain_text(value)
            return names.fill(text) if names is not None else text
        case dict():
            table = cast("dict[str, object]", value)
            return {plain_text(name): _cleaned(each, names) for name, each in table.items()}
        case list():
            return [_cleaned(each, names) for each in as_list(cast("object", value))]
        case _:
            return value
