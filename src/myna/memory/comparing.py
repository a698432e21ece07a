"""A new memory beside those that there are: whether it is kept, and in the place of which."""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from myna.memory.base import Memories, Memory, NewMemory, Scope
from myna.memory.topics import topic_of
from myna.memory.words import same_text, words_of

log = logging.getLogger(__name__)

COMPARED = 12
"""So many of the nearest memories are compared with a new one."""

LEAST_WORDS = 2
"""Memories of fewer words are compared as they are: "from Rome" and "grew up in Rome" share all that they have."""

Verdict: TypeAlias = Literal["new", "known", "updates", "contradicts"]
"""``updates``: it replaces others. ``contradicts``: it is kept beside a pinned one that says otherwise."""

_NOT = re.compile(r"不|没|別|别|n't\b|\b(?:no|not|never)\b")


@dataclass(frozen=True, slots=True)
class Compared:
    """What a new memory is, and the memories that it replaces, contradicts or repeats."""

    verdict: Verdict
    others: tuple[Memory, ...] = ()


def compare(new: NewMemory, known: Sequence[Memory]) -> Compared:
    """Judge a new memory. The newer wins; only what the user pinned stays."""
    text, topic = same_text(new.text), topic_of(new.text)
    alike = [
        (memory, other)
        for memory in known
        if topic is not None and (other := topic_of(memory.text)) and other.about == topic.about
    ]
    if same := [memory for memory in known if same_text(memory.text) == text]:
        otherwise = tuple(each for each, other in alike if topic and other.value != topic.value and not each.pinned)
        return Compared("updates", otherwise) if otherwise else Compared("known", tuple(same))
    if topic is not None:
        if same := [memory for memory, other in alike if other.value == topic.value]:
            return Compared("known", tuple(same))
        others = tuple(memory for memory, _ in alike)
        if pinned := tuple(memory for memory in others if memory.pinned):
            return Compared("contradicts", pinned)
        return Compared("updates", others) if others else Compared("new")
    known_already = tuple(memory for memory in known if _says(memory, new))
    return Compared("known", known_already) if known_already else Compared("new")


def _says(memory: Memory, new: NewMemory) -> bool:
    """Whether a memory says what a new one does, and perhaps more."""
    words = words_of(new.text)
    return (
        memory.kind == new.kind
        and len(words) >= LEAST_WORDS
        and words <= words_of(memory.text)
        and bool(_NOT.search(new.text)) == bool(_NOT.search(memory.text))
    )


async def keep(memories: Memories, scope: Scope, new: NewMemory, *, permitted: bool = False) -> Compared:
    """Compare a new memory with those that are nearest to it, and keep what comes of it.

    What it replaces is forgotten in the same step, unless the user pinned or edited it meanwhile. The audit trail has
    both, as done by Myna. ``permitted``: as for `Memories.remember`.
    """
    near = await memories.nearest(scope, new.text, limit=COMPARED)
    compared = compare(new, [each.memory for each in near])
    if compared.verdict == "known":
        if any(same_text(each.text) == same_text(new.text) for each in compared.others):
            await memories.remember(scope, new, permitted=permitted)  # makes it surer
        return compared
    replaced = compared.others if compared.verdict == "updates" else ()
    kept = await memories.remember(scope, new, instead_of=replaced, permitted=permitted)
    if kept is not None and compared.verdict == "contradicts":
        log.info("The memory %s contradicts the pinned %s; both are kept.", kept.id, compared.others[0].id)
    return compared
