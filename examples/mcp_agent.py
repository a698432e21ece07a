"""An agent that uses the tools of an MCP server, which is this same file.

    python examples/mcp_agent.py
    python examples/mcp_agent.py "我的便签上有什么？"

In ``myna.toml``, any server is named like this, and its tools begin with ``notes_``:

    [mcp.notes]
    command = "python"
    args = ["examples/mcp_agent.py", "--serve"]
"""

import sys

from mcp.server.mcpserver import MCPServer

import myna

NOTES = {"shopping": "milk, three apples", "garden": "water the roses on Friday"}


def list_notes() -> list[str]:
    """List the titles of all notes."""
    return list(NOTES)


def read_note(title: str) -> str:
    """Read a note.

    Args:
        title: The title of the note, e.g. shopping.
    """
    return NOTES.get(title.strip().lower(), f"There is no such note. There are: {', '.join(NOTES)}.")


def serve() -> None:
    """Be the MCP server, on standard input and output."""
    server = MCPServer("notes")
    server.tool()(list_notes)
    server.tool()(read_note)
    server.run()


def main() -> None:
    """Ask about the notes."""
    question = " ".join(sys.argv[1:]) or "Read the note: shopping"
    program = {"command": sys.executable, "args": [__file__, "--serve"]}
    agent = myna.Agent(myna.LLM(settings={"mcp": {"notes": program}}), tools=["notes_list_notes", "notes_read_note"])
    stream = agent.stream(question)
    for piece in stream:
        print(piece, end="", flush=True)
    print()
    for call in stream.reply.tool_calls:
        print(f"[{call.name} {call.arguments} → {call.result}, {call.took_ms:.0f} ms]")


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve()
    else:
        main()
