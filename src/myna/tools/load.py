"""Tools that the user has written: the Python files of a folder."""

import hashlib
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias, cast

from myna.core.errors import BadInput, MynaError
from myna.tools.base import ToolSource
from myna.tools.tool import FunctionTool

_AnyTool: TypeAlias = FunctionTool[..., Any]


class ToolFile:
    """The tools of a Python file.

    Attributes:
        path: The file.
        tools: In the order in which they stand there.
    """

    def __init__(self, path: Path, tools: tuple[_AnyTool, ...]) -> None:
        self.path = path
        self.tools = tools


def load_tools(folder: Path) -> list[ToolSource]:
    """Run each ``*.py`` in ``folder``, if there is one, and take the tools that it has.

    A file whose name begins with ``_`` is none of tools; others may import from it: ``from ._shared import x``. Runs
    the user's code, and blocks.

    Raises:
        BadInput: It is no folder, or a file in it cannot be run, has no tools, or one whose name another has; the
            message names file and line.
    """
    if folder.exists() and not folder.is_dir():
        raise BadInput(f"{folder} is no folder.", hint="Put the tools' files into a folder, and name that.")
    package = _package(folder)
    sources: list[ToolSource] = []
    homes: dict[str, Path] = {}
    for path in sorted(folder.glob("*.py")):
        if path.name.startswith(("_", ".")):
            continue
        tools = _tools_of(_run(path, package), path)
        for tool in tools:
            name = tool.spec.name
            if name in homes:
                raise BadInput(
                    f"{homes[name]} and {path} both have a tool {name}.", hint="Change the name of one of them."
                )
            homes[name] = path
        sources.append(ToolFile(path, tools))
    return sources


def _package(folder: Path) -> str:
    """A package of our own around the folder, so that its files are named unlike anything installed."""
    name = f"myna_tools_{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:12]}"
    for loaded in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
        del sys.modules[loaded]
    package = ModuleType(name)
    package.__path__ = [str(folder)]
    sys.modules[name] = package
    return name


def _run(path: Path, package: str) -> ModuleType:
    module = ModuleType(f"{package}.{path.stem}")
    module.__file__ = str(path)
    module.__package__ = package
    sys.modules[module.__name__] = module
    try:
        # Not through an importer: it would leave compiled files beside the user's, and may take old ones for new.
        exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), module.__dict__)  # noqa: S102
    except OSError as error:
        if error.filename == str(path):
            raise BadInput(f"The tools in {path} cannot be read: {error.strerror}.") from error
        raise _failed(path, error) from error
    except (Exception, SystemExit) as error:
        raise _failed(path, error) from error
    return module


def _failed(path: Path, error: BaseException) -> BadInput:
    place = f"{path}{_line(path, error)}"
    if isinstance(error, MynaError):
        return BadInput(f"{place}: {error.message}", hint=error.hint)
    if isinstance(error, ModuleNotFoundError):
        return BadInput(f"{place}: {error}.", hint="Install what it is in, into the environment that Myna runs in.")
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    return BadInput(f"{place} cannot be run: {type(error).__name__}: {said}")


def _line(path: Path, error: BaseException) -> str:
    """Where in the file it went wrong, if it went wrong there, as ``:12``."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return f":{error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f":{lines[-1]}" if lines else ""


def _tools_of(module: ModuleType, path: Path) -> tuple[_AnyTool, ...]:
    values: list[object] = list(vars(module).values())
    found = [cast(_AnyTool, value) for value in values if isinstance(value, FunctionTool)]
    own = tuple(dict.fromkeys(tool for tool in found if tool.__module__ == module.__name__))
    if not own:
        raise BadInput(
            f"{path} has no tools.", hint="Put @myna.tool before a function, or begin the file's name with _."
        )
    return own
