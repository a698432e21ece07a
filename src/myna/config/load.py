"""Reading the settings: all sources, one tree, every problem told at once."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import platformdirs
from pydantic import BaseModel

from myna.config.check import Check, masked
from myna.config.engines import EngineSections, engine_sections
from myna.config.gather import ENGINE_KEYS, NONE, OPTIONAL, Gathering
from myna.config.named import named_sections
from myna.config.plain_names import is_ours
from myna.config.problems import Problems
from myna.config.settings import Settings
from myna.config.sources import (
    Given,
    Origin,
    Source,
    TextFile,
    Toml,
    Variable,
    parse_dotenv,
    parse_toml,
    read_environment,
    read_text,
)
from myna.config.tree import Key, Tree, dotted, grow, is_secret
from myna.core.errors import BadConfig, UnknownName
from myna.engines.held import Choice
from myna.engines.llm.endpoint import EndpointPlugin
from myna.engines.plugins import Kind

APP = "myna"
FILE_NAME = "myna.toml"
HOME = "MYNA_HOME"


@dataclass(frozen=True, slots=True)
class Folders:
    """Where Myna keeps things.

    Attributes:
        data: Conversations, memories and keys.
        cache: Weights.
        config: The user's personas, and ``myna.toml`` where the working folder has none.
    """

    data: Path
    cache: Path
    config: Path


@dataclass(frozen=True, slots=True)
class Provenance:
    """One setting: its value as JSON has it, secrets masked, and where it came from."""

    key: str
    value: Any
    origin: Origin
    secret: bool


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where settings are read, but for ``myna.toml``, which is found through them."""

    overrides: Mapping[str, Any]
    cwd: Path
    environ: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings as they hold. Made by `load_settings`.

    Attributes:
        settings: The general sections.
        options: The options of every engine that is installed and fully configured, by name.
        folders: Where Myna keeps things.
        file: The ``myna.toml`` that was read; where there is none, the one that would be.
    """

    settings: Settings
    options: Mapping[str, BaseModel]
    folders: Folders
    file: Path
    _engines: EngineSections
    _tree: Tree
    _given: Mapping[Key, Given]
    _sources: _Sources

    def again(self, text: str | None = None) -> "Loaded":
        """What holds if Myna is started again as it was, with ``text`` in its ``myna.toml``; None: what is there now.

        Raises:
            BadConfig: Something is wrong in one or more places; the message tells all of them.
        """
        return _load(self._sources, text)

    def key(self, name: str) -> Key:
        """The key of a setting that is written ``llm.temperature``.

        Raises:
            BadConfig: There is no such setting; the hint tells what was meant.
        """
        key = tuple(name.split("."))
        if key in self._tree.fields:
            return key
        if key in self._tree.sections:
            inside = sorted(dotted(each) for each in self._tree.fields if each[: len(key)] == key)
            hint = f"Name a setting in it: {', '.join(inside)}." if inside else ""
            raise BadConfig(f"{name} is a section of the settings.", hint=hint)
        raise BadConfig(f"There is no setting {name}.", hint=self._tree.instead_of(key))

    def origin(self, key: Key) -> Origin:
        """Where the value of a key came from."""
        return self._given[key].origin if key in self._given else Origin(Source.DEFAULT)

    def differs(self, other: "Loaded", key: Key) -> bool:
        """Whether a key has another value there. Secrets, which `provenance` masks, are compared too."""
        return self._value(key) != other._value(key)

    def _value(self, key: Key) -> object:
        value: object = self.options.get(key[0], self.settings)
        for part in key[1:] if key[0] in self.options else key:
            named = isinstance(value, Mapping)  # sections that the user names
            value = cast("Mapping[str, object]", value).get(part) if named else getattr(value, part, None)
        return value

    def choice(self, kind: Kind) -> Choice:
        """The engine that is chosen for ``kind``, with its options and, of an LLM, its fallbacks.

        Not for a kind that goes without: see `choices`.
        """
        engine = self._engine(kind)
        if kind != "llm":
            return Choice(engine, self._engines.plugins[engine], self.options[engine])
        behind = [self.llm(name) for name in self.settings.llm.fallbacks if name != engine]
        return replace(self.llm(engine), fallbacks=tuple(behind))

    def llm(self, name: str) -> Choice:
        """An LLM engine or an endpoint by its name, alone.

        Raises:
            UnknownName: There is none.
            BadConfig: It cannot be imported, or its section lacks something.
        """
        if (endpoint := self.settings.endpoints.get(name)) is not None:
            return Choice(name, EndpointPlugin(name), endpoint)
        names = self._engines.names["llm"]
        if name not in names:
            there_is = ", ".join((*names, *self.settings.endpoints))
            raise UnknownName(f"There is no LLM engine {name!r}; there is: {there_is}.")
        if (error := self._engines.broken.get(name)) is not None:
            raise error
        if name not in self.options:
            raise BadConfig(f"The section [{name}] is not complete.", hint="`myna config schema` tells what it needs.")
        return Choice(name, self._engines.plugins[name], self.options[name])

    def choices(self, kinds: Iterable[Kind]) -> dict[Kind, Choice]:
        """The engines that are chosen for these kinds, without those that are to be gone without."""
        return {kind: self.choice(kind) for kind in kinds if kind not in OPTIONAL or self._engine(kind) != NONE}

    def _engine(self, kind: Kind) -> str:
        section, name = ENGINE_KEYS[kind]
        engine: str = getattr(getattr(self.settings, section), name)
        return engine

    def is_given(self, *key: str) -> bool:
        """Whether any source sets the key; a default, a profile or a set is none."""
        return (given := self._given.get(key)) is not None and given.origin.source > Source.PROFILE

    @property
    def tools_folder(self) -> Path | None:
        """Where the user's tools are. Not just any folder ``tools`` that Myna is started beside: they are run."""
        beside = self.file.parent / "tools" if self.file.exists() else None
        return self.settings.tools.folder or beside

    def secrets(self) -> frozenset[str]:
        """What the sources give that must not be shown."""
        fields = self._tree.fields
        hidden = [given.value for key, given in self._given.items() if is_secret(key, fields[key])]
        return frozenset(text for value in hidden for text in _texts(value))

    def provenance(self) -> list[Provenance]:
        """Every setting, section by section."""
        values = self.settings.model_dump(mode="json")
        values |= {name: options.model_dump(mode="json") for name, options in self.options.items()}
        told: list[Provenance] = []
        for key, item in self._tree.fields.items():
            if key[0] in values:
                value: Any = values
                for part in key:
                    value = value[part]
                secret = is_secret(key, item)
                told.append(Provenance(dotted(key), masked(value, secret=secret), self.origin(key), secret))
        return told


def load_settings(
    overrides: Mapping[str, Any] | None = None,
    *,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Loaded:
    """Read the settings.

    Args:
        overrides: What the command line says, nested as ``myna.toml`` is; None stands for a flag that was not given.
        cwd: The working folder, if not the process's own.
        environ: The environment, if not the process's own.

    Raises:
        BadConfig: Something is wrong in one or more places; the message tells all of them.
    """
    cwd = (cwd or Path.cwd()).absolute()
    return _load(_Sources(overrides or {}, cwd, os.environ if environ is None else environ))


def _load(sources: _Sources, text: str | None = None) -> Loaded:
    overrides, cwd, environ = sources.overrides, sources.cwd, sources.environ
    problems = Problems()
    engines = engine_sections()
    variables = read_environment(environ)
    dotenv = _read_dotenv(cwd, environ, problems)
    folders = _folders(cwd, _home(overrides, variables, dotenv))
    toml = _read_toml(cwd, folders, problems, text)
    named = named_sections([toml.tables if toml else {}, overrides], [*dotenv, *variables])
    options_models = {(name,): plugin.options_model for name, plugin in engines.plugins.items()}
    tree = grow({(): Settings} | options_models | named)

    gathering = Gathering(tree, engines, problems)
    if toml:
        gathering.take_tables(toml.tables, Source.FILE, f"in {toml.place}")
    gathering.take_variables(dotenv)
    gathering.take_variables(variables)
    gathering.take_tables(overrides, Source.COMMAND_LINE, "on the command line")
    gathering.choose_llm(dotenv, variables)
    gathering.apply_profile()
    gathering.apply_set()
    chosen = gathering.chosen_engines()

    for section in () if problems else named:
        if not any(key[: len(section)] == section for key in gathering.given):
            problems.say(f"The section [{dotted(section)}] is empty.")

    check = Check(tree, gathering.given, problems)
    settings = check.make(Settings, (), needed=True)
    options = {
        name: check.make(plugin.options_model, (name,), needed=name in chosen)
        for name, plugin in engines.plugins.items()
    }
    if problems or settings is None:
        raise problems.error()
    file = toml.path if toml else folders.config / FILE_NAME
    if toml and settings.home and gathering.given["home",].origin.source is Source.FILE:
        folders = _folders(toml.path.parent, settings.home)
    made = {name: model for name, model in options.items() if model is not None}
    return Loaded(settings, made, folders, file, engines, tree, gathering.given, sources)


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - whatever was given
    """What is in a value; of a table, what its keys hold."""
    for each in cast("Mapping[str, Any]", value).values() if isinstance(value, Mapping) else (value,):
        yield str(each)


def _read_dotenv(cwd: Path, environ: Mapping[str, str], problems: Problems) -> Mapping[str, Variable]:
    try:
        file = read_text(cwd / ".env", cwd)
    except BadConfig as error:
        problems.add_error(error)
        return {}
    if file is None:
        return {}
    dotenv = parse_dotenv(file, environ)
    for line, statement in dotenv.broken.items():
        if name := next(filter(is_ours, re.findall(r"\w+", statement)), None):
            origin = Origin(Source.DOTENV, name, f"in {file.place}", line)
            problems.add(
                origin, "this line cannot be understood.", "Write NAME=value, with quotes around a long value."
            )
    return dotenv.variables


def _read_toml(cwd: Path, folders: Folders, problems: Problems, text: str | None) -> Toml | None:
    try:
        file = read_text(cwd / FILE_NAME, cwd) or read_text(folders.config / FILE_NAME, cwd)
        if text is not None:
            file = TextFile(file.path if file else folders.config / FILE_NAME, f"the changed {FILE_NAME}", text)
        toml = problems.toml = parse_toml(file) if file else None
    except BadConfig as error:
        problems.add_error(error)
        return None
    return toml


def _home(overrides: Mapping[str, Any], *layers: Mapping[str, Variable]) -> str | Path | None:
    """What decides where ``myna.toml`` is looked for."""
    return overrides.get("home") or next((layer[HOME].text for layer in layers if HOME in layer), None)


def _folders(cwd: Path, home: str | Path | None) -> Folders:
    if not home:
        return Folders(
            platformdirs.user_data_path(APP, appauthor=False),
            platformdirs.user_cache_path(APP, appauthor=False),
            platformdirs.user_config_path(APP, appauthor=False),
        )
    root = cwd / Path(home).expanduser()
    return Folders(root / "data", root / "cache", root)
