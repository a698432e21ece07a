"""Whether a model fits into the memory of a GPU, told before it is loaded. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from myna.engines.base import GPUMemory

DEFAULT_CONTEXT = 16_384
LEAST_CONTEXT = 2048
"""A conversation with less is not worth the loading."""

CONTEXT_STEP = 256
"""What fits is rounded down to this."""

RUNTIME_BYTES = 600_000_000
"""CUDA's context, cuBLAS and the kernels of this process (an estimate; 0.4 to 0.7 GB are usual)."""


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of a transformer, from its ``config.json``.

    Attributes:
        context_tokens: What it was made for.
        tied: Whether the same matrix reads tokens and writes them.
    """

    layers: int
    heads: int
    kv_heads: int
    head_size: int
    hidden: int
    intermediate: int
    vocabulary: int
    context_tokens: int
    tied: bool = False

    def kv_bytes(self, element_bytes: int) -> int:
        """What the KV cache takes for a token: keys and values of each layer."""
        return 2 * self.layers * self.kv_heads * self.head_size * element_bytes

    @property
    def parameters(self) -> int:
        """How many weights a dense model of this shape has, within a percent: biases and norms are left out."""
        attention = 2 * self.hidden * self.head_size * (self.heads + self.kv_heads)
        layer = attention + 3 * self.hidden * self.intermediate
        return self.layers * layer + (1 if self.tied else 2) * self.vocabulary * self.hidden

    def computing_bytes(self, context_tokens: int, chunk_tokens: int, element_bytes: int) -> int:
        """What a step takes at its peak, beside weights and cache; generous.

        The activations of a chunk of the prompt in one layer; the keys and values of one layer repeated for all heads,
        which attention does where it groups them; and the logits of one token, with what drawing makes of them.
        """
        chunk = chunk_tokens * (8 * self.hidden + 4 * self.intermediate) * element_bytes
        repeated = 2 * context_tokens * self.heads * self.head_size * element_bytes
        return chunk + repeated + 4 * 4 * self.vocabulary


def shape_of(config: Mapping[str, Any]) -> Shape | None:
    """The shape that a model's configuration tells; None where it is of another kind."""
    config = cast("Mapping[str, Any]", config.get("text_config") or config)
    try:
        hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        return Shape(
            layers=int(config["num_hidden_layers"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_size=int(config.get("head_dim") or hidden // heads),
            hidden=hidden,
            intermediate=int(config["intermediate_size"]),
            vocabulary=int(config["vocab_size"]),
            context_tokens=int(config["max_position_embeddings"]),
            tied=bool(config.get("tie_word_embeddings")),
        )
    except (KeyError, TypeError, ValueError):
        return None


@dataclass(frozen=True, slots=True)
class Budget:
    """What a model takes of GPU memory, in bytes, and what there is.

    Attributes:
        kv_bytes: For each token of the context.
        computing: What a step takes at its peak (`Shape.computing_bytes`).
        reserve: What stays free for others.
        free: What nobody uses now.
    """

    weights: int
    context_tokens: int
    kv_bytes: int
    computing: int
    reserve: int
    free: int

    @property
    def cache(self) -> int:
        """What the KV cache takes for the whole context."""
        return self.context_tokens * self.kv_bytes

    @property
    def needed(self) -> int:
        """All of it."""
        return self.weights + self.cache + self.computing + RUNTIME_BYTES + self.reserve

    @property
    def fits(self) -> bool:
        """Whether that is there."""
        return self.needed <= self.free

    def __str__(self) -> str:
        parts = {
            "weights": self.weights,
            f"the KV cache of {self.context_tokens:,} tokens": self.cache,
            "computing": self.computing + RUNTIME_BYTES,
            "ASR and TTS": self.reserve,
        }
        told = ", ".join(f"{size / 1e9:.1f} GB for {name}" for name, size in parts.items())
        return f"{told}: {self.needed / 1e9:.1f} GB in all, of {self.free / 1e9:.1f} GB that are free"


def budget_of(  # noqa: PLR0913 - all that a budget follows from
    shape: Shape,
    *,
    weights: int,
    context_tokens: int,
    chunk_tokens: int,
    reserve: int,
    free: int,
    element_bytes: int = 2,
) -> Budget:
    """The budget of a model that computes with numbers of ``element_bytes``."""
    computing = shape.computing_bytes(context_tokens, chunk_tokens, element_bytes)
    return Budget(weights, context_tokens, shape.kv_bytes(element_bytes), computing, reserve, free)


def free_bytes(memory: Sequence[GPUMemory], device_map: str) -> int:
    """What is free on the GPU that ``device_map`` names; on all together where it names none."""
    named = "cuda:0" if device_map == "cuda" else device_map
    free = {each.device: each.free for each in memory}
    return free.get(named, sum(free.values()))


def largest_context(budget: Budget) -> int:
    """The longest context that fits, in steps of `CONTEXT_STEP`; 0 where the model itself does not fit."""
    room = budget.free - (budget.needed - budget.cache)
    return max(0, room // budget.kv_bytes // CONTEXT_STEP * CONTEXT_STEP)


def settle_context(budget: Budget, *, asked: bool) -> Budget | str:
    """The budget with a context that fits, or why there is none.

    Args:
        budget: With the context that is wanted.
        asked: Whether the user asked for this one; else a shorter one will do, down to `LEAST_CONTEXT`.
    """
    if budget.fits:
        return budget
    most = min(largest_context(budget), budget.context_tokens)
    if not asked and most >= LEAST_CONTEXT:
        return replace(budget, context_tokens=most)
    if most < LEAST_CONTEXT:
        return f"it takes {budget}"
    return f"it takes {budget}; with context_tokens = {most} it would fit"


def weights_bytes(file_bytes: int, shape: Shape, config: Mapping[str, Any], *, gguf: bool, element_bytes: int) -> int:
    """What weights take in memory: quantized ones as much as their files, others by what the model computes with.

    A GGUF file is written out in full when it is loaded.
    """
    if config.get("quantization_config") and not gguf:
        return file_bytes
    if gguf:
        return shape.parameters * element_bytes
    stored = str(config.get("dtype") or config.get("torch_dtype") or "")
    return file_bytes * element_bytes // (4 if stored.endswith("float32") else 2)
