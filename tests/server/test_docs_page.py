"""``GET /docs``: all that can be asked, from this server alone."""

import re
from collections.abc import Mapping
from typing import Any

import pytest
from tests.server.serving import serving

from myna.server.docs_page import page
from myna.testing.llm import ScriptedLLM
from myna.weights.locate import Weights


@pytest.mark.anyio
async def test_it_lists_endpoints_and_fields_and_loads_nothing(weights: Weights) -> None:
    async with serving(ScriptedLLM(), weights) as client:
        answer = await client.get("/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    for told in ("POST /v1/chat/completions", "POST /llm", "max_completion_tokens", "timestamp_granularities[]"):
        assert told in answer.text
    assert not re.search(r"https?:|<script|<link|<img|src=|url\(|@import", answer.text)


def described(field: Mapping[str, Any]) -> Mapping[str, Any]:
    body = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Body"}}}}
    objects = {
        "Body": {"properties": {"field": field}},
        "Outer": {"properties": {"inner": {"$ref": "#/components/schemas/Inner"}}},
        "Inner": {"description": "Innermost."},
        "Unused": {},
    }
    endpoint = {"description": "Do ``it``.", "requestBody": body}
    return {
        "info": {"title": "Myna", "version": "1"},
        "paths": {"/it": {"post": endpoint}},
        "components": {"schemas": objects},
    }


def test_objects_in_objects_are_told_each_once() -> None:
    told = page(described({"anyOf": [{"$ref": "#/components/schemas/Outer"}, {"type": "null"}]}))
    assert "Do <code>it</code>." in told
    assert '<a href="#Outer">Outer</a>' in told
    assert told.count('<h2 id="Inner">') == told.count("Innermost.") == 1
    assert "Unused" not in told


def test_what_is_described_is_text_and_no_html() -> None:
    told = page(described({"enum": ["<b>"], "default": "<b>", "description": "<script>alert(1)</script>"}))
    assert told.count("&quot;&lt;b&gt;&quot;") == 2
    assert "&lt;script&gt;" in told
    assert "<script" not in told
