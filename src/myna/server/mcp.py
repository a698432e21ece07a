"""Myna as an MCP server: other agents ask, speak and hear through it.

https://modelcontextprotocol.io/specification
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from inspect import getdoc
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection

import myna
from myna.core.ids import OWNER
from myna.server.mcp_tools import ASKS, AgentTools, Opened
from myna.server.users import user_of

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
    from mcp.server.mcpserver import MCPServer

INSTRUCTIONS = """\
Myna is a voice assistant on this machine. `ask` talks with one of its personas, in a conversation that goes on if you \
give the id of the last answer again. `speak` turns text into speech, `hear` turns speech into text."""


def create_mcp(
    opened: Opened, *, files: bool, around: Callable[[], AbstractAsyncContextManager[None]]
) -> "MCPServer[None]":
    """The MCP server.

    Args:
        opened: Gives the service that does the work. The server answers before it is open; calls wait for it.
        files: Whether files of this machine may be named: only where the client is on it, as the user is.
        around: What is entered before the first message is read, and left after the last.
    """
    from mcp.server.mcpserver import MCPServer  # noqa: PLC0415 - a second of imports
    from mcp.types import ToolAnnotations  # noqa: PLC0415

    @asynccontextmanager
    async def lifespan(_: object) -> AsyncGenerator[None]:
        async with around():
            yield

    server: MCPServer[None] = MCPServer(
        "myna",
        title="Myna",
        instructions=INSTRUCTIONS,
        version=myna.__version__,
        log_level="WARNING",
        lifespan=lifespan,
        subscriptions=False,
        middleware=[_as_its_user],
    )
    tools = AgentTools(opened)
    reads = ToolAnnotations(read_only_hint=True, open_world_hint=False)
    adds = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
    writes = ToolAnnotations(read_only_hint=False, destructive_hint=True, open_world_hint=False)
    server.add_tool(tools.ask, annotations=adds)
    server.add_tool(tools.personas, annotations=reads)
    speak, hear = (tools.speak_or_write, tools.hear_or_read) if files else (tools.speak, tools.hear)
    hints = writes if files else reads
    server.add_tool(speak, "speak", description=getdoc(speak), annotations=hints, structured_output=False)
    server.add_tool(hear, "hear", annotations=reads)
    return server


async def _as_its_user(ctx: "ServerRequestContext[Any, HTTPConnection]", call_next: "CallNext") -> "HandlerResult":
    """Answer a message as the user whose key it came with; at standard input sits the owner."""
    before = ASKS.set(OWNER if ctx.request is None else user_of(ctx.request))
    try:
        return await call_next(ctx)
    finally:
        ASKS.reset(before)
