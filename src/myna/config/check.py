"""Checks what was gathered against the models, and says what is wrong in terms of what the user wrote."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from myna.config.problems import Problems
from myna.config.sources import Given
from myna.config.tree import Key, Tree, dotted, environment_name, is_secret

ModelT = TypeVar("ModelT", bound=BaseModel)

MASK = "********"
LONGEST_SHOWN = 80


def masked(value: object, *, secret: bool) -> object:
    """The value as it may be shown: a secret is hidden, and so is a password inside a URL."""
    if secret and value not in (None, "", {}):
        return MASK
    return re.sub(r"(?<=://)[^/@\s]+@", f"{MASK}@", value) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Check:
    """Makes models of what was gathered."""

    tree: Tree
    given: Mapping[Key, Given]
    problems: Problems

    def make(self, model: type[ModelT], at: Key, *, needed: bool) -> ModelT | None:
        """The model of the keys under ``at``, or None and problems.

        What is not ``needed`` may be incomplete, and what nobody mentioned may be anything.
        """
        depth = len(at)
        mentioned = [key for key in self.given if key[:depth] == at and key[depth] in model.model_fields]
        try:
            return model.model_validate(_nested({key[depth:]: self.given[key].value for key in mentioned}))
        except ValidationError as failure:
            wrong: dict[Key, list[str]] = {}
            for error in failure.errors(include_url=False, include_input=False, include_context=False):
                if needed or (mentioned and error["type"] != "missing"):
                    key = self._key((*at, *map(str, error["loc"])), at)
                    wrong.setdefault(key, []).append(self._text(key, error["type"], error["msg"]))
            for key, texts in wrong.items():
                self._tell(key, " or ".join(dict.fromkeys(texts)))
            return None

    def _key(self, location: Key, at: Key) -> Key:
        """The key of a location, which may go on into a list or into the arms of a union."""
        while location != at and location not in self.tree.fields and location not in self.tree.sections:
            location = location[:-1]
        return location

    def _text(self, key: Key, kind: str, text: str) -> str:
        if kind == "missing":
            return "is required"
        if kind in {"value_error", "assertion_error"}:
            if self._is_secret(key):
                return "is not valid"  # the text is the engine's own and may quote the value
            return text.partition(", ")[2]
        wanted = re.sub(r"^\w+ should", "must", text)
        return re.sub(r"( after validation|, unable to parse).*", "", wanted)

    def _tell(self, key: Key, text: str) -> None:
        if given := self.given.get(key):
            value = masked(json.dumps(given.value, ensure_ascii=False, default=str), secret=False)
            shown = "" if self._is_secret(key) else f", not {str(value)[:LONGEST_SHOWN]}"
            self.problems.add(given.origin, f"{text}{shown}.")
        elif key in self.tree.fields:
            hint = f"Set it as {dotted(key)} in myna.toml, or as {environment_name(key)} in the environment."
            self.problems.say(f"{dotted(key)} {text}.", hint)
        else:
            self.problems.say(f"The section [{dotted(key)}]: {text}.")

    def _is_secret(self, key: Key) -> bool:
        """Whether the key, or one that was given below it, holds a secret."""
        return any(each[: len(key)] == key and is_secret(each, self.tree.fields[each]) for each in self.given)


def _nested(values: Mapping[Key, Any]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for key, value in values.items():
        table = root
        for part in key[:-1]:
            table = table.setdefault(part, {})
        table[key[-1]] = value
    return root
