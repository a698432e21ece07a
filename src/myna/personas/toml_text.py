"""A persona as TOML text, which reads back as the same persona."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from myna.personas.cards.json_text import as_list, as_object
from myna.personas.model import Persona

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def persona_toml(persona: Persona) -> str:
    """All that ``persona`` is; what is as it would be anyway is left out."""
    fields = persona.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    ordered = {name: fields[name] for name in type(persona).model_fields if name in fields}
    return "\n".join(_table(ordered, ())).strip() + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Its plain values first, since what follows a table's header belongs to that table."""
    later: list[tuple[str, str, dict[str, Any]]] = []
    for name, value in table.items():
        header = ".".join(map(_key, (*path, name)))
        match _kind(value):
            case "table":
                later.append((name, f"[{header}]", as_object(value)))
            case "tables":
                later += [(name, f"[[{header}]]", as_object(each)) for each in as_list(value)]
            case "value":
                yield f"{_key(name)} = {_value(value)}"
    for name, header, inner in later:
        yield f"\n{header}"
        yield from _table(inner, (*path, name))


def _kind(value: object) -> Literal["table", "tables", "value"]:
    if isinstance(value, dict):
        return "table"
    several = as_list(value)
    return "tables" if several and isinstance(several[0], dict) else "value"


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _text(name)


def _value(value: object) -> str:
    """A text, a number, a truth value or a list of such: a persona has nothing else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (int, float)):
        return repr(value) if math.isfinite(value) else "0.0"
    return f"[{', '.join(map(_value, as_list(value)))}]"


def _text(text: str) -> str:
    """As JSON writes it, which TOML reads too, but for the one control character that JSON lets stand."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
