"""Personas read from TOML files and found by name."""

import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from myna.core.errors import BadInput, UnknownName
from myna.personas.emotions import EmotionStyle, PersonaEmotions
from myna.personas.model import BaseVoice, Example, LLMOverrides, Persona

_TABLES: Mapping[str | int, type[BaseModel]] = {
    "examples": Example,
    "emotions": PersonaEmotions,
    "styles": EmotionStyle,
    "voice": BaseVoice,
    "llm": LLMOverrides,
}


class Personas:
    """The personas there are: the user's, and the built-in ones that the user has not replaced.

    Attributes:
        all: The user's first, each in the order of their files' names.
    """

    def __init__(self, folder: Path | None = None, given: Sequence[Persona] = ()) -> None:
        """Read the built-in personas and those in ``folder``, if there is one; ``given`` stand before both.

        Raises:
            BadInput: A file cannot be used; the message names it, the field, and what is allowed.
        """
        self._folder = folder
        own: dict[str, Persona] = {}
        source: dict[str, Path] = {}
        for path in sorted(folder.glob("*.toml")) if folder is not None else ():
            persona = read_persona(path)
            if persona.id in own:
                raise BadInput(
                    f"{source[persona.id]} and {path} have the same id, {persona.id}.", hint="Change one of them."
                )
            own[persona.id], source[persona.id] = persona, path
        known: dict[str, Persona] = {}
        for persona in (*given, *own.values(), *map(read_persona, _built_in_files())):
            known.setdefault(persona.id, persona)
        self.all = tuple(known.values())

    def find(self, name: str) -> Persona:
        """The persona with this id, name or avatar, ignoring case, spaces and hyphens.

        Raises:
            UnknownName: There is none; the message lists those there are.
        """
        wanted = _fold(name)
        for field in ("id", "name", "avatar"):
            for persona in self.all:
                if _fold(getattr(persona, field)) == wanted:
                    return persona
        known = ", ".join(f"{persona.id} ({persona.name})" for persona in self.all)
        hint = f"Your own go into {self._folder}, a TOML file each." if self._folder is not None else ""
        raise UnknownName(f"There is no persona {name!r}. There are: {known}.", hint=hint)


def read_persona(file: Path | Traversable) -> Persona:
    """The persona in a TOML file.

    Raises:
        BadInput: The file cannot be read, or a field is wrong; the message names both and what is allowed.
    """
    try:
        return Persona.model_validate(tomllib.loads(file.read_bytes().decode("utf-8-sig")))
    except OSError as error:
        raise BadInput(f"The persona file {file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"The persona file {file} is not text in UTF-8.", hint="Save it as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput(
            f"The persona file {file} is not TOML: {error}.",
            hint='Text stands in quotes, and so do Chinese keys: "开心" = { speed = 1.1 }',
        ) from error
    except ValidationError as failure:
        wrong = "; ".join(_explain(error) for error in failure.errors())
        raise BadInput(f"The persona file {file} cannot be used: {wrong}.", hint="See docs/personas.md.") from failure


def _built_in_files() -> list[Traversable]:
    folder = files("myna.personas").joinpath("builtin")
    return sorted(folder.iterdir(), key=lambda file: file.name)


def _explain(error: ErrorDetails) -> str:
    place = error["loc"]
    field = ".".join(str(part) for part in place if part != "[key]")
    if error["type"] != "extra_forbidden":
        return f"{field}: {error['msg'].removeprefix('Value error, ')}"
    table: type[BaseModel] = Persona
    for part in place[:-1]:
        table = _TABLES.get(part, table)
    return f"{field}: there is no such field; there are {', '.join(table.model_fields)}"


def _fold(name: str) -> str:
    """``name`` without what people leave out or type in another way: case, blanks, hyphens, dots, emoji variants."""
    return "".join(char for char in unicodedata.normalize("NFKC", name).casefold() if char not in " \t-_·・•\ufe0f")
