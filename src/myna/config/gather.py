"""Gathers what every source says into one table: the value that wins for each key, and where it came from."""

import itertools
from collections.abc import Mapping
from typing import Any, cast

from myna.config.engines import EngineSections
from myna.config.named import ENDPOINTS
from myna.config.plain_names import CHOOSES_LLM, PLAIN_NAMES, is_meant
from myna.config.problems import Problems
from myna.config.sets import SETTINGS_OF_SET
from myna.config.settings import PROFILES
from myna.config.sources import Given, Origin, Source, Variable, leaves
from myna.config.tree import PREFIX, Key, Tree, dotted, from_text
from myna.engines.plugins import Kind

ENGINE_KEYS: Mapping[Kind, Key] = {
    "llm": ("llm", "engine"),
    "asr": ("asr", "engine"),
    "tts": ("tts", "engine"),
    "vad": ("vad", "engine"),
    "turn": ("turn", "engine"),
    "embed": ("embed", "engine"),
}
"""Where the engine of a kind is chosen."""

FALLBACKS: Key = ("llm", "fallbacks")

NONE = "none"
OPTIONAL: frozenset[Kind] = frozenset({"turn"})
"""Kinds that Myna can do without: `NONE` chooses no engine."""

SHARED_WITH_LLM = ("model", "max_tokens", "temperature", "top_p", "top_k")
"""Keys of ``[llm]`` that stand for the key of the same name in the chosen engine's own section."""


class Gathering:
    """Takes the sources from the weakest to the strongest; the last that gives a key wins it."""

    def __init__(self, tree: Tree, engines: EngineSections, problems: Problems) -> None:
        self.given: dict[Key, Given] = {}
        self._tree = tree
        self._engines = engines
        self._problems = problems

    def take_tables(self, tables: Mapping[str, Any], source: Source, place: str) -> None:
        """Take nested tables: a file's or the flags'. None is what was not given."""
        for key, value in leaves(tables, self._tree.sections):
            origin = Origin(source, dotted(key), place)
            if key in self._tree.fields:
                if isinstance(value, str) and source is Source.COMMAND_LINE:
                    self.given[key] = Given(from_text(value, self._tree.fields[key]), origin)
                elif value is not None:
                    self.given[key] = Given(value, origin)
            elif key in self._tree.sections:
                self._problems.add(origin, "must be a table of settings.")
            else:
                self._unknown(key[0], origin, self._tree.instead_of(key))

    def take_variables(self, variables: Mapping[str, Variable]) -> None:
        """Take environment variables or those of an ``.env``; a ``MYNA_`` name wins over its plain one."""
        for name, key in PLAIN_NAMES.items():
            variable = variables.get(name)
            if variable and key in self._tree.fields and is_meant(name, variable.text):
                self._take_text(key, variable)
        for name, variable in variables.items():
            if name in self._tree.names:
                self._take_text(self._tree.names[name], variable)
            elif name.startswith(PREFIX):
                section = name.removeprefix(PREFIX).partition("__")[0].lower()
                self._unknown(section, variable.origin, self._tree.instead_of_name(name))

    def _take_text(self, key: Key, variable: Variable) -> None:
        self.given[key] = Given(from_text(variable.text, self._tree.fields[key]), variable.origin)

    def _unknown(self, section: str, origin: Origin, instead: str) -> None:
        if error := self._engines.broken.get(section):
            self._problems.add(origin, error.message, error.hint)
        else:
            self._problems.add(origin, f"no such setting. {instead}")

    def choose_llm(self, *layers: Mapping[str, Variable]) -> None:
        """Let the plain names that choose an LLM engine do so, unless ``llm.engine`` is set by name or by a flag."""
        key = ENGINE_KEYS["llm"]
        if key in self.given and self.given[key].origin.source > Source.FILE:
            return
        choosers = {
            name: Given(CHOOSES_LLM[name], variables[name].origin)
            for variables in layers
            for name in CHOOSES_LLM
            if name in variables
        }
        for first, other in itertools.pairwise(choosers.values()):
            self._problems.say(
                f"{first.origin} chooses the LLM engine {first.value}, but {other.origin} chooses {other.value}.",
                "Take one of them away, or choose by MYNA_LLM__ENGINE.",
            )
        if len(choosers) == 1:
            self.given[key] = next(iter(choosers.values()))

    def apply_profile(self) -> None:
        """What a chosen profile says holds where the sources say nothing."""
        chosen = self.given.get(("llm", "profile"))
        for profile, generation in PROFILES.items():
            if chosen and chosen.value == profile:
                origin = Origin(Source.PROFILE, place=f"profile {profile}")
                for name, value in generation.items():
                    self.given.setdefault(("llm", name), Given(value, origin))

    def apply_set(self) -> None:
        """What the chosen set says of engines and models holds where the sources say nothing."""
        chosen = self.given.get(("weights", "set"))
        for name, settings in SETTINGS_OF_SET.items():
            if chosen and chosen.value == name:
                origin = Origin(Source.PROFILE, place=f"set {name}")
                for key, value in settings.items():
                    if key in self._tree.fields:
                        self.given.setdefault(key, Given(value, origin))

    def chosen_engines(self) -> set[str]:
        """The engines that are chosen, without endpoints. Keys of the first LLM that ``[llm]`` has too become one."""
        self._check_endpoints()
        chosen = {kind: self._engine(kind, key) for kind, key in ENGINE_KEYS.items()}
        if llm := chosen["llm"]:
            self._share_with_llm(llm)
        return {name for name in (*chosen.values(), *self._fallbacks(chosen["llm"])) if name} - self._endpoints

    @property
    def _endpoints(self) -> set[str]:
        return {key[1] for key in self._tree.sections if key[0] == ENDPOINTS and len(key) == len((ENDPOINTS, "NAME"))}

    def _check_endpoints(self) -> None:
        """An endpoint must not be called like an engine: nobody would know which of the two is meant."""
        for name in self._endpoints.intersection(self._engines.names["llm"]):
            given = next((given for key, given in self.given.items() if key[:2] == (ENDPOINTS, name)), None)
            if given is not None:
                self._problems.add(given.origin, f"{name} is the name of an engine.", "Call the endpoint otherwise.")

    def _fallbacks(self, first: str | None) -> list[str]:
        """The LLM engines and endpoints behind the first; those that are none are problems."""
        given = self.given.get(FALLBACKS)
        value: object = given.value if given else None
        if given is None or not isinstance(value, list | tuple):
            return []  # and pydantic says what was wanted
        names: list[str] = []
        for name in map(_stripped, cast("list[object]", value)):
            if not isinstance(name, str):
                continue
            if name == first and self._is_chosen_over(given):
                continue  # as `--set llm.engine=NAME` does, for one run
            if name in (first, *names):
                twice = "llm.engine already" if name == first else "named twice"
                self._problems.add(given.origin, f"{name!r} is {twice}.", "Take it out.")
            elif self._is_llm(name, given):
                names.append(name)
        return names

    def _is_chosen_over(self, fallbacks: Given) -> bool:
        """Whether the LLM engine comes from a stronger source than these fallbacks."""
        engine = self.given.get(ENGINE_KEYS["llm"])
        return engine is not None and engine.origin.source > fallbacks.origin.source

    def _engine(self, kind: Kind, key: Key) -> str | None:
        """The chosen engine; None if it is `NONE`, or, with a problem, if there is no such engine."""
        chosen = self.given.get(key) or Given(self._tree.fields[key].default, Origin(Source.DEFAULT))
        name = chosen.value
        if not isinstance(name, str):
            return None  # and pydantic says what was wanted
        if name == NONE and kind in OPTIONAL:
            return None
        if kind == "llm":
            return name if self._is_llm(name, chosen) else None
        names = self._engines.names[kind]
        if name not in names:
            there_is = f"there is: {', '.join((*names, NONE) if kind in OPTIONAL else names) or 'none'}."
            self._problems.add(chosen.origin, f"there is no {kind} engine {name!r}; {there_is}")
        elif error := self._engines.broken.get(name):
            self._problems.add(chosen.origin, error.message, error.hint)
        else:
            return name
        return None

    def _is_llm(self, name: str, chosen: Given) -> bool:
        """Whether there is an LLM engine or an endpoint of this name; else that is a problem."""
        if name in self._endpoints:
            return True
        names = self._engines.names["llm"]
        if name not in names:
            there_is = f"there is: {', '.join((*names, *sorted(self._endpoints))) or 'none'}."
            if chosen.origin.name in CHOOSES_LLM:
                told = f"it chooses the engine {name}, which is not part of this version; {there_is}"
                self._problems.add(chosen.origin, told, "Take it away, or choose by MYNA_LLM__ENGINE.")
            else:
                hint = f"Another server needs a section [{ENDPOINTS}.{name}]." if name.isidentifier() else ""
                self._problems.add(chosen.origin, f"there is no llm engine {name!r}; {there_is}", hint)
        elif error := self._engines.broken.get(name):
            self._problems.add(chosen.origin, error.message, error.hint)
        else:
            return True
        return False

    def _share_with_llm(self, engine: str) -> None:
        """``llm.model`` and the chosen engine's ``model`` are one setting, and so on: the later source wins."""
        section: Key = (ENDPOINTS, engine) if engine in self._endpoints else (engine,)
        for name in SHARED_WITH_LLM:
            general, own = ("llm", name), (*section, name)
            given = [self.given[key] for key in (general, own) if key in self.given]
            if own in self._tree.fields and given:
                self.given[general] = self.given[own] = max(given, key=lambda each: each.origin.source)


def _stripped(value: object) -> object:
    return value.strip() if isinstance(value, str) else value
