"""What an MCP server answers, as text for the model."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, assert_never

if TYPE_CHECKING:  # the SDK takes a second to import
    from mcp.types import CallToolResult, ContentBlock

LONGEST_DESCRIPTION = 500


def text_of(result: "CallToolResult") -> str:
    """The text of a result. What is no text is described; structured content is JSON where the server wrote no text."""
    parts = [_block(block) for block in result.content]
    if result.structured_content is not None and not _has_text(result.content):
        parts.append(json.dumps(result.structured_content, ensure_ascii=False, default=str))
    return "\n".join(part for part in parts if part)


def _has_text(content: "Sequence[ContentBlock]") -> bool:
    # A server that returns structured content should write the same as text, says the specification.
    return any(block.type == "text" and block.text.strip() for block in content)


def _block(block: "ContentBlock") -> str:
    match block.type:
        case "text":
            return block.text
        case "image" | "audio":
            return f"[{_a(block.type)} {block.type}, {block.mime_type}, {_size(block.data)}: it cannot be shown here]"
        case "resource_link":
            about = f": {block.description[:LONGEST_DESCRIPTION]}" if block.description else ""
            return f"[a resource, {block.title or block.name}, at {block.uri}{about}]"
        case "resource":
            return _resource(block.resource)
        case _ as unknown:
            assert_never(unknown)


def _resource(resource: Any) -> str:  # noqa: ANN401 - one of two of the SDK's types, told apart by what they have
    if (text := getattr(resource, "text", None)) is not None:
        return f"[the resource {resource.uri}]\n{text}"
    kind = resource.mime_type or "of an unknown type"
    return f"[the resource {resource.uri}, {kind}, {_size(resource.blob)}: it cannot be shown here]"


def _a(noun: str) -> str:
    return "an" if noun[0] in "aeiou" else "a"


def _size(base64: str) -> str:
    count = len(base64) * 3 // 4
    return f"{count} bytes" if count < 1024 else f"{count / 1024:.0f} KiB"
