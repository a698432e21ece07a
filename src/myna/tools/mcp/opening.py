"""Opening the MCP servers of a process: all in the background, each held by a task of its own."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager

import anyio

from myna.engines.task_group import open_task_group
from myna.tools.mcp.options import MCPServer
from myna.tools.mcp.source import MCPSource

LEAVE_S = 2.0
"""How long servers may take to be left. A program that does not end by itself the SDK then kills, within seconds."""


@asynccontextmanager
async def open_mcp(servers: Mapping[str, MCPServer]) -> AsyncGenerator[Sequence[MCPSource]]:
    """The tools of these servers; leaving disconnects them and ends their programs.

    It does not wait for any: their tools are there when they are. A server that fails leaves the others alone.
    """
    sources = [MCPSource(name, options) for name, options in servers.items() if options.enabled]
    async with open_task_group() as holders:
        for source in sources:
            holders.start_soon(source.hold)
        try:
            yield sources
        finally:
            for source in sources:
                source.leave()
            holders.cancel_scope.deadline = anyio.current_time() + LEAVE_S
