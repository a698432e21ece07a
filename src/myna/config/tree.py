"""The tree of settings as a table: which keys there are, their environment names, and how text becomes a value."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import UnionType
from typing import Annotated, TypeAlias, TypeGuard, Union, get_args, get_origin

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

Key: TypeAlias = tuple[str, ...]

PREFIX = "MYNA_"

_LISTS: frozenset[object] = frozenset({list, tuple, set, frozenset, Sequence})
_TABLES: frozenset[object] = frozenset({dict, Mapping})
_SECRET_NAME = re.compile(r"(^|_)(key|token|password|passphrase|secret)$")


def dotted(key: Key) -> str:
    """The key as it is written in messages: ``llm.model``."""
    return ".".join(key)


def environment_name(key: Key) -> str:
    """The environment name of a key: ``MYNA_LLM__MODEL``."""
    return PREFIX + "__".join(key).replace("-", "_").upper()


@dataclass(frozen=True, slots=True)
class Tree:
    """All keys.

    Attributes:
        fields: Every leaf.
        sections: Every key that leaves stand under.
        names: The environment name of every leaf.
    """

    fields: Mapping[Key, FieldInfo]
    sections: frozenset[Key]
    names: Mapping[str, Key]

    def instead_of(self, unknown: Key) -> str:
        """What was meant by a key that there is not, else what there is."""
        meant = _like(unknown, [*self.fields, *self.sections])
        return f"Did you mean {dotted(meant)}?" if meant else self._there_is(unknown[:-1])

    def instead_of_name(self, unknown: str) -> str:
        """What was meant by an environment name that there is not, else what there is."""
        key = tuple(unknown.removeprefix(PREFIX).lower().split("__"))
        meant = _like(key, list(self.fields))
        return f"Did you mean {environment_name(meant)}?" if meant else self._there_is(key[:-1])

    def _there_is(self, section: Key) -> str:
        if section and section not in self.sections:
            return self._there_is(())
        inside = sorted({key[-1] for key in (*self.fields, *self.sections) if key[:-1] == section})
        where = f"In [{dotted(section)}] there is" if section else "There is"
        return f"{where}: {', '.join(inside) or 'nothing'}."


def _like(unknown: Key, known: Sequence[Key]) -> Key | None:
    """The known key that is written almost so, else the one that has the same name in another section."""
    written = {dotted(key): key for key in known}
    if near := get_close_matches(dotted(unknown), written, n=1, cutoff=0.75):
        return written[near[0]]
    return next((key for key in known if key[-1] == unknown[-1]), None)


def grow(sections: Mapping[Key, type[BaseModel]]) -> Tree:
    """The tree of models that stand at the given keys, ``()`` being the root."""
    fields: dict[Key, FieldInfo] = {}
    below: set[Key] = set(sections) - {()}
    for at, model in sections.items():
        for key, item in _walk(model, at):
            if isinstance(item, FieldInfo):
                fields[key] = item
            else:
                below.add(key)
    return Tree(fields, frozenset(below), {environment_name(key): key for key in fields})


def _walk(model: type[BaseModel], at: Key) -> Iterator[tuple[Key, FieldInfo | None]]:
    for name, item in model.model_fields.items():
        key = (*at, name)
        if _is_model(item.annotation):
            yield key, None
            yield from _walk(item.annotation, key)
        elif any(_is_model(arm) for arm in get_args(item.annotation)):
            yield key, None  # sections that the user names stand under it
        else:
            yield key, item


def _is_model(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def from_text(text: str, item: FieldInfo) -> object:
    """The value that ``text`` stands for, as far as pydantic does not see to it: lists and tables.

    A list is written as JSON or with commas between the items (``，`` and ``、`` too), a table as JSON.
    """
    kinds = set(_kinds(item.annotation))
    if text.startswith(("[", "{")) and kinds & (_LISTS | _TABLES):
        try:
            return json.loads(text)
        except ValueError:
            return text  # and pydantic says what was wanted
    if kinds & _LISTS and str not in kinds:
        return [part.strip() for part in re.split("[,，、]", text) if part.strip()]
    return text


def is_secret(key: Key, item: FieldInfo) -> bool:
    """Whether a value must not be shown. The path of a file may be, whatever is in the file."""
    inside = {arm for kind in (item.annotation, *get_args(item.annotation)) for arm in _kinds(kind)}
    named = _SECRET_NAME.search(key[-1]) and Path not in inside
    return bool(named or {SecretStr, SecretBytes} & inside)


def _kinds(annotation: object) -> Iterator[object]:
    """The types that an annotation allows, without their parameters."""
    origin = get_origin(annotation)
    if origin is Annotated:
        yield from _kinds(get_args(annotation)[0])
    elif origin in (Union, UnionType):
        for arm in get_args(annotation):
            yield from _kinds(arm)
    else:
        yield origin or annotation
