"""A tool of an MCP server."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from myna.core.tools import JSON, ToolSpec
from myna.tools.mcp.arguments import Arguments

Call: TypeAlias = Callable[["MCPTool", JSON], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class MCPTool:
    """A `Tool` that a server runs.

    Attributes:
        server_name: How the server calls it.
        repeatable: A call does no more when it is made twice, the server says.
    """

    spec: ToolSpec
    server_name: str
    timeout_s: float
    confirm: bool
    repeatable: bool
    arguments: Arguments
    run: Call

    @property
    def cancellable(self) -> bool:
        """Whether a call ends with its reply: the server is told that nobody waits any more."""
        return True

    def check(self, arguments: JSON) -> JSON:
        """The arguments as they are.

        Raises:
            BadInput: They do not fit the schema.
        """
        return self.arguments.check(arguments)

    def mask(self, arguments: JSON) -> JSON:
        """The arguments without passwords."""
        return self.arguments.mask(arguments)

    async def call(self, arguments: JSON) -> object:
        """Have the server run it; what it answers, as text.

        Raises:
            MCPFailed: The server could not do it.
            MCPUnavailable: The server is not there, or ended meanwhile.
            TimeoutError: It did not answer in time.
        """
        return await self.run(self, arguments)
