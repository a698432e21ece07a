"""Server-sent events in OpenAI's form: what streams of chat, speech and transcriptions are made of."""

import json
from collections.abc import Mapping
from typing import Any

from myna.core.errors import MynaError
from myna.server.errors import openai_body, problem_of

_LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in "\u0085\u2028\u2029"}
"""Clients that read lines as Python's ``splitlines`` does (httpx) would cut an event in two at these."""


def failed(error: MynaError) -> bytes:
    """The event that tells an error in the middle of a stream."""
    return event(openai_body(problem_of(error)))


def event(data: Mapping[str, Any]) -> bytes:
    """``data`` as a server-sent event."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return b"data: %b\n\n" % text.translate(_LINE_ENDS).encode(errors="replace")
