"""What a talk with the server comes to: messages to send, and news for the robot."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from myna_ros.player import Sound


@dataclass(frozen=True)
class Send:
    """A message to the server."""

    message: dict[str, Any]


@dataclass(frozen=True)
class Heard:
    """What the user says: so far, or ``final``.

    Attributes:
        began_s: When he began to, of the clock that the dialogue is told.
    """

    text: str
    final: bool
    began_s: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Words:
    """The next piece of the reply's text."""

    text: str


@dataclass(frozen=True)
class Reply:
    """All of a reply, or of one that was interrupted what was heard."""

    text: str


@dataclass(frozen=True)
class Emotion:
    """Of what begins to sound now."""

    name: str


@dataclass(frozen=True)
class State:
    """What the talk is doing now."""

    name: str


@dataclass(frozen=True)
class Flush:
    """What was to be played is not to be played any more."""


@dataclass(frozen=True)
class Interrupted:
    """The user speaks over a reply, and means it."""


@dataclass(frozen=True)
class Call:
    """The model calls a tool of the robot's."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Fault:
    """Something could not be done."""

    code: str
    message: str


@dataclass(frozen=True)
class Up:
    """There is a connection, and this is who answers."""

    answers: str
    conversation: str


@dataclass(frozen=True)
class Down:
    """There is no connection: why, and when it is tried again."""

    why: str
    again_s: float


News: TypeAlias = Heard | Words | Reply | Emotion | State | Sound | Flush | Interrupted | Call | Fault | Up | Down
