"""Texts as vectors that can be compared across languages.

Vectors of one language lie nearer to each other than to those of the same meaning in another, and questions lie apart
from statements. So from each vector the mean of its language and kind is taken; what is left tells what is meant.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from myna.engines.base import Embedder
from myna.memory.vectors.base import Vector
from myna.text.characters import CJK

LONGEST_QUESTION = 300
"""Characters of a question that are embedded: what is longer says more than one thing, and takes long."""

_Kind: TypeAlias = Literal["query", "passage"]
_Key: TypeAlias = tuple[_Kind, bool]

_CHINESE = re.compile(f"[{CJK}]")

_MEANT: Mapping[_Key, Sequence[str]] = {
    ("passage", False): (
        "The user likes tea.",
        "The user's name is Tom.",
        "The user lives in a small town.",
        "The user's sister is a doctor.",
        "The user has two cats.",
        "The user was born in May.",
        "The user does not eat meat.",
        "The user works in a bank.",
        "The user will travel next month.",
        "The user plays the guitar.",
        "The user has a bad back.",
        "The user wants short answers.",
    ),
    ("passage", True): (
        "用户喜欢喝茶。",
        "用户叫小明。",
        "用户住在一个小城市。",
        "用户的姐姐是医生。",
        "用户养了两只猫。",
        "用户五月出生。",
        "用户不吃肉。",
        "用户在银行工作。",
        "用户下个月要去旅行。",
        "用户会弹吉他。",
        "用户的腰不好。",
        "用户希望回答短一点。",
    ),
    ("query", False): (
        "What should I drink?",
        "Do you remember who I am?",
        "What can I do this weekend?",
        "Who in my family could help me?",
        "I have to buy food for my pet.",
        "When is my party?",
        "Recommend me a restaurant.",
        "How was my day at work?",
        "I am so tired today.",
        "Tell me a story.",
        "Which sport would be good for me?",
        "Can you explain that again?",
    ),
    ("query", True): (
        "我该喝点什么？",
        "你还记得我是谁吗？",
        "这个周末我能做什么？",
        "我家里谁能帮我？",
        "我要给宠物买吃的。",
        "我的聚会是什么时候？",
        "给我推荐一家餐厅。",
        "我今天上班怎么样？",
        "我今天好累啊。",
        "给我讲个故事吧。",
        "我适合做什么运动？",
        "你能再解释一遍吗？",
    ),
}


@dataclass(frozen=True, slots=True, eq=False)
class Meaning:
    """An embedder, and the means that are taken from its vectors. Made by `learn_meaning`.

    Attributes:
        mark: What tells this embedding from others: a vector that only it makes so.
    """

    embedder: Embedder
    mark: Vector
    _means: Mapping[_Key, Vector]

    async def of(self, texts: Sequence[str], kind: _Kind) -> NDArray[np.float32]:
        """Unit vectors, shape ``(len(texts), dimensions)``. Raises what the embedder does."""
        vectors = await self.embedder.embed(texts, kind)
        means = [self._means[kind, _is_chinese(text)] for text in texts]
        return _unit(vectors - np.array(means).reshape(vectors.shape))


async def learn_meaning(embedder: Embedder) -> Meaning:
    """Find the means: a second of work. Raises what the embedder does."""
    means: dict[_Key, Vector] = {}
    marks: list[Vector] = []
    for key, texts in _MEANT.items():
        vectors = [(await embedder.embed([text], key[0]))[0] for text in texts]  # one by one: others have their turn
        means[key] = _mean(vectors)
        marks.append(vectors[0])
    return Meaning(embedder, _unit(_mean(marks)[None])[0], means)


def _mean(vectors: Sequence[Vector]) -> Vector:
    return np.stack(vectors).mean(axis=0)


def _is_chinese(text: str) -> bool:
    return _CHINESE.search(text) is not None


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(norms, 1e-6)).astype(np.float32)
