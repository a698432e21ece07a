"""What a format of calls is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from myna.core.tools import JSON
from myna.text.tool_calls.openings import Part
from myna.text.tool_calls.source import Reading, Source

Tools: TypeAlias = Mapping[str, JSON]
"""The offered tools' names and the JSON schemas of their parameters; an empty one where that is not known."""


@dataclass(frozen=True, slots=True)
class Format:
    """One way in which models write calls.

    Attributes:
        name: What it is called in docs and tests.
        opening: Recognises a beginning, given the tools. It decides alone whether something is a call.
        read: Reads what begins there, the opening included, and yields each call as soon as it is whole. It ends
            behind what belongs to its calls; what follows is the reply again.
        begins: The characters that an opening can begin with.
        plain: Its openings could stand in ordinary text, so one that is quoted is none: directly behind a quotation
            mark, an opening parenthesis or an equals sign.
    """

    name: str
    opening: Callable[[Tools], Part]
    read: Callable[[Source, Tools], Reading[None]]
    begins: str
    plain: bool = False
