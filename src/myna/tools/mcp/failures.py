"""How calls of MCP servers fail."""

from myna.core.errors import MynaError


class MCPFailed(MynaError):
    """A call that a server could not do, or said no to; what it said is the message."""

    code = "mcp_failed"


class MCPUnavailable(MynaError):
    """A server that is not connected, or that ended while it ran a call."""

    code = "mcp_unavailable"
