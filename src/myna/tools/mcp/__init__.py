"""Tools of MCP servers: programs that are started here (stdio), and servers at a URL (streamable HTTP).

https://modelcontextprotocol.io/specification
"""
