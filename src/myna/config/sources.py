"""Where settings come from: ``myna.toml``, ``.env``, the environment, flags. Each gives values with their origin."""

import io
import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from dotenv.parser import parse_stream
from dotenv.variables import parse_variables

from myna.config.tree import Key
from myna.core.errors import BadConfig


class Source(IntEnum):
    """The sources in their order: a later one wins."""

    DEFAULT = 0
    PROFILE = 1
    FILE = 2
    DOTENV = 3
    ENVIRONMENT = 4
    COMMAND_LINE = 5


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value came from.

    Attributes:
        name: As it is written there: a dotted key, or an environment name.
        place: The source in words: ``in myna.toml``, ``in the environment``.
        line: In the file, counted from 1; None where it is unknown.
    """

    source: Source
    name: str = ""
    place: str = ""
    line: int | None = None

    def __str__(self) -> str:
        if self.source is Source.DEFAULT:
            return "default"
        if self.source is Source.PROFILE:
            return self.place
        return f"{self.name} {self.place}" + (f" (line {self.line})" if self.line else "")


@dataclass(frozen=True, slots=True)
class Given:
    """A value as it was given, not yet checked."""

    value: Any
    origin: Origin


@dataclass(frozen=True, slots=True)
class TextFile:
    """A settings file that was read; ``place`` is how messages call it."""

    path: Path
    place: str
    text: str


def read_text(path: Path, cwd: Path) -> TextFile | None:
    """The file, or None if there is none.

    Raises:
        BadConfig: It cannot be read, or is not UTF-8.
    """
    if not path.is_file():
        return None
    place = path.name if path.parent == cwd else str(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadConfig(f"{place} cannot be read: {error.strerror}.", hint="Check its permissions.") from error
    try:
        return TextFile(path, place, content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadConfig(f"{place} is not UTF-8 (line {line}).", hint="Save it as UTF-8.") from error


@dataclass(frozen=True, slots=True)
class Toml:
    """A TOML file: its tables, and how messages call it."""

    path: Path
    place: str
    text: str
    tables: Mapping[str, Any]

    def line_of(self, key: Key) -> int | None:
        """The line at which ``key`` is set."""
        lines = self._lines_of(key)
        return None if lines is None else lines[0] + 1

    def statement_of(self, key: Key) -> tuple[int, int] | None:
        """Where in the text the lines begin and end that set ``key``, the end of the last one included."""
        lines = self._lines_of(key)
        if lines is None:
            return None
        ends = [0, *itertools.accumulate(map(len, self.text.splitlines(keepends=True)))]
        return ends[lines[0]], ends[lines[1]]

    def _lines_of(self, key: Key) -> tuple[int, int] | None:
        """How many lines are above the statement that sets ``key``, and how many there are with it.

        tomllib tells no lines. But the text up to a line is valid TOML exactly when no value is cut, so the shortest
        such beginning that has the key ends with its value, and the one before it ends just above.
        """
        lines = self.text.splitlines(keepends=True)
        above = 0
        for count in range(1, len(lines) + 1):
            try:
                tables = tomllib.loads("".join(lines[:count]))
            except tomllib.TOMLDecodeError:
                continue
            if _has(tables, key):
                return above, count
            above = count
        return None


def parse_toml(file: TextFile) -> Toml:
    """The tables of a file.

    Raises:
        BadConfig: It is not TOML; the message has the line.
    """
    try:
        return Toml(file.path, file.place, file.text, tomllib.loads(file.text))
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(
            f"{file.place} is not valid TOML: {error}.", hint="Mend that line; text needs quotes."
        ) from error


def _has(tables: object, key: Key) -> bool:
    for part in key:
        if not isinstance(tables, dict) or part not in tables:
            return False
        tables = tables[part]  # pyright: ignore[reportUnknownVariableType] - whatever the file holds
    return True


@dataclass(frozen=True, slots=True)
class Variable:
    """A name and its text, from the environment or an ``.env``."""

    text: str
    origin: Origin


def read_environment(environ: Mapping[str, str]) -> dict[str, Variable]:
    """The environment. A name that is set to nothing counts as not set."""
    return {
        name: Variable(text, Origin(Source.ENVIRONMENT, name, "in the environment"))
        for name, text in environ.items()
        if text
    }


@dataclass(frozen=True, slots=True)
class DotEnv:
    """What an ``.env`` holds: its variables, and the lines that cannot be understood, by number."""

    variables: Mapping[str, Variable]
    broken: Mapping[int, str]


def parse_dotenv(file: TextFile, environ: Mapping[str, str]) -> DotEnv:
    """The variables of an ``.env``. ``${NAME}`` in a value is a variable above it or, first, of the environment."""
    texts: dict[str, str] = {}
    lines: dict[str, int] = {}
    broken: dict[int, str] = {}
    for binding in parse_stream(io.StringIO(file.text)):
        statement = binding.original.string
        line = binding.original.line + re.match(r"\s*", statement).group().count("\n")  # pyright: ignore[reportOptionalMemberAccess] - matches anything
        if binding.error:
            broken[line] = statement
        elif binding.key is not None:
            atoms = parse_variables(binding.value or "")
            texts[binding.key] = "".join(atom.resolve({**texts, **environ}) for atom in atoms)
            lines[binding.key] = line
    variables = {
        name: Variable(text, Origin(Source.DOTENV, name, f"in {file.place}", lines[name]))
        for name, text in texts.items()
        if text
    }
    return DotEnv(variables, broken)


def leaves(tables: Mapping[str, Any], sections: frozenset[Key], at: Key = ()) -> Iterator[tuple[Key, Any]]:
    """The values of nested tables: those of known sections are entered, everything else is given as it stands."""
    for name, value in tables.items():
        key = (*at, name)
        if key in sections and isinstance(value, Mapping):
            yield from leaves(value, sections, key)  # pyright: ignore[reportUnknownArgumentType] - whatever the file holds
        else:
            yield key, value
