"""Which entries of a lorebook are told. Pure: a book and the newest messages in, texts out.

What is always told stands in the system prompt, so that the prompt keeps its beginning; what a key calls up stands
beside the newest utterance.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from myna.personas.lore.model import Lorebook, LoreEntry
from myna.personas.lore.pattern import BadPattern, Pattern, Steps, compile_pattern, is_pattern
from myna.text.characters import is_cjk

LONGEST_SCAN = 8000
"""Characters that are looked through, the newest of them."""
MOST_STEPS = 100_000
"""Of all regular expressions and whole words in one turn: some 0.13 s."""
MOST_CHARACTERS = 10_000_000
"""That plain keys are looked for in, all together, in one turn: 10 ms as a rule, 0.3 s for keys made to be slow."""
MOST_ROUNDS = 5
"""In which what is told calls up more."""

_WIDE = re.compile("[\u2e80-\U0010ffff]+")

Count = Callable[[str], int]


def estimate(text: str) -> int:
    """About how many tokens a text takes: one for each CJK character, for others one for four."""
    wide = 0 if text.isascii() else sum(map(len, _WIDE.findall(text)))
    return wide + math.ceil((len(text) - wide) / 4)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is told in every turn, before and after what the persona is."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def standing(book: Lorebook | None, count: Count = estimate) -> Standing:
    """The entries that are always told, as far as the budget goes."""
    chosen = _standing(book, count) if book is not None else []
    return Standing(
        tuple(entry.content for entry in chosen if entry.position == "before"),
        tuple(entry.content for entry in chosen if entry.position != "before"),
    )


def called_up(book: Lorebook | None, messages: Sequence[str], replies: int, count: Count = estimate) -> tuple[str, ...]:
    """What the newest messages call up, in the order in which it is to be told.

    Args:
        book: The lorebook.
        messages: The conversation, the newest utterance last.
        replies: How many replies there have been.
        count: Tells the tokens of a text.

    What is always told is not among it, but takes of the same budget.
    """
    if book is None or not messages or not book.entries:
        return ()
    scan = _Scan(book, messages)
    waiting = [
        entry
        for entry in book.entries
        if entry.enabled
        and entry.content
        and not entry.always
        and replies >= entry.after_replies
        and replies % entry.every_replies == 0
    ]
    found = [entry for entry in waiting if scan.calls_up(entry)]
    if book.recursive:
        found = _with_woken(scan, found, waiting, _standing(book, count))
    left = book.token_budget - sum(count(entry.content) for entry in _standing(book, count))
    return tuple(entry.content for entry in _within(found, left, count))


def _with_woken(
    scan: "_Scan", found: list[LoreEntry], waiting: Sequence[LoreEntry], always: Sequence[LoreEntry]
) -> list[LoreEntry]:
    """``found`` with what their contents call up. Each comes once, so a cycle ends by itself."""
    known, newest = {id(entry) for entry in found}, [*found, *always]
    for _ in range(MOST_ROUNDS):
        text = "\n".join(entry.content for entry in newest if entry.wakes_others)[:LONGEST_SCAN]
        newest = [
            entry
            for entry in waiting
            if text and id(entry) not in known and entry.woken_by_others and scan.calls_up(entry, text)
        ]
        if not newest:
            break
        found = [*found, *newest]
        known |= {id(entry) for entry in newest}
    return found


def _standing(book: Lorebook, count: Count) -> list[LoreEntry]:
    return _within(
        [entry for entry in book.entries if entry.enabled and entry.content and entry.always], book.token_budget, count
    )


def _within(entries: Sequence[LoreEntry], budget: int, count: Count) -> list[LoreEntry]:
    """Those of the highest priority that have room together, in the order in which they are told."""
    kept: list[LoreEntry] = []
    for entry in sorted(entries, key=lambda each: -each.priority):
        if (tokens := count(entry.content)) <= budget:
            budget -= tokens
            kept.append(entry)
    places = {"before": 0, "after": 1, "depth": 2}
    return sorted(kept, key=lambda each: (places[each.position], -each.depth, each.order))


@dataclass(slots=True)
class _Scan:
    """Looks for keys in the newest messages."""

    book: Lorebook
    messages: Sequence[str]
    steps: Steps = field(default_factory=lambda: Steps(MOST_STEPS))
    characters: int = MOST_CHARACTERS
    texts: dict[int, tuple[str, str]] = field(default_factory=dict[int, tuple[str, str]])

    def calls_up(self, entry: LoreEntry, text: str | None = None) -> bool:
        """Whether the keys of ``entry`` are in ``text``, or in the newest messages."""
        plain, folded = (text, text.casefold()) if text is not None else self._newest(entry)

        def has(key: str) -> bool:
            return self._is_in(key, entry, plain, folded)

        if not (entry.constant or any(map(has, entry.keys))) or any(map(has, entry.exclude_keys)):
            return False
        if not entry.secondary_keys or entry.regex:
            return True
        match entry.logic:
            case "any":
                return any(map(has, entry.secondary_keys))
            case "all":
                return all(map(has, entry.secondary_keys))
            case "not_any":
                return not any(map(has, entry.secondary_keys))
            case "not_all":
                return not all(map(has, entry.secondary_keys))

    def _newest(self, entry: LoreEntry) -> tuple[str, str]:
        depth = self.book.scan_depth if entry.scan_depth is None else entry.scan_depth
        if depth not in self.texts:
            text = "\n".join(self.messages[-depth:] if depth else ())[-LONGEST_SCAN:]
            self.texts[depth] = text, text.casefold()
        return self.texts[depth]

    def _is_in(self, key: str, entry: LoreEntry, plain: str, folded: str) -> bool:
        if entry.regex or is_pattern(key):
            if self.steps.left <= 0:
                return False
            pattern = pattern_of(key, not entry.case_sensitive)
            self.steps.left -= len(key) if pattern is None else pattern.work
            return pattern is not None and pattern.is_in(plain, self.steps)
        key, text = (key, plain) if entry.case_sensitive else (key.casefold(), folded)
        self.characters -= len(text)
        if self.characters < 0:
            return False
        return self._has_word(text, key) if entry.whole_words else key in text

    def _has_word(self, text: str, word: str) -> bool:
        """Whether ``word`` is in ``text`` and no letter that makes it longer stands beside it."""
        at = text.find(word)
        while at >= 0 and self.steps.left > 0:
            self.steps.left -= 1
            end = at + len(word)
            if not _goes_on(text[at - 1 : at], word[0]) and not _goes_on(text[end : end + 1], word[-1]):
                return True
            at = text.find(word, at + 1)
        return False


@lru_cache(maxsize=4096)
def pattern_of(key: str, ignore_case: bool) -> Pattern | None:
    """The regular expression, or None for one that cannot be used."""
    try:
        return compile_pattern(key, ignore_case=ignore_case)
    except BadPattern:
        return None


def _goes_on(beside: str, edge: str) -> bool:
    return beside.isalnum() and edge.isalnum() and not is_cjk(beside) and not is_cjk(edge)
