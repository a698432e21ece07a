"""What a rule is that takes facts from what a user states."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from myna.memory.base import Kind
from myna.memory.clauses import Statement


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern of statements, and the memory that one makes.

    Attributes:
        pattern: Matched with `Statement.plain`.
        make: The memory's text, or None if this is none after all. Places in the match are those in `Statement.text`.
        lasts: What was so is still so: where somebody was born, or grew up.
    """

    kind: Kind
    pattern: re.Pattern[str]
    make: Callable[[re.Match[str], Statement], str | None]
    lasts: bool = False
