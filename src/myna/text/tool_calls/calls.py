"""What the filter finds in a reply."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A whole call.

    Attributes:
        name: The tool as the model named it; it may be none that was offered, where the markup left no doubt of a call.
        arguments: JSON text, as the model wrote it wherever that is JSON; ``{}`` where it wrote none.
        raw: What was taken out of the reply for it, without what merely closes a block behind it.
    """

    name: str
    arguments: str
    raw: str


@dataclass(frozen=True, slots=True)
class BrokenCall:
    """What surely began as a call, and was cut off, is malformed or too long.

    Attributes:
        name: The tool, if the model came that far.
        arguments: As far as they came and can be told apart. Where there is a name they are no valid JSON:
            nobody can run them by mistake.
        raw: What was taken out of the reply for it; of a call that is too long, its beginning.
    """

    name: str | None
    arguments: str
    raw: str
