"""How near a message is to what the tools are for, rather than to talk: by what it means, without asking the LLM.

An embedder brings a message near to the description of the tool that serves it, in whatever words and in either
language, where a small LLM knows it only if the words are alike. It takes some 20 ms, so for most messages the LLM need
not choose: what is plainly talk is answered at once.

Vectors of one language lie nearer to each other than to those of the same meaning in another, and most tools are
described in English. So from each vector the mean of its language is taken.

Talk about what a tool does lies near to it too ("How did people lock their doors in ancient Egypt?"). So questions are
made of the tools' descriptions that are about the same and ask for nothing, and nearness to those counts against.

Measured with multilingual-e5-small on 280 messages, 160 of which need one of some 5 tools, as the area under the curve:
0.977; without those questions 0.965. Without the means it was 0.92 where it was 0.98 with them, and 0.89 by the starter
LLM's choice. Embedded as passages, what tools say does worse.
"""

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeAlias

import anyio
import numpy as np
from numpy.typing import NDArray

from myna.core.errors import MynaError
from myna.core.tools import ToolSpec
from myna.engines.base import Embedder
from myna.engines.llm.small_talk import TALK
from myna.engines.llm.tool_examples import examples_of, talk_about

LONGEST = 300
"""Characters. What is longer says more than one thing, and takes long to embed."""
LONGEST_WAIT_S = 0.5
"""The LLM would have chosen by then."""
TOOLS_NEAREST, TALK_NEAREST = 2, 5
"""Sentences that are compared with: the nearest so many on each side."""
ABOUT = 0.35
"""How much a question about what a tool does counts against calling it."""
LEAST, SCALE = 0.13, 1.6
"""Bring the difference onto a scale on which 0.1 more makes a request ten times as likely (logistic regression)."""
SURELY_ASKED = 0.15
"""`Nearness.of` a message above which it asks for a tool."""
PLAINLY_OTHER = 0.2
"""How much less like a message than the nearest tool one is that is not meant. Of 192 messages 24 were nearer to
another tool than to theirs, by 0.18 at most; more than half of the other tools were farther."""
REMEMBERED = 4096
"""Vectors of what tools say; each takes 2 KB."""
HEARD = 16
"""Vectors of messages and their clauses: more than one thing is asked about each."""

_Vector: TypeAlias = NDArray[np.float32]

_CHINESE = re.compile(r"[\u4e00-\u9fff]")


class Nearness:
    """Compares messages with tools. ``embedder`` gives the one that is there now; None if there is none, or not yet."""

    def __init__(self, embedder: Callable[[], Embedder | None]) -> None:
        self._embedder = embedder
        self._used: Embedder | None = None
        self._vectors: OrderedDict[str, _Vector] = OrderedDict()
        self._heard: OrderedDict[str, _Vector] = OrderedDict()

    async def prepare(self, tools: Sequence[ToolSpec]) -> None:
        """Embed all that no message changes: seconds of work where it is new. Never fails."""
        with suppress(MynaError):
            if embedder := self._embedder():
                await self._known(embedder, [*TALK, *_said_of(tools), *_said_about(tools)])

    async def of(self, message: str, tools: Sequence[ToolSpec]) -> float | None:
        """From about -0.3 (talk) to 0.3 (a request); None where it cannot be told, or not in time."""
        said, about = _said_of(tools), _said_about(tools)
        if not tools or not (similar := await self._similar(message, [*TALK, *said, *about])):
            return None

        def near(texts: Sequence[str], nearest: int) -> float:
            return float(np.mean(sorted(similar[text] for text in texts)[-nearest:]))

        asked = near(said, TOOLS_NEAREST) - near(TALK, TALK_NEAREST) - ABOUT * near(about, 1)
        return LEAST + SCALE * asked

    async def plausible(self, messages: Sequence[str], tools: Sequence[ToolSpec]) -> frozenset[str] | None:
        """The names of the tools that may be meant by the first of the messages that surely asks for one.

        None where none does, and where it cannot be told, or not in time. Of talk, any tool may be the nearest.
        """
        for message in messages:
            near = await self.of(message, tools)
            if near is None:
                return None
            if near > SURELY_ASKED and (similar := await self._similar(message, _said_of(tools))):
                by_name = {tool.name: np.mean([similar[text] for text in _said_of([tool])]) for tool in tools}
                least = max(by_name.values()) - PLAINLY_OTHER
                return frozenset(name for name, similarity in by_name.items() if similarity >= least)
        return None

    async def _similar(self, message: str, texts: Sequence[str]) -> Mapping[str, float] | None:
        """How like a message each text is, from -1 to 1; None where it cannot be told, or not in time."""
        embedder = self._embedder()
        if embedder is None or not message.strip() or len(message) > LONGEST:
            return None
        with anyio.move_on_after(LONGEST_WAIT_S), suppress(MynaError):
            known = await self._known(embedder, [*TALK, *texts])
            heard = self._heard if embedder is self._used else OrderedDict[str, _Vector]()
            if message not in heard:
                heard[message] = (await embedder.embed([message], "query"))[0]
            while len(heard) > HEARD:
                heard.popitem(last=False)
            means = {chinese: _mean(known, chinese=chinese) for chinese in (False, True)}
            vector = _unit(heard[message] - means[_is_chinese(message)])
            return {text: float(vector @ _unit(known[text] - means[_is_chinese(text)])) for text in texts}
        return None

    async def _known(self, embedder: Embedder, texts: Sequence[str]) -> dict[str, _Vector]:
        """The vectors of the texts; those that are new are embedded one by one, so that others have their turn."""
        if embedder is not self._used:
            self._used, self._vectors, self._heard = embedder, OrderedDict(), OrderedDict()
        vectors, known = self._vectors, dict[str, _Vector]()
        for text in texts:
            known[text] = vectors[text] if text in vectors else (await embedder.embed([text], "query"))[0]
            vectors[text] = known[text]
            vectors.move_to_end(text)
        while len(vectors) > REMEMBERED:
            vectors.popitem(last=False)
        return known


def _said_of(tools: Sequence[ToolSpec]) -> list[str]:
    """What each tool is for, and what may be said to have it called."""
    return [text for tool in tools for text in (tool.summary, *(example.ask for example in examples_of(tool)))]


def _said_about(tools: Sequence[ToolSpec]) -> list[str]:
    """What may be said of the same things and asks for no call."""
    return [text for tool in tools for text in talk_about(tool)]


def _mean(known: Mapping[str, _Vector], *, chinese: bool) -> _Vector:
    return np.stack([known[text] for text in TALK if _is_chinese(text) is chinese]).mean(axis=0)


def _unit(vector: _Vector) -> _Vector:
    return vector / max(float(np.linalg.norm(vector)), 1e-6)


def _is_chinese(text: str) -> bool:
    return _CHINESE.search(text) is not None
