"""The answer of a chat completion, whole and in chunks. No I/O.

https://platform.openai.com/docs/api-reference/chat/object
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from myna.engines.base import (
    FailedOver,
    Finished,
    LLMDelta,
    Loading,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    Usage,
)
from myna.server.openai.events import event

Delta: TypeAlias = Mapping[str, Any]
"""What a chunk adds to the message."""

FIRST: Delta = {"role": "assistant", "content": ""}
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Completion:
    """What all chunks of an answer share.

    Attributes:
        model: Who answers.
        with_usage: Whether the last chunk tells the usage; then the others say that they do not.
    """

    model: str
    with_usage: bool = False
    id: str = field(default_factory=lambda: f"chatcmpl-{secrets.token_hex(12)}")
    created: int = field(default_factory=lambda: int(time.time()))

    def chunk(self, choice: int, delta: Delta, reason: str | None = None) -> bytes:
        """The event of a piece of one choice."""
        choices = [{"index": choice, "delta": delta, "logprobs": None, "finish_reason": reason}]
        head = self._head("chat.completion.chunk")
        return event(head | {"choices": choices, "usage": None} if self.with_usage else head | {"choices": choices})

    def last(self, usages: Sequence[Usage | None]) -> bytes:
        """The event that ends the stream, after that of the usage where it is wanted."""
        if not self.with_usage:
            return DONE
        return event(self._head("chat.completion.chunk") | {"choices": [], "usage": usage_of(usages)}) + DONE

    def whole(self, messages: Sequence["JoinedMessage"]) -> dict[str, Any]:
        """The answer that is not streamed."""
        choices = [
            {"index": index, "message": message.told(), "logprobs": None, "finish_reason": message.finished.reason}
            for index, message in enumerate(messages)
        ]
        usage = usage_of([message.finished.usage for message in messages])
        return self._head("chat.completion") | {"choices": choices, "usage": usage}

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


@dataclass(slots=True)
class JoinedMessage:
    """The deltas of one choice, joined."""

    finished: Finished = field(default_factory=lambda: Finished("stop"))
    _content: list[str] = field(default_factory=list[str])
    _reasoning: list[str] = field(default_factory=list[str])
    _calls: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    _emotion: str | None = None
    _runs: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])

    def add(self, delta: Delta) -> None:
        """Take the next one."""
        self._content.append(delta.get("content") or "")
        self._reasoning.append(delta.get("reasoning_content") or "")
        own = delta.get("myna", {})
        self._emotion = self._emotion or own.get("emotion")
        if run := own.get("tool"):
            self._runs.setdefault(run["call_id"], {}).update(run)
        for piece in delta.get("tool_calls", ()):
            new = {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
            call = self._calls.setdefault(piece["index"], new)
            call["id"] = piece.get("id") or call["id"]
            call["function"]["name"] += piece["function"].get("name") or ""
            call["function"]["arguments"] += piece["function"]["arguments"]

    def told(self) -> dict[str, Any]:
        """The message. In Myna's own field is the emotion that it begins with, and what tools of the server's ran."""
        content = "".join(self._content)
        told: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
        if reasoning := "".join(self._reasoning):
            told["reasoning_content"] = reasoning
        if self._calls:
            told |= {"content": content or None, "tool_calls": [call for _, call in sorted(self._calls.items())]}
        own: dict[str, Any] = {"emotion": self._emotion} if self._emotion else {}
        if self._runs:
            own["tools"] = list(self._runs.values())
        return told | {"myna": own} if own else told


def as_delta(piece: LLMDelta) -> Delta:
    """What the LLM says, as it is. ``reasoning_content`` is not OpenAI's, but what most servers call it."""
    match piece:
        case TextDelta(text):
            return {"content": text}
        case ReasoningDelta(text):
            return {"reasoning_content": text}
        case ToolCallDelta(index, call_id, name, arguments):
            if call_id is None and name is None:
                return {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}
            function = {"name": name, "arguments": arguments}
            return {"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": function}]}
        case Finished() | Loading() | FailedOver():
            return {}


def usage_of(usages: Sequence[Usage | None]) -> dict[str, Any] | None:
    """The tokens of all choices, whose prompt is the same and counts once; None if the server did not tell."""
    known = [usage for usage in usages if usage is not None]
    if not known or len(known) < len(usages):
        return None
    prompt, completion = known[0].prompt_tokens, sum(usage.completion_tokens for usage in known)
    told = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    cached = known[0].cached_tokens
    return told if cached is None else told | {"prompt_tokens_details": {"cached_tokens": cached}}
