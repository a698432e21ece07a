"""All tools of a process, and the one place where they are run.

Whatever a tool does, a call of it ends: with a result that the model is given, within the time that the tool has.
"""

import difflib
import json
import logging
from collections.abc import AsyncGenerator, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import cast

from myna.core.errors import BadInput
from myna.core.tools import JSON, ToolCall, ToolResult, ToolSpec
from myna.text.neutral import neutralise
from myna.tools.base import Late, Tool, Toolset, ToolSource
from myna.tools.json_schema import signature_of
from myna.tools.results import RESULT_LIMIT, error_text
from myna.tools.runner import Runner, open_runner

log = logging.getLogger(__name__)

MOST_ARGUMENTS = 1_000_000
"""Characters of a call's arguments."""


@dataclass(frozen=True, slots=True)
class Tools:
    """A source whose tools are known and stay as they are."""

    tools: Sequence[Tool]


class Toolbox:
    """All tools there are. Made by `open_toolbox`.

    Attributes:
        sources: Where they come from. Of two tools with one name, the earlier source's counts.
    """

    def __init__(self, sources: Sequence[ToolSource], runner: Runner | None) -> None:
        self.sources = tuple(sources)
        self._runner = runner
        self._told: set[str] = set()

    @property
    def tools(self) -> tuple[Tool, ...]:
        """As the sources have them now, none of a name twice."""
        found: dict[str, Tool] = {}
        for source in self.sources:
            for tool in source.tools:
                name = tool.spec.name
                if found.setdefault(name, tool) is not tool and name not in self._told:
                    self._told.add(name)
                    log.warning("Two tools are called %s; the one that was there first is called.", name)
        return tuple(found.values())

    def find(self, name: str) -> Tool | None:
        """The tool of this name, if there is one."""
        return next((tool for source in self.sources for tool in source.tools if tool.spec.name == name), None)

    def select(self, patterns: Sequence[str], *, without: Collection[str] = ()) -> Toolset:
        """Those whose name fits one of ``patterns`` (``fnmatch``: ``home_*``) and is not in ``without``."""
        return _Selected(self, self._runner, _each(patterns), frozenset(without))

    def missing(self, patterns: Sequence[str]) -> list[str]:
        """Those of ``patterns`` that no tool fits now."""
        return [pattern for pattern in _each(patterns) if not self.select([pattern]).specs]

    def of(self, tools: Sequence[Tool]) -> Toolset:
        """A toolset of ``tools``, which need not be in the box; it is there to run them."""
        return Toolbox((Tools(tuple(tools)),), self._runner).select(["*"])


@dataclass(frozen=True, slots=True)
class _Fitting:
    tool: Tool
    arguments: JSON
    checked: JSON


@dataclass(frozen=True, slots=True)
class _Selected:
    _box: Toolbox
    _runner: Runner | None
    _patterns: Sequence[str]
    _without: frozenset[str]

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(tool.spec for tool in self._tools())

    def find(self, name: str) -> Tool | None:
        return self._box.find(name) if self._has(name) else None

    def without(self, names: Collection[str]) -> Toolset:
        return replace(self, _without=self._without.union(names))

    def masked(self, call: ToolCall) -> ToolCall:
        tool = self.find(call.name)
        try:
            shown = _parsed(call.arguments)
            if tool is not None:
                shown = tool.mask(shown)
            return replace(call, arguments=json.dumps(shown, ensure_ascii=False, default=str))
        except BadInput as error:
            return replace(call, arguments=json.dumps({"error": error.message}, ensure_ascii=False))

    def problem(self, call: ToolCall) -> ToolResult | None:
        fitting = self._fitting(call)
        return fitting if isinstance(fitting, ToolResult) else None

    async def run(self, call: ToolCall, *, late: Late | None = None) -> ToolResult:
        fitting = self._fitting(call)
        if isinstance(fitting, ToolResult):
            return fitting
        if self._runner is None:
            return ToolResult(f"{call.name} was not run: the toolbox is not open.", "refused")
        return await self._runner.run(fitting.tool, call, fitting.arguments, fitting.checked, late)

    def _fitting(self, call: ToolCall) -> "_Fitting | ToolResult":
        tool = self.find(call.name)
        if tool is None:
            return ToolResult(neutralise(self._unknown(call.name)), "refused")
        try:
            arguments = _parsed(call.arguments)
            return _Fitting(tool, arguments, tool.check(arguments))
        except BadInput as error:
            return _not_run(tool, str(error))
        except Exception as error:  # noqa: BLE001 - a check of the tool's own may raise anything
            return _not_run(tool, error_text(error))

    def _tools(self) -> Iterator[Tool]:
        return (tool for tool in self._box.tools if self._has(tool.spec.name))

    def _has(self, name: str) -> bool:
        return name not in self._without and any(fnmatchcase(name, pattern) for pattern in self._patterns)

    def _unknown(self, name: str) -> str:
        names = [spec.name for spec in self.specs]
        if not names:
            return f"There is no tool {name!r}, and no other. Answer without."
        alike = difflib.get_close_matches(name, names, n=1)
        meant = f" Did you mean {alike[0]}?" if alike else ""
        return f"There is no tool {name!r}.{meant} There are: {', '.join(names)}."


def _each(patterns: Sequence[str]) -> tuple[str, ...]:
    return (patterns,) if isinstance(patterns, str) else tuple(patterns)  # a text is a sequence of texts as well


def _not_run(tool: Tool, wrong: str) -> ToolResult:
    wanted = "" if "parameters are" in wrong else f" The parameters are: {signature_of(tool.spec.parameters)}."
    text = f"{tool.spec.name} was not run: {wrong}{wanted} Call it again with arguments that fit."
    return ToolResult(neutralise(text), "failed")


def _parsed(arguments: str) -> JSON:
    """The arguments as the model wrote them; none are an empty text as well.

    Raises:
        BadInput: They are no JSON object.
    """
    if not arguments.strip():
        return {}
    if len(arguments) > MOST_ARGUMENTS:
        raise BadInput(f"The arguments have more than {MOST_ARGUMENTS:,} characters.")
    try:
        value = json.loads(arguments)
        if isinstance(value, str):  # a JSON object in a JSON text: small models write that
            value = json.loads(value)
    except json.JSONDecodeError as error:
        cut = " They end too early." if error.pos >= len(arguments.rstrip()) - 1 else ""
        raise BadInput(f"The arguments are no JSON: {error.msg} at character {error.pos + 1}.{cut}") from error
    except (RecursionError, ValueError) as error:
        raise BadInput("The arguments are no JSON that can be read.") from error
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadInput('The arguments are no JSON object, like {"name": "value"}.')
    return cast(JSON, value)


EMPTY: Toolset = Toolbox((), None).select(())
"""No tools."""


@asynccontextmanager
async def open_toolbox(
    sources: Sequence[ToolSource] = (), *, longest_result: int = RESULT_LIMIT
) -> AsyncGenerator[Toolbox]:
    """The tools of ``sources``, ready to be run.

    Leaving ends the calls that still run; those that are not ``cancellable`` have `myna.tools.runner.CLOSING_S` more.
    An ``async`` tool that does not let itself be cancelled holds it up, as it does with every task group.

    Args:
        sources: Asked anew each time.
        longest_result: Characters of a result that a model is given; a longer one is shortened in its middle.
    """
    async with open_runner(longest_result=longest_result) as runner:
        yield Toolbox(sources, runner)
