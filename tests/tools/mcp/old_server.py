"""An MCP server as they were in 2024, without any SDK: JSON lines, and no word of what came later."""

import json
import sys
from typing import Any

names = ["first"]
greeted = False


def say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def tool(name: str) -> dict[str, Any]:
    return {"name": name, "inputSchema": {"type": "object"}}


sys.stdout.write("An old server greets you.\n")  # as careless ones do
for line in sys.stdin:
    message = json.loads(line)
    if "strict" in sys.argv and greeted is False and message.get("method") != "initialize":
        sys.exit("I was not greeted.")
    greeted = True
    match message.get("method"), message.get("id"):
        case "initialize", call_id:
            server = {"name": "old", "version": "0"}
            capabilities = {"tools": {"listChanged": True}}
            say(
                {
                    "id": call_id,
                    "result": {"protocolVersion": "2024-11-05", "capabilities": capabilities, "serverInfo": server},
                }
            )
        case "tools/list", call_id:
            cursor = int(message.get("params", {}).get("cursor", 0))  # a page for each tool
            after = {"nextCursor": str(cursor + 1)} if cursor + 1 < len(names) else {}
            say({"id": call_id, "result": {"tools": [tool(names[cursor])], **after}})
        case "tools/call", call_id:
            names.append(f"no. {len(names)}")
            say({"method": "notifications/tools/list_changed"})
            say({"id": call_id, "result": {"content": [{"type": "text", "text": "old but gold"}]}})
        case _, None:
            pass
        case _, call_id:
            say({"id": call_id, "error": {"code": -32601, "message": "Method not found"}})
