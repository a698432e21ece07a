"""A request as LLaMA-Factory takes it, and its limits, which its chat knows nothing of."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from myna.engines.base import LLMMessage, Sampling
from myna.engines.llm.token_estimate import estimate_tokens


@dataclass(frozen=True, slots=True)
class Conversation:
    """A system text, what was said, user and assistant in turns, and what the user says now."""

    system: str
    history: tuple[tuple[Literal["user", "assistant"], str], ...]
    message: str

    def as_json(self) -> dict[str, object]:
        """For the wrapper and for scripts."""
        history = [{"role": role, "content": content} for role, content in self.history]
        return {"system": self.system, "history": history, "message": self.message}

    def as_messages(self) -> tuple[LLMMessage, ...]:
        """For LLaMA-Factory's server, which takes no other order."""
        system = (LLMMessage("system", self.system),) if self.system else ()
        said = (LLMMessage(role, content) for role, content in self.history)
        return (*system, *said, LLMMessage("user", self.message))


def conversation(messages: Sequence[LLMMessage]) -> Conversation:
    """Messages as a conversation: system texts are joined, and what one side says in a row; tools speak as the user."""
    system = "\n\n".join(message.content for message in messages if message.role == "system")
    turns: list[tuple[Literal["user", "assistant"], str]] = []
    for message in messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        content = "\n".join(filter(None, (message.content, *map(_call, message.tool_calls))))
        if turns and turns[-1][0] == role:
            content = f"{turns.pop()[1]}\n\n{content}"
        turns.append((role, content))
    if turns and turns[0][0] == "assistant":  # a greeting
        turns.insert(0, ("user", "…"))
    last = turns.pop()[1] if turns and turns[-1][0] == "user" else "…"
    return Conversation(system, tuple(turns), last)


def _call(call: object) -> str:
    name, arguments = getattr(call, "name", ""), getattr(call, "arguments", "")
    return f'{{"name": {json.dumps(name)}, "arguments": {arguments or "{}"}}}'


class Limits:
    """Ends a text at the first stop sequence, or after so many tokens (as estimated).

    Attributes:
        reached: Why no more is wanted; None while it is.
    """

    def __init__(self, sampling: Sampling) -> None:
        self._stops = tuple(filter(None, sampling.stop))
        self._most = sampling.max_tokens
        self._given = ""
        self._held = ""
        self.reached: Literal["stop", "length"] | None = None

    def feed(self, piece: str) -> str:
        """What of it can be passed on; what may begin a stop sequence is kept back."""
        text = self._held + piece
        found = [at for stop in self._stops if (at := text.find(stop)) >= 0]
        if found:
            self.reached = "stop"
            return self._pass_on(text[: min(found)])
        held = max((_overlap(text, stop) for stop in self._stops), default=0)
        passed = self._pass_on(text[: len(text) - held])
        self._held = text[len(text) - held :]
        return passed

    def rest(self) -> str:
        """What was kept back, at the end."""
        held, self._held = self._held, ""
        return "" if self.reached else held

    def _pass_on(self, text: str) -> str:
        self._given += text
        if self._most is not None and self.reached is None and tokens(self._given) >= self._most:
            self.reached = "length"
        return text


def tokens(text: str) -> int:
    """About how many tokens a text has."""
    return estimate_tokens([LLMMessage("assistant", text)]) - estimate_tokens([LLMMessage("assistant", "")])


def _overlap(text: str, stop: str) -> int:
    return next((size for size in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:size])), 0)
