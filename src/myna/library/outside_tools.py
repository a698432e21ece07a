"""Tools that come from outside the program: the user's files, and MCP servers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from myna.config.load import Loaded
from myna.core.errors import UnknownName
from myna.tools.mcp.opening import MCPSource
from myna.tools.mcp.options import MCPServer
from myna.tools.results import RESULT_LIMIT
from myna.tools.toolbox import Toolbox

SETTLE_S = 10.0
"""How long the first question that needs a tool by its name waits for MCP servers."""


@dataclass(frozen=True, slots=True)
class Outside:
    """Where tools are had by their names; of nothing, there are none."""

    folder: Path | None = None
    servers: Mapping[str, MCPServer] = field(default_factory=dict[str, MCPServer])
    longest_result: int = RESULT_LIMIT

    @classmethod
    def of(cls, loaded: Loaded) -> "Outside":
        """As the settings say."""
        return cls(loaded.tools_folder, loaded.settings.mcp, loaded.settings.tools.longest_result)


@dataclass(frozen=True, slots=True)
class OpenOutside:
    """The toolbox with them."""

    outside: Outside
    box: Toolbox
    servers: Sequence[MCPSource]

    async def settled(self, names: Sequence[str]) -> None:
        """Wait until there are tools of these names, or it is clear that there are none.

        Raises:
            UnknownName: There is none of a name. A pattern may fit nothing.
        """
        if self._unknown(names):
            with anyio.move_on_after(SETTLE_S):
                for server in self.servers:
                    await server.settled()
        if unknown := self._unknown(names):
            known = ", ".join(tool.spec.name for tool in self.box.tools) or "none"
            raise UnknownName(
                f"There is no tool {unknown[0]!r}; there are: {known}.",
                hint="Names are those of files in tools/ beside myna.toml and of MCP servers; `myna tools` lists them.",
            )

    def _unknown(self, names: Sequence[str]) -> list[str]:
        return self.box.missing([name for name in names if not set("*?[") & set(name)])
