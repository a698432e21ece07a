"""A model that says what it is told, and counts what it is made to compute: a sibling of the one on PyTorch."""

import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import cast

from myna.core.errors import RequestRefused
from myna.core.tools import ToolSpec
from myna.engines.base import GPUMemory, LLMMessage
from myna.engines.llm.transformers.model import Cache, Drawer, Drawing, Loaded, OutOfMemory, Scores

END = 256
"""The token that ends an answer; the others are bytes of UTF-8."""


@dataclass(slots=True)
class ScriptedModel:
    """Answers every prompt with `answer`.

    Attributes:
        fails: The reads, counted from 0, for which there is no memory.
        breaks: The reads amid which the device fails.
        reads: The tokens of each read.
        copies: How many tokens were copied, for each copy.
        freed: How often memory was given back.
        drawings: How the tokens of each answer were drawn.
        before_read: Called with the number of each read.
    """

    answer: str = "one, two, three, four, five, 六七八。"
    fails: Collection[int] = ()
    breaks: Collection[int] = ()
    chunk_tokens: int = 64
    can_crop: bool = True
    drawing: Drawing = field(default_factory=Drawing)
    reads: list[list[int]] = field(default_factory=list[list[int]])
    copies: list[int] = field(default_factory=list[int])
    freed: int = 0
    drawings: list[Drawing] = field(default_factory=list[Drawing])
    before_read: Callable[[int], None] = lambda number: None
    at_work: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> Cache:
        return list[int]()

    def read(self, tokens: Sequence[int], cache: Cache) -> Scores:
        assert self.at_work.acquire(blocking=False), "two threads at a time"
        try:
            number = len(self.reads)
            assert tokens
            sequence = _sequence(cache)
            self.reads.append(list(tokens))
            self.before_read(number)
            sequence.append(tokens[0])  # as one layer of several
            if number in self.fails:
                raise OutOfMemory(f"read {number}")
            if number in self.breaks:
                raise RuntimeError("CUDA error: device-side assert triggered")
            sequence.extend(tokens[1:])
            return len(sequence)
        finally:
            self.at_work.release()

    def crop(self, cache: Cache, tokens: int) -> bool:
        del _sequence(cache)[tokens:]
        return self.can_crop

    def copy(self, cache: Cache, tokens: int) -> Cache | None:
        self.copies.append(tokens)
        return _sequence(cache)[:tokens] if self.can_crop else None

    def drawer(self, drawing: Drawing, prompt: Sequence[int]) -> Drawer:
        self.drawings.append(drawing)
        return _Drawer([*self.answer.encode(), END], len(prompt))

    def free(self) -> None:
        self.freed += 1

    def memory(self) -> tuple[GPUMemory, ...]:
        return (GPUMemory("cuda:0", total=24, free=4, used=10, reserved=12, peak=11),)


def _sequence(cache: Cache) -> list[int]:
    assert isinstance(cache, list)
    return cast("list[int]", cache)


@dataclass(frozen=True, slots=True)
class _Drawer:
    answer: Sequence[int]
    prompt_tokens: int

    def draw(self, scores: Scores) -> int:
        assert isinstance(scores, int)
        return self.answer[scores - self.prompt_tokens]


@dataclass(frozen=True, slots=True)
class ScriptedChat:
    """A tokenizer of bytes."""

    ends: frozenset[int] = frozenset({END})
    silent: frozenset[int] = frozenset()
    takes_tools: bool = True

    def tokens(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = (), *, thinking: bool = True
    ) -> list[int]:
        if messages and messages[-1].role == "assistant":
            raise RequestRefused("The chat template of scripted does not take this conversation.")
        told = "".join(f"[{tool.name}]" for tool in tools) + ("" if thinking else "[quick]")
        return list((told + "".join(f"<{each.role}>{each.content}" for each in messages) + "<assistant>").encode())

    def text(self, tokens: Sequence[int]) -> str:
        return bytes(tokens).decode(errors="replace")


def loaded(model: ScriptedModel, context_tokens: int = 1000) -> Loaded:
    return Loaded("scripted", model, ScriptedChat(), context_tokens, parameters=7)
