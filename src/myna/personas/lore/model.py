"""A lorebook: texts that the model is told when one of their keys falls."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from myna.personas.emotions import Part

MOST_ENTRIES = 2000
MOST_TOKENS = 4096
LongText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=100_000)]
LoreKey = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=1000)]
Keys = Annotated[tuple[LoreKey, ...], Field(max_length=1000)]


class LoreEntry(Part):
    """What the model is told, and when.

    Attributes:
        name: For people.
        content: What it is told.
        keys: Any of them has to be found in the newest messages.
        secondary_keys: What has to be found besides, as ``logic`` says.
        logic: ``any`` or ``all`` of the secondary keys have to be there; ``not_any``: none; ``not_all``: not all.
        exclude_keys: Where one of them is found, it is not told.
        regex: Whether keys are regular expressions as in JavaScript, without look-around and references back.
        case_sensitive: Whether ``Cat`` and ``cat`` are two.
        whole_words: Whether ``cat`` is not found in ``category``. Chinese has no such words: there it changes nothing.
        constant: Whether it is always told, in the system prompt, and needs no keys.
        enabled: Whether it is used at all.
        order: The lower stands first.
        priority: Where not all have room, the lower goes first.
        position: Before what the persona is, after it, or in the midst of the conversation, ``depth`` messages from its
            end. What is not constant always stands beside the newest utterance, in this order.
        depth: See ``position``.
        scan_depth: How many of the newest messages are looked through; None: as the book says.
        after_replies: How many replies there have to be before.
        every_replies: It is told only when the number of replies is a multiple of this.
        wakes_others: Whether keys of other entries are looked for in its content.
        woken_by_others: Whether its keys are looked for in the content of other entries.
    """

    name: str = ""
    content: LongText
    keys: Keys = ()
    secondary_keys: Keys = ()
    logic: Literal["any", "all", "not_any", "not_all"] = "any"
    exclude_keys: Keys = ()
    regex: bool = False
    case_sensitive: bool = False
    whole_words: bool = False
    constant: bool = False
    enabled: bool = True
    order: float = 100
    priority: float = 0
    position: Literal["before", "after", "depth"] = "before"
    depth: int = Field(default=4, ge=0)
    scan_depth: int | None = Field(default=None, ge=0)
    after_replies: int = Field(default=0, ge=0)
    every_replies: int = Field(default=1, ge=1)
    wakes_others: bool = True
    woken_by_others: bool = True

    @property
    def always(self) -> bool:
        """Whether it is told in every turn, so that it can stand in the system prompt."""
        return self.constant and not self.exclude_keys and self.after_replies == 0 and self.every_replies == 1


class Lorebook(Part):
    """What a persona's world is.

    Attributes:
        scan_depth: How many of the newest messages are looked through for keys, the newest utterance included.
        token_budget: How many tokens all that is told may take, about.
        recursive: Whether keys are looked for in what is told, too.
    """

    name: str = ""
    scan_depth: int = Field(default=4, ge=0)
    token_budget: int = Field(default=1000, ge=0, le=MOST_TOKENS)
    recursive: bool = False
    entries: Annotated[tuple[LoreEntry, ...], Field(max_length=MOST_ENTRIES)] = ()
