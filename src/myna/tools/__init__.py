"""What the assistant can do: `tool`, schemas from signatures, the toolbox that runs tools, and MCP."""
