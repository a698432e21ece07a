"""Tools as the model sees them: what there is to call, a call, and what came of it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, cast

JSON: TypeAlias = Mapping[str, Any]  # a JSON object: tool schemas and arguments are the outside's, not ours to type

LONGEST_SUMMARY = 120
LONGEST_READ = 2_000
_FIRST_SENTENCE = re.compile(r"\s*(.+?)(?:[.!]?(?:\s*\n|\s*$)|[.!]\s|[。！])", re.DOTALL)


def json_object(text: str) -> JSON:
    """The JSON object in a text, as of a call's arguments; an empty one if there is none."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return cast("JSON", value) if isinstance(value, dict) else {}


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call that the model asks for. ``arguments`` is JSON text as the model wrote it, valid or not."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A function that the model may call; ``parameters`` is a JSON schema of type object."""

    name: str
    description: str
    parameters: JSON

    @property
    def summary(self) -> str:
        """The first sentence of its description, or its name."""
        begins = _FIRST_SENTENCE.match(self.description.strip()[:LONGEST_READ])
        return (begins[1] if begins else self.name.replace("_", " "))[:LONGEST_SUMMARY]


@dataclass(frozen=True, slots=True)
class NamedTool:
    """Forces the call of one tool."""

    name: str


ToolChoice: TypeAlias = Literal["auto", "none", "required"] | NamedTool
"""Whether tools may, must not or must be called."""


CallStatus: TypeAlias = Literal["ok", "failed", "timed_out", "refused", "cancelled", "goes_on"]
"""How a call ended. ``failed``: the tool raised, or its arguments were wrong. ``refused``: it was not run, since there
is no such tool, the user did not allow it, or it was called too often. ``cancelled``: the reply was interrupted.
``goes_on``: it was, and the tool must not be cancelled; what comes of it is kept in the conversation, and told to the
model."""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What came of a call.

    Attributes:
        output: The text that the model is given, also when it failed.
        asks: Its arguments as the user may see them, if it was refused until the user has been asked, and has agreed.
    """

    output: str
    status: CallStatus = "ok"
    asks: str | None = None

    @property
    def failed(self) -> bool:
        """Whether it did not bring what it was to bring, and will not."""
        return self.status not in ("ok", "goes_on")
