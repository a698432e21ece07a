"""The words of a text by which memories are found: pure.

Chinese, Japanese and Korean by pairs of characters, so that nothing has to know where their words end; other scripts by
words without their plainest endings. Words that say nothing by themselves are left out.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from hashlib import sha256
from math import log

from myna.store.words import fold
from myna.text.characters import CJK

MOST_WORDS = 64
"""Of a question. What is longer is found by its beginning."""
LONGEST_WORD = 32
"""Characters that are told apart."""

_RUNS = re.compile(f"([{CJK}]+)|((?:(?![{CJK}])[^\\W_])+)")
_ENDING = re.compile(r"(?<=[a-z]{3})(?:ies|es|s|ing|ed|e|y)$")
_PLAIN = re.compile(
    "a|about|an|and|any|are|as|at|be|been|but|by|can|could|did|do|does|for|from|get|go|going|"
    "got|had|has|have|he|her|him|his|how|i|if|in|into|is|it|its|just|let|like|likes|make|me|my|"
    "need|no|not|of|on|or|our|she|should|so|some|tell|than|that|the|their|them|then|there|they|"
    "this|to|us|use|user|users|want|wants|was|we|were|what|when|where|which|who|whom|whose|why|"
    "will|with|would|you|your"
)
"""English words that say nothing by themselves. ``user``: most memories begin with it."""
_EMPTY = re.compile(
    "用户|什么|怎么|怎样|为什|哪里|哪个|几点|多少|可以|应该|觉得|知道|喜欢|[的了吗呢吧啊呀是我你您他她它们这那么就都也还很在和与请把被给让得着过]"
)
"""Chinese that says nothing by itself; words end at it."""


def same_text(text: str) -> str:
    """A hash that texts share which differ in case, width, spaces, traditional characters or a last stop only."""
    return sha256(" ".join(fold(text).split()).rstrip(".。!！ ").encode()).hexdigest()


def words_of(text: str) -> frozenset[str]:
    """The words that say something."""
    return frozenset(_words(text))


def first_words_of(text: str) -> frozenset[str]:
    """The words of a question, the first `MOST_WORDS` of them."""
    return frozenset(list(dict.fromkeys(_words(text[: 20 * MOST_WORDS])))[:MOST_WORDS])


def weights(words: Collection[str], known: Mapping[str, int], memories: int) -> Mapping[str, float]:
    """How much each word tells: the more, the fewer of the user's ``memories`` have it (``known`` says how many)."""
    return {word: log(1 + (memories + 1) / (known.get(word, 0) + 1)) for word in words}


def shared(question: Mapping[str, float], words: Collection[str]) -> float:
    """How much of a question is in a memory, 0 to 1: the words that both have, each by its weight."""
    whole = sum(question.values())
    return sum(weight for word, weight in question.items() if word in words) / whole if whole else 0.0


def _words(text: str) -> Iterator[str]:
    for run in _RUNS.finditer(_EMPTY.sub(" ", fold(text))):
        if run[1]:
            yield from (run[0][place : place + 2] for place in range(max(1, len(run[0]) - 1)))
        elif not _PLAIN.fullmatch(run[0]):
            yield _ENDING.sub("", run[0][:LONGEST_WORD])
