"""The KV caches of earlier prompts, where later ones find what they begin with. Blocks; for one thread at a time.

A conversation's next prompt begins as its last one did, so only what is new has to be read. Where two conversations
share a beginning, the persona's prompt, the second gets a copy of it, so that the first loses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from myna.engines.llm.transformers.model import Cache, Model

LEAST = 16
"""Below so many tokens in common a cache is of no use."""

MOST_KEPT = 32
"""Sequences, however short."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    tokens: NDArray[np.int32]
    cache: Cache
    key: str | None
    shared: bool


@dataclass(frozen=True, slots=True)
class Begun:
    """A cache, and how many tokens of the prompt are in it."""

    cache: Cache
    tokens: int


class Prefixes:
    """What was read, the newest last.

    Args:
        model: Whose caches these are.
        most_tokens: How many tokens all of them together hold at most.
    """

    def __init__(self, model: Model, most_tokens: int) -> None:
        self._model = model
        self._most_tokens = most_tokens
        self._kept: list[_Kept] = []

    @property
    def tokens(self) -> int:
        """How many are kept."""
        return sum(len(each.tokens) for each in self._kept)

    def begin(self, prompt: Sequence[int], key: str | None, beside: int) -> Begun:
        """A cache to read a prompt into, with what is known of it; at least its last token is left to read.

        Args:
            prompt: The tokens.
            key: Whose it is.
            beside: How many tokens those who write take, this one among them: what is kept makes room for them.

        Raises:
            OutOfMemory: What is known cannot be copied.
        """
        wanted = np.asarray(prompt[:-1], np.int32)
        fits = [(_common(wanted, each.tokens), each.key == key, index) for index, each in enumerate(self._kept)]
        common, _, index = max(fits, default=(0, False, 0))
        if common < LEAST:
            self.make_room(beside)
            return Begun(self._model.begin(), 0)
        found = self._kept.pop(index)
        if found.shared or not _is_its_own(found, key, common):
            self._kept.append(found)
        self.make_room(beside)
        if found in self._kept:
            copy = self._model.copy(found.cache, common)
            return Begun(self._model.begin(), 0) if copy is None else Begun(copy, common)
        if self._model.crop(found.cache, common):
            return Begun(found.cache, common)
        return Begun(self._model.begin(), 0)

    def keep(self, tokens: Sequence[int], cache: Cache, key: str | None, *, shared: bool = False) -> None:
        """Keep a cache with these tokens in it. Those whose tokens it begins with go; of shared ones only shared."""
        if len(tokens) < LEAST:
            return
        new = _Kept(np.asarray(tokens, np.int32), cache, key, shared)
        self._kept = [each for each in self._kept if (each.shared and not shared) or not _begins(new, each)]
        self._kept.append(new)
        self.make_room(0)

    def make_room(self, tokens: int) -> None:
        """Drop the oldest, the shared last, until so many more tokens fit."""
        while self._kept and (self.tokens + tokens > self._most_tokens or len(self._kept) > MOST_KEPT):
            oldest = next((each for each in self._kept if not each.shared), self._kept[0])
            self._kept.remove(oldest)

    def clear(self) -> None:
        """Drop all."""
        self._kept.clear()


def _is_its_own(found: _Kept, key: str | None, common: int) -> bool:
    """Whether a request may take a sequence over, and cut it: it is its own, or little would be lost."""
    if key is not None and found.key == key:
        return True
    return common == len(found.tokens) or (found.key is None and 2 * common >= len(found.tokens))


def _begins(new: _Kept, old: _Kept) -> bool:
    """Whether a sequence begins with all of another."""
    return _common(new.tokens, old.tokens) == len(old.tokens)


def _common(one: NDArray[np.int32], other: NDArray[np.int32]) -> int:
    """How many tokens two sequences begin with alike."""
    size = min(len(one), len(other))
    different = np.flatnonzero(one[:size] != other[:size])
    return int(different[0]) if len(different) else size
