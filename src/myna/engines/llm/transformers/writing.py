"""One answer on its way, in steps short enough to abandon. Blocks; for one thread at a time."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from myna.core.errors import EngineUnavailable
from myna.engines.llm.chat_completions import Reason
from myna.engines.llm.transformers.detokenizer import Detokenizer
from myna.engines.llm.transformers.model import Cache, Chat, Drawer, Drawing, Model, OutOfMemory
from myna.engines.llm.transformers.prefixes import Prefixes
from myna.engines.llm.transformers.stops import Stops

log = logging.getLogger(__name__)

SLICE_S = 0.02
"""A step writes tokens for so long, one at least: handing each over takes 0.2 ms, which small models would feel."""

LEAST_CHUNK = 64


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be written.

    Attributes:
        most: How many tokens; with 0 the prompt is only read, for later.
        key: Whose prompt it is.
        reuse: Whether to begin with what is known of the prompt.
        shared: Whether it is everybody's beginning.
    """

    prompt: Sequence[int]
    most: int
    drawing: Drawing = field(default_factory=Drawing)
    stops: Sequence[str] = ()
    key: str | None = None
    reuse: bool = True
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Slice:
    """What a step gave: text, maybe none, and why the answer ended, if it did."""

    text: str = ""
    reason: Reason | None = None


class Writing:
    """Writes one answer.

    Attributes:
        left: Set, from any thread, when nobody reads on: a step ends after the token that it is at.
        cached_tokens: How many tokens of the prompt had been read before.
    """

    def __init__(self, order: Order, model: Model, chat: Chat, prefixes: Prefixes) -> None:
        self.left = False
        self.cached_tokens = 0
        self._order = order
        self._model = model
        self._chat = chat
        self._prefixes = prefixes
        self._tokens = list(order.prompt)
        self._read = 0  # how many of them are in the cache
        self._cache: Cache | None = None
        self._drawer: Drawer | None = None
        self._detokenizer = Detokenizer(chat.text)
        self._stops = Stops(order.stops)
        self._most = order.most
        self._chunk = model.chunk_tokens
        self._text = ""
        self._tried_again = False

    @property
    def written(self) -> int:
        """How many tokens the answer has."""
        return len(self._tokens) - len(self._order.prompt)

    def step(self, beside: int) -> Slice:
        """Read a chunk of the prompt, or write for `SLICE_S`; the first token comes alone.

        Where memory runs out, all caches are freed, and the answer goes on with what has been written, once.

        Args:
            beside: How many tokens those who write take, this one among them.

        Raises:
            EngineUnavailable: Memory ran out once more.
            RuntimeError: The device failed. Nothing is kept.
        """
        if self.left:
            return Slice()
        reason: Reason | None = None
        problem = ""
        try:
            reason = self._step(beside)
        except OutOfMemory as error:
            problem = str(error) or "out of memory"
        except RuntimeError:  # what PyTorch raises: the cache may have tokens that are not counted
            self._cache = None
            raise
        if problem:  # outside of the handler: the error holds on to the tensors of its step
            self._try_again(problem)
        text, self._text = self._text, ""
        return Slice(text, reason)

    def keep(self) -> None:
        """Leave what was read to later prompts. Nothing can be written after this."""
        if self._cache is not None and self._read:
            order = self._order
            self._prefixes.keep(self._tokens[: self._read], self._cache, order.key, shared=order.shared)
        self._cache = self._drawer = None

    def _step(self, beside: int) -> Reason | None:
        if self._cache is None:
            self._begin(beside)
        if self._most == 0 or len(self._tokens) - self._read > self._chunk:
            self._read_on(self._chunk)
            return "length" if self._most == 0 and self._read == len(self._tokens) else None
        if self._drawer is None:
            self._drawer = self._model.drawer(self._order.drawing, self._order.prompt)
        until = time.monotonic() + SLICE_S
        while True:
            reason = self._add(self._drawer.draw(self._read_on(self._chunk)))
            if reason or self.left or self.written == 1 or time.monotonic() >= until:
                return reason

    def _begin(self, beside: int) -> None:
        if not self._order.reuse:
            self._prefixes.make_room(beside)
            self._cache = self._model.begin()
            return
        begun = self._prefixes.begin(self._tokens, self._order.key, beside)
        self._cache, self._read = begun.cache, begun.tokens
        if not self._tried_again:
            self.cached_tokens = begun.tokens

    def _read_on(self, most: int) -> object:
        """Read tokens that are not in the cache yet; what may follow them."""
        part = self._tokens[self._read : self._read + most]
        scores = self._model.read(part, self._cache)
        self._read += len(part)
        return scores

    def _add(self, token: int) -> Reason | None:
        """Append a token to the answer; why it ended with it, if it did."""
        if token in self._chat.ends:
            return self._end("stop")
        self._tokens.append(token)
        if token not in self._chat.silent:
            self._text += self._stops.feed(self._detokenizer.feed(token))
        if self._stops.met:
            return "stop"
        return self._end("length") if self.written >= self._most else None

    def _end(self, reason: Reason) -> Reason:
        self._text += self._stops.feed(self._detokenizer.finish())
        if self._stops.met:
            return "stop"
        self._text += self._stops.finish()
        return reason

    def _try_again(self, problem: str) -> None:
        self._cache = None  # some of its layers may have the newest token, and others not
        self._read = 0
        self._prefixes.clear()
        self._model.free()
        if self._tried_again:
            raise EngineUnavailable(
                f"The GPU has too little memory for this reply, also with all caches freed: {problem}.",
                hint="Set fewer context_tokens or a smaller model in [transformers], or end what else uses the GPU.",
            )
        self._tried_again = True
        self._chunk = max(LEAST_CHUNK, self._chunk // 4)
        left = self._most - self.written
        self._most -= left // 2
        log.warning(
            "The GPU ran out of memory after %d tokens of a reply. All caches were freed; it goes on, by %d tokens at "
            "most. (%s)",
            self.written,
            self._most - self.written,
            problem,
        )
