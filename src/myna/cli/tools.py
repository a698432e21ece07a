"""``myna tools``: what personas may call."""

import json
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import anyio
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from myna.cli.terminal import Json, Setting, complain, notes, overrides
from myna.config.load import Loaded, load_settings
from myna.core.errors import UnknownName
from myna.core.ids import new_call_id
from myna.core.tools import ToolCall
from myna.tools.base import Tool, ToolSource
from myna.tools.json_schema import signature_of
from myna.tools.load import ToolFile, load_tools
from myna.tools.mcp.failures import MCPUnavailable
from myna.tools.mcp.opening import open_mcp
from myna.tools.mcp.source import MCPSource
from myna.tools.toolbox import Toolbox, open_toolbox

app = typer.Typer(
    help="What personas may call: tools of Python files, and of MCP servers.", invoke_without_command=True
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listed:
    """A tool, and where it comes from."""

    tool: Tool
    source: str

    def as_json(self) -> Mapping[str, Any]:
        """The JSON object."""
        spec = self.tool.spec
        return {
            "name": spec.name,
            "source": self.source,
            "description": spec.description,
            "parameters": spec.parameters,
            "confirm": self.tool.confirm,
            "timeout_s": self.tool.timeout_s,
        }


@app.callback()
def list_(context: typer.Context, as_json: Json = False, settings: Setting = None) -> None:
    """List the tools there are, where each comes from, and what it takes."""
    if context.invoked_subcommand is not None:
        return

    async def work(toolbox: Toolbox) -> list[Listed]:
        return listed(toolbox.sources)

    loaded = load_settings(overrides(settings))
    found = anyio.run(_with_tools, loaded, work)
    if as_json:
        typer.echo(json.dumps([each.as_json() for each in found], ensure_ascii=False, indent=2))
    elif not found:
        where = (
            loaded.tools_folder
            or f"{loaded.file.parent / 'tools'}, beside a {loaded.file.name}, which is not there yet"
        )
        notes.print(f"There are no tools. Python files with tools go into {where}; see docs/tools.md.", markup=False)
    elif sys.stdout.isatty():
        Console().print(table(found))
    else:
        for each in found:
            typer.echo(line(each))


@app.command()
def call(
    name: Annotated[str, typer.Argument(help="The tool.")],
    arguments: Annotated[str, typer.Argument(help="Its arguments as a JSON object.")] = "{}",
    settings: Setting = None,
) -> None:
    """Call a tool and print what the model would be given. It is not asked whether it may run."""

    async def work(toolbox: Toolbox) -> tuple[str, bool]:
        tools = toolbox.select(["*"])
        if tools.find(name) is None:
            names = ", ".join(spec.name for spec in tools.specs)
            raise UnknownName(f"There is no tool {name!r}.", hint=f"There are: {names or 'none'}.")
        result = await tools.run(ToolCall(new_call_id(), name, arguments))
        return result.output, result.status == "ok"

    output, ok = anyio.run(_with_tools, load_settings(overrides(settings)), work)
    typer.echo(output, err=not ok)
    if not ok:
        raise typer.Exit(1)


async def _with_tools(loaded: Loaded, work: Callable[[Toolbox], Awaitable[T]]) -> T:
    async with _opened(loaded) as toolbox:
        return await work(toolbox)


@asynccontextmanager
async def _opened(loaded: Loaded) -> AsyncGenerator[Toolbox]:
    """All tools, when each server is connected or has failed; of those that have, it is told."""
    files = load_tools(loaded.tools_folder) if loaded.tools_folder is not None else []
    async with (
        open_mcp(loaded.settings.mcp) as servers,
        open_toolbox((*files, *servers), longest_result=loaded.settings.tools.longest_result) as toolbox,
    ):
        if servers:
            with notes.status("Connecting …"):
                for server in servers:
                    await server.settled()
        _complain_of(servers)
        yield toolbox


def _complain_of(servers: Iterable[MCPSource]) -> None:
    for state in (server.state for server in servers):
        if state.status == "failed":
            complain(MCPUnavailable(f"The MCP server {state.name} is not connected. {state.problem}"))


def listed(sources: Sequence[ToolSource]) -> list[Listed]:
    """The tools of all sources."""
    return [Listed(tool, _called(source)) for source in sources for tool in source.tools]


def _called(source: ToolSource) -> str:
    match source:
        case MCPSource():
            return f"mcp.{source.name}"
        case ToolFile():
            return str(source.path)
        case _:
            return type(source).__name__


def line(each: Listed) -> str:
    """A tool in a line."""
    asks = " [asks first]" if each.tool.confirm else ""
    spec = each.tool.spec
    takes = signature_of(spec.parameters) if spec.parameters.get("properties") else ""
    return f"{spec.name}({takes}){asks}: {_first_line(spec.description)}  # {each.source}"


def table(found: Iterable[Listed]) -> Table:
    """The tools for a terminal."""
    told = Table("tool", "takes", "does", "from")
    for each in found:
        spec = each.tool.spec
        name = Text(spec.name)
        if each.tool.confirm:
            name.append(" asks first", "dim")
        told.add_row(name, Text(signature_of(spec.parameters)), Text(_first_line(spec.description)), Text(each.source))
    return told


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
