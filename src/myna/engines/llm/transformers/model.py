"""What the engine needs of a model and its tokenizer. PyTorch stands behind these; tests have siblings of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from myna.core.tools import ToolSpec
from myna.engines.base import GPUMemory, LLMMessage

Cache: TypeAlias = object
"""The keys and values of a sequence. Only the model that made it looks inside."""

Scores: TypeAlias = object
"""What a model thinks of each token as the next one (logits)."""


class OutOfMemory(Exception):  # control flow: the engine frees memory and tries again, or takes the smaller model
    """The device has too little memory for a step, or for the model."""


def told(memory: Sequence[GPUMemory]) -> str:
    """The memory of the GPUs, in words."""
    return "; ".join(map(str, memory)) or "no GPU"


@dataclass(frozen=True, slots=True)
class Drawing:
    """How tokens are drawn.

    Attributes:
        temperature: 0 takes the likeliest.
        top_k: 0 draws among all.
        repeat_penalty: Divides what favours tokens of the prompt and the answer (Keskar et al. 2019); 1 is none.
        presence_penalty: Taken off the logit of a token that the answer has.
        frequency_penalty: Taken off it for each time that the answer has it.
    """

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    repeat_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    seed: int | None = None


class Drawer(Protocol):
    """Draws the tokens of one answer."""

    def draw(self, scores: Scores) -> int:
        """The next token. Blocks until it is computed.

        Raises:
            OutOfMemory: Nothing was drawn.
        """
        ...


class Model(Protocol):
    """A causal language model on its device. Everything here blocks, and one thread calls at a time."""

    @property
    def drawing(self) -> Drawing:
        """How it wants its tokens drawn where nobody says otherwise."""
        ...

    @property
    def chunk_tokens(self) -> int:
        """How many tokens of a prompt are read at a time."""
        ...

    def begin(self) -> Cache:
        """The cache of an empty sequence."""
        ...

    def read(self, tokens: Sequence[int], cache: Cache) -> Scores:
        """Append tokens, at least one, to the sequence of a cache, and tell what may come after the last.

        Raises:
            OutOfMemory: The cache is of no use any more.
            EngineUnavailable: The device failed.
        """
        ...

    def crop(self, cache: Cache, tokens: int) -> bool:
        """Cut a sequence to its first tokens, if its cache can be cut; else it is of no use any more."""
        ...

    def copy(self, cache: Cache, tokens: int) -> Cache | None:
        """The cache of the first tokens of a sequence, which stays as it is; None if it cannot be had.

        Raises:
            OutOfMemory: There is no copy.
        """
        ...

    def drawer(self, drawing: Drawing, prompt: Sequence[int]) -> Drawer:
        """What draws the tokens of the answer to a prompt."""
        ...

    def free(self) -> None:
        """Give back to the device what nobody holds any more."""
        ...

    def memory(self) -> tuple[GPUMemory, ...]:
        """The memory of each GPU; empty on a CPU."""
        ...


class Chat(Protocol):
    """The tokenizer of a model, and its template for conversations. May be called from any thread."""

    @property
    def ends(self) -> frozenset[int]:
        """The tokens that end an answer."""
        ...

    @property
    def silent(self) -> frozenset[int]:
        """Tokens that are no text."""
        ...

    @property
    def takes_tools(self) -> bool:
        """Whether the template has a place for tools."""
        ...

    def tokens(
        self, messages: Sequence[LLMMessage], tools: Sequence[ToolSpec] = (), *, thinking: bool = True
    ) -> list[int]:
        """The tokens of a prompt, up to where the answer begins.

        Raises:
            RequestRefused: The template does not take such a conversation.
        """
        ...

    def text(self, tokens: Sequence[int]) -> str:
        """The text of tokens; bytes of a character that is not whole become U+FFFD."""
        ...


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is ready.

    Attributes:
        name: To report.
        context_tokens: The longest prompt and answer together.
        parameters: How many weights it has, where that is known.
        device: ``cuda`` or ``cpu``.
    """

    name: str
    model: Model
    chat: Chat
    context_tokens: int
    parameters: int | None = None
    device: str = "cpu"
