"""What a codec makes of a message of the client's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from myna.core.commands import Command

ServerEvent: TypeAlias = Mapping[str, Any]
"""What is sent to the client: a JSON object, whose fields are the wire's to type."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a message asks for.

    Attributes:
        commands: For the session, in this order, to be taken once and before the next message is decoded. Audio is in
            pieces of about a second, which are resampled as they are taken.
        replies: To be sent before what the commands cause.
        ends: Nothing follows: what was begun is told to its end, and the line is closed.
    """

    commands: Iterable[Command] = ()
    replies: tuple[ServerEvent, ...] = ()
    ends: bool = False
