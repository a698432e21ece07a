"""Changing one key of a ``myna.toml`` and nothing else in it: comments, order and spacing stay the user's."""

import re
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from myna.config.sources import TextFile, parse_toml, read_text
from myna.core.errors import BadConfig

_TEXT = r"""("(?:[^"\\]|\\.)*"|'[^']*')"""


def write_text_key(path: Path, section: str, name: str, value: str) -> None:
    """Set ``section.name`` in the file at ``path`` to a text, which needs no escapes; a new file if there is none.

    The file is replaced at once, or not at all.

    Raises:
        BadConfig: It is no TOML, is written in a way that leaves no place for the key, or may not be written.
    """
    path = path.resolve()  # a link stays one
    file = read_text(path, path.parent) or TextFile(path, path.name, "")
    text = with_text_key(file, section, name, value)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, text)
    except OSError as error:
        raise BadConfig(
            f"{path} cannot be written: {error.strerror}.", hint=f'Set {section}.{name} = "{value}" there yourself.'
        ) from error


def with_text_key(file: TextFile, section: str, name: str, value: str) -> str:
    """The text of ``file`` with ``section.name`` set; raises as `write_text_key` does."""
    before = parse_toml(file)
    wanted: dict[str, Any] = dict(before.tables)
    table = wanted.get(section, {})
    if isinstance(table, dict):
        wanted[section] = {**table, name: value}
        line = before.line_of((section, name))
        for text in _candidates(file.text, line, section, name, value):
            with suppress(tomllib.TOMLDecodeError):
                if tomllib.loads(text) == wanted:
                    return text
    raise BadConfig(
        f"There is no plain place for {section}.{name} in {file.path}.",
        hint=f'Set {section}.{name} = "{value}" there yourself.',
    )


def _candidates(text: str, line: int | None, section: str, name: str, value: str) -> Iterator[str]:
    """Ways to write it. Which of them is right shows when it is read: each is right for some files."""
    end = "\r\n" if "\r\n" in text else "\n"
    if line is not None:
        lines = text.splitlines(keepends=True)
        lines[line - 1] = re.sub(
            rf"(\b{name}[\"']?\s*=\s*){_TEXT}", lambda found: f'{found[1]}"{value}"', lines[line - 1], count=1
        )
        yield "".join(lines)
        return
    key = f'{name} = "{value}"{end}'
    yield re.sub(rf"(?m)^(\s*\[\s*{section}\s*\][^\r\n]*\r?\n)", lambda found: found[1] + key, text, count=1)
    gap = "" if not text else end if text.endswith("\n") else 2 * end
    yield f"{text}{gap}[{section}]{end}{key}"
    yield f"{section}.{key}{text}"


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
