"""A scripted embedder."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from myna.core.errors import MynaError
from myna.testing.llm import Pause

Step: TypeAlias = Pause | MynaError
"""What a call does before it gives its vectors: take its time, or fail."""


@dataclass(frozen=True, slots=True)
class ScriptedEmbedding:
    """A call that came."""

    texts: tuple[str, ...]
    kind: Literal["query", "passage"]


class ScriptedEmbedder:
    """Texts that share words are near each other: a vector counts the words of a text, case ignored.

    Queries and passages are embedded alike. Before each call it plays the next script, and the last one from then on.
    Waits by the event loop's clock, so a virtual clock makes them short.

    ::

        embedder = ScriptedEmbedder([Pause(0.02)], [EngineUnavailable("Gone.")])

    Attributes:
        calls: What was asked, in order.
    """

    def __init__(self, *scripts: Sequence[Step], dimensions: int = 384) -> None:
        self._scripts = scripts or ((),)
        self._dimensions = dimensions
        self.calls: list[ScriptedEmbedding] = []

    @property
    def dimensions(self) -> int:
        """As it was told."""
        return self._dimensions

    async def embed(self, texts: Sequence[str], kind: Literal["query", "passage"]) -> NDArray[np.float32]:
        """Play the next call."""
        script = self._scripts[min(len(self.calls), len(self._scripts) - 1)]
        self.calls.append(ScriptedEmbedding(tuple(texts), kind))
        for step in script:
            match step:
                case Pause():
                    await step.wait()
                case MynaError():
                    raise step
        return np.array([self._vector(text) for text in texts], np.float32).reshape(len(texts), self._dimensions)

    def _vector(self, text: str) -> NDArray[np.float32]:
        words = text.casefold().split() or [""]
        together = np.sum([self._direction(word) for word in words], axis=0)
        return together / np.linalg.norm(together)

    def _direction(self, word: str) -> NDArray[np.float64]:
        seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "surrogatepass")).digest()[:8], "big")
        return np.random.default_rng(seed).normal(size=self._dimensions)
