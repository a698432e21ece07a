"""An utterance on its way into memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from myna.core.ids import MemoryId
from myna.memory.forgetting import Last, Request, request_in
from myna.memory.journal import Entry


@dataclass(slots=True)
class Told:
    """An utterance that is to be remembered from.

    Attributes:
        last: What came before it.
        before: The reply that it answers.
        used: The memories that went into its prompt.
        noted: The journal has it.
        ruled: The rules are through with it.
        withdrawn: Everything of the user was forgotten meanwhile.
        left: What the rules left to the LLM.
    """

    entry: Entry
    text: str
    last: Last = field(default_factory=Last)
    before: str = ""
    used: Sequence[MemoryId] = ()
    noted: bool = False
    ruled: bool = False
    withdrawn: bool = False
    left: tuple[str, ...] = ()

    @property
    def request(self) -> Request | None:
        """What it asks to be forgotten."""
        return request_in(self.text, asked_everything=self.last.asked_everything)
