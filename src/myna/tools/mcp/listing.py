"""The tools that a server has, as ours."""

import logging
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, cast

from myna.core.tools import ToolSpec
from myna.text.neutral import neutralise
from myna.tools.mcp.arguments import Arguments, problem_of
from myna.tools.mcp.names import tool_names
from myna.tools.mcp.options import MCPServer
from myna.tools.mcp.tool import Call, MCPTool

if TYPE_CHECKING:
    from mcp import Client
    from mcp.types import Tool as Listed

log = logging.getLogger(__name__)

MOST_TOOLS = 256
MOST_PAGES = 64
LONGEST_DESCRIPTION = 4096


async def list_tools(client: "Client", name: str, options: MCPServer, call: Call) -> tuple[MCPTool, ...]:
    """The tools of the server ``name`` that ``options`` take, asked for anew.

    Raises:
        Exception: Whatever the SDK raises where a server fails.
    """
    listed: list[Listed] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        listed += page.tools
        cursor = page.next_cursor
        if not cursor or len(listed) > MOST_TOOLS:
            break
    if cursor or len(listed) > MOST_TOOLS:
        log.warning("mcp server %s has more than %d tools: the first of them are taken", name, MOST_TOOLS)
    return as_tools(listed[:MOST_TOOLS], name, options, call)


def as_tools(listed: "Sequence[Listed]", name: str, options: MCPServer, call: Call) -> tuple[MCPTool, ...]:
    """What the server ``name`` listed, without what ``options`` leave out."""
    wanted = {tool.name: tool for tool in listed if any(fnmatchcase(tool.name, pattern) for pattern in options.tools)}
    names = tool_names(name, wanted)
    tools: list[MCPTool] = []
    for tool in wanted.values():
        schema: dict[str, Any] = {"type": "object", "properties": dict[str, Any]()} | tool.input_schema
        if problem := problem_of(schema):
            log.warning("mcp server %s: %.80s is left out: %s", name, tool.name, problem)
        else:
            tools.append(_as_tool(tool, ToolSpec(names[tool.name], _about(tool), _plain(schema)), options, call))
    return tuple(tools)


def _about(tool: "Listed") -> str:
    title = tool.title or (tool.annotations.title if tool.annotations else None)
    return neutralise(tool.description or title or tool.name).strip()[:LONGEST_DESCRIPTION]


def _plain(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """A schema whose descriptions cannot pose as structure: models read them as they read the user's words."""
    match schema:
        case dict():
            return {
                key: neutralise(value) if key in {"description", "title"} and isinstance(value, str) else _plain(value)
                for key, value in cast("dict[str, Any]", schema).items()
            }
        case list():
            return [_plain(each) for each in cast("list[Any]", schema)]
        case _:
            return schema


def _as_tool(tool: "Listed", spec: ToolSpec, options: MCPServer, call: Call) -> MCPTool:
    hints = tool.annotations
    read_only = hints is not None and hints.read_only_hint is True
    destructive = hints is not None and hints.destructive_hint is True and not read_only
    return MCPTool(
        spec=spec,
        server_name=tool.name,
        timeout_s=options.timeout_s,
        confirm=options.confirm == "always" or (options.confirm == "destructive" and destructive),
        repeatable=read_only or (hints is not None and hints.idempotent_hint is True),
        arguments=Arguments(spec.parameters),
        run=call,
    )
