"""A model of transformers on PyTorch."""

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar, cast

from myna.engines.base import GPUMemory
from myna.engines.llm.transformers.model import Cache, Drawer, Drawing, OutOfMemory, Scores
from myna.engines.llm.transformers.sampling import TorchDrawer
from myna.engines.llm.transformers.untyped import Tensor, Torch, Untyped

T = TypeVar("T")

NO_MEMORY = ("out of memory", "ALLOC_FAILED", "CUBLAS_STATUS_NOT_INITIALIZED", "can't allocate memory")
"""How CUDA's libraries and a CPU say it, where PyTorch has no error of its own for it.

cuBLAS that is not initialized found no room for its handle.
"""


class Network(Protocol):
    """A causal language model of transformers: tokens to logits, keys and values into the cache."""

    def __call__(self, *, input_ids: Tensor, past_key_values: Untyped, use_cache: bool, **wishes: object) -> Untyped:
        """An output with ``logits``, shape ``(1, tokens, vocabulary)``."""
        ...


@dataclass(frozen=True, slots=True)
class TorchParts:
    """What a `TorchModel` is made of.

    Attributes:
        torch: The module.
        network: The model.
        new_cache: Makes an empty KV cache.
        device: Where its first layer is.
        vocabulary: How many tokens it knows.
        wishes: What else it is called with.
    """

    torch: Torch
    network: Network
    new_cache: Callable[[], Untyped]
    device: Untyped
    vocabulary: int
    wishes: dict[str, object]


class TorchModel:
    """A `myna.engines.llm.transformers.model.Model`.

    Attributes:
        parts: What it is made of.
        drawing: How the model wants its tokens drawn.
        chunk_tokens: How many tokens of a prompt are read at a time.
    """

    def __init__(self, parts: TorchParts, drawing: Drawing, chunk_tokens: int) -> None:
        self.drawing = drawing
        self.chunk_tokens = chunk_tokens
        self.parts = parts
        self._torch = parts.torch

    def begin(self) -> Cache:
        """An empty KV cache."""
        return self.parts.new_cache()

    def read(self, tokens: Sequence[int], cache: Cache) -> Scores:
        """The logits after the last token, shape ``(vocabulary,)``."""
        parts = self.parts

        def read() -> Scores:
            ids = self._torch.tensor([list(tokens)], dtype=self._torch.long, device=parts.device)
            output = parts.network(input_ids=ids, past_key_values=cache, use_cache=True, **parts.wishes)
            return output.logits[0, -1]

        return self._guarded(read)

    def crop(self, cache: Cache, tokens: int) -> bool:
        """Cut a cache whose layers hold a sequence as it is: no sliding windows, and no states instead of keys."""
        every = cast(Untyped, cache)
        if not _is_plain(every):
            return False
        if more := every.get_seq_length() - tokens:
            every.crop(-more)
        return True

    def copy(self, cache: Cache, tokens: int) -> Cache | None:
        """A cache with copies of the keys and values of the first tokens."""
        every = cast(Untyped, cache)
        if not _is_plain(every):
            return None

        def copy() -> Cache:
            new = self.parts.new_cache()
            for number, layer in enumerate(every.layers):
                new.update(layer.keys[..., :tokens, :].clone(), layer.values[..., :tokens, :].clone(), number)
            return new

        return self._guarded(copy)

    def drawer(self, drawing: Drawing, prompt: Sequence[int]) -> Drawer:
        """Draws on the device."""
        parts = self.parts
        plain = self._guarded(lambda: TorchDrawer(self._torch, drawing, prompt, parts.vocabulary, parts.device))
        return GuardedDrawer(self._torch, plain)

    def free(self) -> None:
        """Collect what refers to itself, and give PyTorch's reserve back to CUDA."""
        gc.collect()
        if self._torch.cuda.is_available():
            self._torch.cuda.empty_cache()

    def memory(self) -> tuple[GPUMemory, ...]:
        """The memory of each GPU that PyTorch has used."""
        return gpu_memory(self._torch)

    def _guarded(self, call: Callable[[], T]) -> T:
        return guarded(self._torch, call)


@dataclass(frozen=True, slots=True)
class GuardedDrawer:
    """Draws as ``plain`` does, and raises `OutOfMemory` where that has no memory."""

    torch: Torch
    plain: Drawer

    def draw(self, scores: Scores) -> int:
        """The next token."""
        return guarded(self.torch, lambda: self.plain.draw(scores))


def guarded(torch: Torch, call: Callable[[], T]) -> T:
    """What ``call`` gives, without gradients.

    Raises:
        OutOfMemory: In place of what PyTorch raises for it. It knows nothing of that one, which would keep its tensors.
    """
    problem = ""
    try:
        with torch.inference_mode():
            return call()
    except torch.OutOfMemoryError as error:
        problem = str(error)
    except RuntimeError as error:
        if not any(words in str(error) for words in NO_MEMORY):
            raise
        problem = str(error)
    raise OutOfMemory(problem.partition("\n")[0][:300])


def gpu_memory(torch: Torch) -> tuple[GPUMemory, ...]:
    """The memory of each GPU; empty where there is none."""
    if not torch.cuda.is_available():
        return ()
    found: list[GPUMemory] = []
    for number in range(torch.cuda.device_count()):
        free, total = torch.cuda.mem_get_info(number)
        used, reserved = torch.cuda.memory_allocated(number), torch.cuda.memory_reserved(number)
        peak = torch.cuda.max_memory_allocated(number)
        found.append(GPUMemory(f"cuda:{number}", total, free, used, reserved, peak))
    return tuple(found)


def _is_plain(cache: Untyped) -> bool:
    return all(type(layer).__name__ == "DynamicLayer" for layer in cache.layers)
