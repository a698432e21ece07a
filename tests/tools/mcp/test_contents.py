import base64
from typing import Any

import pytest
from mcp.types import CallToolResult

from myna.tools.mcp.contents import text_of

BYTES = base64.b64encode(bytes(2048)).decode()


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"type": "text", "text": "hello"}, "hello"),
        ({"type": "image", "data": BYTES, "mimeType": "image/png"}, "[an image, image/png, 2 KiB: it cannot be"),
        ({"type": "audio", "data": BYTES, "mimeType": "audio/wav"}, "[an audio, audio/wav, 2 KiB: it cannot be"),
        (
            {"type": "resource_link", "name": "a", "uri": "file:///a", "description": "all of a"},
            "[a resource, a, at file:///a: all of a]",
        ),
        ({"type": "resource", "resource": {"uri": "file:///a", "text": "words"}}, "[the resource file:///a]\nwords"),
        (
            {"type": "resource", "resource": {"uri": "file:///a", "blob": BYTES, "mimeType": "x/y"}},
            "[the resource file:///a, x/y, 2 KiB: it cannot be shown here]",
        ),
    ],
)
def test_each_kind_of_content_is_text_or_is_described(block: dict[str, Any], told: str):
    assert text_of(CallToolResult.model_validate({"content": [block]})).startswith(told)


def test_structured_content_is_json_where_there_is_no_text():
    result = CallToolResult.model_validate({"content": [], "structuredContent": {"度": 22}})
    assert text_of(result) == '{"度": 22}'


def test_what_is_empty_is_empty():
    assert not text_of(CallToolResult.model_validate({"content": []}))
