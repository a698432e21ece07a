"""Tools as the model sees them: what there is to call, and a call."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

JSON: TypeAlias = Mapping[str, Any]  # a JSON object: tool schemas and arguments are the outside's, not ours to type


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


@dataclass(frozen=True, slots=True)
class NamedTool:
    """Forces the call of one tool."""

    name: str


ToolChoice: TypeAlias = Literal["auto", "none", "required"] | NamedTool
"""Whether tools may, must not or must be called."""
