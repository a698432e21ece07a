"""Writes a model of a real one's shape with random weights, so that speed and memory need no download.

It says nonsense, and takes as long for it as the real one: no step of a dense model depends on what its numbers are.
All its layers have the same ones, each in a file of its own.
"""

import json
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from myna.engines.llm.transformers.budget import Shape
from myna.engines.llm.transformers.torch_loading import Libraries
from myna.engines.llm.transformers.untyped import Tensor, Torch, Untyped

SHAPES: Mapping[str, Shape] = {
    "tiny": Shape(
        layers=2, heads=4, kv_heads=2, head_size=32, hidden=128, intermediate=256, vocabulary=2048, context_tokens=8192
    ),
    "qwen2.5-7b": Shape(
        layers=28,
        heads=28,
        kv_heads=4,
        head_size=128,
        hidden=3584,
        intermediate=18944,
        vocabulary=152064,
        context_tokens=32768,
    ),
    "qwen2.5-14b": Shape(
        layers=48,
        heads=40,
        kv_heads=8,
        head_size=128,
        hidden=5120,
        intermediate=13824,
        vocabulary=152064,
        context_tokens=32768,
    ),
}

TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ("<|im_end|>", "<|im_start|>")
GROUP = 128
"""So many inputs of a quantized matrix share a scale and a zero."""

ZEROS = 0x77777777
"""Eight zeros of 4 bits, each written as one less than it is: the middle of 0 to 15."""


def write_random_model(folder: Path, shape: Shape, libraries: Libraries, bits: int) -> None:
    """Write it as the models of the hub are, float16 or, with 4 bits, as GPTQ writes them; then let the disk have it.

    Takes about as much memory as three layers, or the two matrices of the vocabulary.
    """
    _write_tokenizer(folder, shape, libraries.transformers)
    (folder / "config.json").write_text(json.dumps(_config(shape, bits)), encoding="utf-8")
    drawing = {"do_sample": True, "repetition_penalty": 1.05, "temperature": 0.7, "top_p": 0.8, "top_k": 20}
    ends = {"eos_token_id": shape.vocabulary - 2}
    (folder / "generation_config.json").write_text(json.dumps(drawing | ends), encoding="utf-8")
    save: Untyped = import_module("safetensors.torch").save_file
    places: dict[str, str] = {}
    sizes: list[int] = []

    def write(file: str, tensors: dict[str, Tensor]) -> None:
        save(tensors, folder / file, metadata={"format": "pt"})
        places.update(dict.fromkeys(tensors, file))
        sizes.extend(each.nbytes for each in tensors.values())

    libraries.torch.manual_seed(7)
    layer = layer_of(shape, libraries.torch, bits)
    for number in range(shape.layers):
        write(f"layer-{number}.safetensors", {f"model.layers.{number}.{name}": each for name, each in layer.items()})
    write("others.safetensors", others_of(shape, libraries.torch))
    index = {"metadata": {"total_size": sum(sizes)}, "weight_map": places}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    _forget(folder)


def layer_of(shape: Shape, torch: Torch, bits: int) -> dict[str, Tensor]:
    """The weights of one layer."""
    asking, answering = shape.heads * shape.head_size, shape.kv_heads * shape.head_size
    layer = {f"{name}_layernorm.weight": _half(torch, torch.ones(shape.hidden)) for name in ("input", "post_attention")}
    for name, outputs in {"q": asking, "k": answering, "v": answering}.items():
        layer |= _matrix(f"self_attn.{name}_proj", shape.hidden, outputs, torch, bits)
        layer[f"self_attn.{name}_proj.bias"] = _half(torch, torch.zeros(outputs))
    layer |= _matrix("self_attn.o_proj", asking, shape.hidden, torch, bits)
    for name in ("gate", "up"):
        layer |= _matrix(f"mlp.{name}_proj", shape.hidden, shape.intermediate, torch, bits)
    return layer | _matrix("mlp.down_proj", shape.intermediate, shape.hidden, torch, bits)


def others_of(shape: Shape, torch: Torch) -> dict[str, Tensor]:
    """The weights beside the layers. No answer ends before it must: the special tokens are never the likeliest."""
    words = torch.randn(shape.vocabulary, shape.hidden)
    written = torch.randn(shape.vocabulary, shape.hidden)
    written[-len(SPECIAL) :] = 0
    others = {"model.embed_tokens": words, "lm_head": written, "model.norm": torch.ones(shape.hidden)}
    return {f"{name}.weight": _half(torch, each) for name, each in others.items()}


def _matrix(name: str, inputs: int, outputs: int, torch: Torch, bits: int) -> dict[str, Tensor]:
    """Random, and such that what comes out is about as large as what goes in."""
    size = inputs**-0.5
    if bits == 16:
        return {f"{name}.weight": _half(torch, torch.randn(outputs, inputs) * size)}
    groups = inputs // GROUP
    return {
        f"{name}.qweight": torch.randint(-(1 << 31), (1 << 31) - 1, (inputs // 8, outputs), dtype=torch.int32),
        f"{name}.qzeros": torch.full((groups, outputs // 8), ZEROS, dtype=torch.int32),
        f"{name}.scales": _half(torch, torch.full((groups, outputs), size / 4.6)),  # 0 to 15 deviate by 4.6
        f"{name}.g_idx": torch.arange(inputs, dtype=torch.int32) // GROUP,
    }


def _half(torch: Torch, tensor: Tensor) -> Tensor:
    return tensor.to(torch.float16)


def _config(shape: Shape, bits: int) -> dict[str, Any]:
    config: dict[str, Any] = {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "torch_dtype": "float16",
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "vocab_size": shape.vocabulary,
        "max_position_embeddings": shape.context_tokens,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1e6,
        "tie_word_embeddings": False,
        "use_sliding_window": False,
        "eos_token_id": shape.vocabulary - 2,
    }
    if bits == 16:
        return config
    how = {"bits": bits, "group_size": GROUP, "desc_act": False, "sym": True, "true_sequential": True}
    return config | {"quantization_config": {"quant_method": "gptq", "damp_percent": 0.01, **how}}


def _write_tokenizer(folder: Path, shape: Shape, transformers: Untyped) -> None:
    """A tokenizer that reads bytes, a token each, and has some text for every token of the vocabulary."""
    tokenizers: Untyped = import_module("tokenizers")
    tokens = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    tokens += [f"w{number}" for number in range(shape.vocabulary - len(tokens) - len(SPECIAL))]
    inner = tokenizers.Tokenizer(tokenizers.models.BPE({token: at for at, token in enumerate(tokens)}, []))
    inner.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = tokenizers.decoders.ByteLevel()
    end, *others = SPECIAL
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token=end, additional_special_tokens=others, chat_template=TEMPLATE
    )
    tokenizer.save_pretrained(folder)


def _forget(folder: Path) -> None:
    """Have the system read the files from the disk when they are loaded, not from its memory, where it lets us."""
    if sys.platform != "linux":
        return
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
