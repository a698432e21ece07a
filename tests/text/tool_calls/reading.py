"""Feeds replies to a filter, in pieces."""

import json
from collections.abc import Iterable, Mapping
from random import Random
from typing import Any

from tests.text.tool_calls.cases import TOOLS, Expected

from myna.text.tool_calls import FORMATS, BrokenCall, Format, FoundCall, ToolCallFilter

Found = str | FoundCall | BrokenCall


def found_in(
    pieces: Iterable[str],
    *,
    tools: Mapping[str, Any] = TOOLS,
    formats: tuple[Format, ...] = FORMATS,
    inside_thinking: bool = False,
) -> list[Found]:
    """All that a filter gives back; text between calls is joined."""
    calls = ToolCallFilter(tools, formats, inside_thinking=inside_thinking)
    joined: list[Found] = []
    for each in (*(item for piece in pieces for item in calls.feed(piece)), *calls.finish()):
        if isinstance(each, str) and joined and isinstance(joined[-1], str):
            joined[-1] += each
        else:
            joined.append(each)
    return joined


def read(found: Iterable[Found]) -> Expected:
    """As the cases write it."""
    return [each if isinstance(each, str) else _call(each) for each in found]


def _call(call: FoundCall | BrokenCall) -> tuple[str, dict[str, Any]]:
    assert isinstance(call, FoundCall), call
    return call.name, json.loads(call.arguments)


def cut(text: str, random: Random) -> list[str]:
    """Some pieces of a random size each: single characters, tokens, or long."""
    longest = random.choice((1, 3, 6, 12, 30))
    pieces: list[str] = []
    place = 0
    while place < len(text):
        size = random.randint(1, longest)
        pieces.append(text[place : place + size])
        place += size
    return pieces
