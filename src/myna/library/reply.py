"""What came of asking: the text, the tools that were called for it, and what it took."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from myna.core.tools import CallStatus
from myna.engines.base import Usage

Finish: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter", "closed"]


@dataclass(frozen=True, slots=True)
class ToolRun:
    """A tool that was called.

    Attributes:
        arguments: As the model wrote them: an object; text where that was no JSON object.
        result: What the model was told; empty while it runs, or if the reply was closed before it ended.
        status: How it ended; ``cancelled`` if the reply was closed before.
        took_ms: How long it ran, without the time that somebody was asked whether it may.
    """

    name: str
    arguments: Mapping[str, Any] | str
    result: str
    status: CallStatus
    took_ms: float


@dataclass(frozen=True, slots=True)
class Timings:
    """What it took, in milliseconds since it was asked; None is what did not come.

    Attributes:
        ready_ms: The model was there. The first time it has to be loaded.
        first_piece_ms: The first piece of text came.
        total_ms: All was said.
    """

    ready_ms: float | None
    first_piece_ms: float | None
    total_ms: float


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply. As a string it is its text.

    Attributes:
        text: What the user is to see: without thinking, without markup of calls.
        tool_calls: In the order in which they were called.
        usage: Tokens of all rounds together, where the LLM tells them.
        finish: How it ended: ``length`` is the limit of tokens, ``closed`` the caller who wanted no more of it.
    """

    text: str
    tool_calls: tuple[ToolRun, ...]
    usage: Usage | None
    timings: Timings
    finish: Finish

    def __str__(self) -> str:
        return self.text
