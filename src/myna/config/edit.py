"""Changing keys of a ``myna.toml`` and nothing else in it: comments, order and spacing stay the user's."""

import json
import re
import tempfile
import tomllib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

from filelock import SoftFileLock, Timeout

from myna.config.sources import TextFile, Toml, parse_toml, read_text
from myna.config.tree import Key, dotted
from myna.core.errors import BadConfig, Busy

LOCK_S = 10


def write_text_key(path: Path, section: str, name: str, value: str) -> None:
    """Set ``section.name`` in the file at ``path`` to a text; a new file if there is none.

    The file is replaced at once, or not at all.

    Raises:
        BadConfig: It is no TOML, is written in a way that leaves no place for the key, or may not be written.
        Busy: Another process is changing it.
    """
    try:
        rewrite(path, lambda file: with_key(file, (section, name), value))
    except OSError as error:
        raise BadConfig(
            f"{path.resolve()} cannot be written: {error.strerror}.",
            hint=f'Set {section}.{name} = "{value}" there yourself.',
        ) from error


def rewrite(path: Path, change: Callable[[TextFile], str]) -> None:
    """Replace the file at ``path``, which need not exist, by what ``change`` makes of it.

    It is replaced at once, or not at all, and nobody else who changes it here does so meanwhile.

    Raises:
        BadConfig: It cannot be read.
        Busy: Another process is changing it.
        OSError: It may not be written.
        MynaError: What ``change`` raises.
    """
    path = path.resolve()  # a link stays one
    path.parent.mkdir(parents=True, exist_ok=True)
    with _alone(path):
        file = read_text(path, path.parent) or TextFile(path, path.name, "")
        text = change(file)
        if text != file.text:
            _replace(path, text)


def with_key(file: TextFile, key: Key, value: object) -> str:
    """The text of ``file`` with ``key`` set to a text, a number, a truth value, or a list or table of such.

    Raises:
        BadConfig: The file is no TOML, has no plain place for the key, or TOML has no such value.
    """
    before = parse_toml(file)
    written = _toml(value, key)
    wanted = _with(before.tables, key, value)
    if wanted is not None:
        found = _places(before, key)
        made = (
            (before.text[:begin] + written + before.text[end:] for begin, end in found)
            if _value_of(before.tables, key) is not None
            else _added(file.text, key, written)
        )
        for text in made:
            if _reads_as(text, wanted):
                return text
    raise _no_place(file, key, f"Set {dotted(key)} = {written} there yourself.")


def without_key(file: TextFile, key: Key) -> str:
    """The text of ``file`` with nothing said of ``key``; a comment behind it stays.

    Raises:
        BadConfig: The file is no TOML, or says it in a way from which it cannot be taken plainly.
    """
    before = parse_toml(file)
    if _value_of(before.tables, key) is None:
        return file.text
    wanted = _without(before.tables, key)
    for text in _cut(before, key):
        if _reads_as(text, wanted):
            return text
    raise _no_place(file, key, f"Take {dotted(key)} away there yourself.")


def _no_place(file: TextFile, key: Key, hint: str) -> BadConfig:
    return BadConfig(f"There is no plain place for {dotted(key)} in {file.path}.", hint=hint)


def _added(text: str, key: Key, written: str) -> Iterator[str]:
    """Ways to add a key. Which of them is right shows when it is read: each is right for some files."""
    end = "\r\n" if "\r\n" in text else "\n"
    *sections, name = key
    line = f"{name} = {written}{end}"
    if sections:
        header = r"\s*\.\s*".join(map(re.escape, sections))
        yield re.sub(rf"(?m)^(\s*\[\s*{header}\s*\][^\r\n]*\r?\n)", lambda found: found[1] + line, text, count=1)
        gap = "" if not text else end if text.endswith("\n") else 2 * end
        yield f"{text}{gap}[{'.'.join(sections)}]{end}{line}"
    yield f"{'.'.join((*sections, line))}{text}"


def _places(toml: Toml, key: Key) -> Iterator[tuple[int, int]]:
    """Where the value of ``key`` may begin and end in the text: each is a value that reads as its own."""
    statement = toml.statement_of(key)
    if statement is None:
        return
    first, last = statement
    old = _value_of(toml.tables, key)
    for name in re.finditer(rf"\b{re.escape(key[-1])}[\"']?[ \t]*=[ \t]*", toml.text[first:last]):
        begin = first + name.end()
        for stop in re.finditer(r"[ \t]*([,}#\r\n]|$)", toml.text[begin:last]):
            end = begin + stop.start()
            with suppress(tomllib.TOMLDecodeError):
                if tomllib.loads(f"value = {toml.text[begin:end]}") == {"value": old}:
                    yield begin, end
                    break


def _cut(toml: Toml, key: Key) -> Iterator[str]:
    """Ways to leave a key out: its lines, but for a comment; or its place in an inline table, with a comma."""
    text = toml.text
    for begin, end in _places(toml, key):
        line = text.rfind("\n", 0, begin) + 1
        behind = text.find("\n", end) + 1 or len(text)
        comment = text[end:behind].lstrip(" \t")
        yield text[:line] + (comment if comment.startswith("#") else "") + text[behind:]
        named = re.search(rf"[\"']?{re.escape(key[-1])}[\"']?[ \t]*=[ \t]*$", text[:begin])
        if named:
            before, after = text[: named.start()], text[end:]
            yield before + re.sub(r"^\s*,\s*", "", after)
            yield re.sub(r"\s*,\s*$", "", before) + after
            yield before + after


def _reads_as(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return _pruned(tomllib.loads(text)) == _pruned(wanted)
    except tomllib.TOMLDecodeError:
        return False


def _pruned(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Without empty tables: whether one that has lost its last key is still mentioned is all the same."""
    inside = {
        name: _pruned(cast("dict[str, Any]", value)) if isinstance(value, dict) else value
        for name, value in tables.items()
    }
    return {name: value for name, value in inside.items() if value != {}}


def _value_of(tables: object, key: Key) -> object | None:
    for part in key:
        tables = cast("dict[str, Any]", tables).get(part) if isinstance(tables, dict) else None
    return tables


def _with(tables: Mapping[str, Any], key: Key, value: object) -> dict[str, Any] | None:
    """The tables with ``key`` set; None where something else than a table stands in its way."""
    first, *rest = key
    if not rest:
        return {**tables, first: value}
    inside = tables.get(first, {})
    if not isinstance(inside, dict):
        return None
    within = _with(cast("dict[str, Any]", inside), tuple(rest), value)
    return None if within is None else {**tables, first: within}


def _without(tables: Mapping[str, Any], key: Key) -> dict[str, Any]:
    first, *rest = key
    if rest:
        return {**tables, first: _without(tables[first], tuple(rest))}
    return {name: value for name, value in tables.items() if name != first}


def _toml(value: object, key: Key) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():  # as JSON writes it, which TOML reads too, but for the one control that JSON lets stand
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case int() | float():
            return repr(value)
        case list() | tuple():
            return f"[{', '.join(_toml(each, key) for each in cast('list[object]', value))}]"
        case dict():
            items = cast("dict[str, object]", value).items()
            inside = ", ".join(f"{_toml(name, key)} = {_toml(each, key)}" for name, each in items)
            return f"{{ {inside} }}" if inside else "{}"
        case _:
            raise BadConfig(f"{dotted(key)}: a list or table of settings cannot hold null.", hint="Leave it out.")


@contextmanager
def _alone(path: Path) -> Generator[None]:
    lock = path.with_name(f".{path.name}.lock")
    try:
        with SoftFileLock(lock, timeout=LOCK_S):  # it goes when it is let go of: the folder is the user's
            yield
    except Timeout:
        hint = f"Try again in a moment. If none is, delete {lock}"
        raise Busy(f"Another process is changing {path}.", hint=hint) from None


def _replace(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="", dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as out:
        written = Path(out.name)
        try:
            out.write(text)
            out.flush()
            if path.exists():
                written.chmod(path.stat().st_mode & 0o777)  # a new one is the user's alone: it may come to hold keys
            written.replace(path)
        except BaseException:
            written.unlink(missing_ok=True)
            raise
