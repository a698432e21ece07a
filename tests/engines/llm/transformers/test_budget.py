import pytest

from myna.engines.base import GPUMemory
from myna.engines.llm.transformers.budget import (
    Budget,
    Shape,
    budget_of,
    free_bytes,
    largest_context,
    settle_context,
    shape_of,
    weights_bytes,
)

QWEN_14B = {
    "hidden_size": 5120,
    "intermediate_size": 13824,
    "num_hidden_layers": 48,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "vocab_size": 152064,
    "max_position_embeddings": 32768,
    "tie_word_embeddings": False,
    "torch_dtype": "float16",
    "quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128},
}
"""What Qwen2.5-14B-Instruct-GPTQ-Int4 says of itself."""
FILES = 9_990_000_000
GIB = 1 << 30


def shape() -> Shape:
    found = shape_of(QWEN_14B)
    assert found is not None
    return found


def budget(free: float, context: int = 16384, reserve: float = 4 * GIB) -> Budget:
    return budget_of(
        shape(), weights=FILES, context_tokens=context, chunk_tokens=512, reserve=round(reserve), free=round(free)
    )


def test_the_kv_cache_of_qwen_14b_takes_192_kib_a_token():
    assert shape().kv_bytes(2) == 48 * 8 * 128 * 2 * 2 == 192 * 1024


def test_the_parameters_of_a_model_follow_from_its_shape():
    assert shape().parameters == pytest.approx(14.77e9, rel=0.01)
    small = QWEN_14B | {
        "hidden_size": 896,
        "intermediate_size": 4864,
        "num_hidden_layers": 24,
        "num_attention_heads": 14,
        "num_key_value_heads": 2,
        "vocab_size": 151936,
        "tie_word_embeddings": True,
    }
    found = shape_of(small)
    assert found is not None
    assert found.parameters == pytest.approx(0.494e9, rel=0.01)


def test_qwen_14b_fits_on_a_card_of_24_gb_with_room_for_speech():
    whole = budget(23.5 * GIB)
    assert whole.fits
    assert whole.cache == 16384 * 192 * 1024
    assert whole.needed < 22e9


def test_in_32_bits_cache_and_computing_take_twice_as_much():
    sizes = {"weights": FILES, "context_tokens": 16384, "chunk_tokens": 512, "reserve": 0, "free": 24 * GIB}
    half, full = budget_of(shape(), **sizes), budget_of(shape(), **sizes, element_bytes=4)
    logits = 4 * 4 * shape().vocabulary
    assert full.cache == 2 * half.cache
    assert full.computing - logits == 2 * (half.computing - logits)
    assert full.weights == half.weights


@pytest.mark.parametrize(
    ("device_map", "free"), [("auto", 30), ("balanced", 30), ("cuda:1", 20), ("cuda:0", 10), ("cuda", 10)]
)
def test_only_the_gpu_that_is_named_counts(device_map: str, free: int):
    memory = [GPUMemory(f"cuda:{number}", 24, left, 0, 0, 0) for number, left in enumerate((10, 20))]
    assert free_bytes(memory, device_map) == free
    assert free_bytes([], device_map) == 0


def test_on_a_smaller_card_the_context_becomes_what_fits():
    settled = settle_context(budget(16 * GIB), asked=False)
    assert isinstance(settled, Budget)
    assert settled.fits
    assert 2048 <= settled.context_tokens < 16384
    assert settled.context_tokens % 256 == 0
    assert not budget(16 * GIB, settled.context_tokens + 2048).fits


def test_a_context_that_was_asked_for_and_does_not_fit_is_refused_with_one_that_would():
    problem = settle_context(budget(16 * GIB), asked=True)
    most = largest_context(budget(16 * GIB))
    assert isinstance(problem, str)
    assert problem.endswith(f"with context_tokens = {most} it would fit")
    assert "10.0 GB for weights, 3.2 GB for the KV cache of 16,384 tokens" in problem
    assert "of 17.2 GB that are free" in problem


def test_a_model_that_does_not_fit_at_all_is_refused():
    problem = settle_context(budget(12 * GIB), asked=False)
    assert isinstance(problem, str)
    assert "context_tokens" not in problem
    assert largest_context(budget(9 * GIB)) == 0


def test_the_largest_context_just_fits():
    most = largest_context(budget(18 * GIB, context=8192))
    assert budget(18 * GIB, context=8192).free >= 0
    fitting = Budget(FILES, most, 192 * 1024, budget(0, 8192).computing, 4 * GIB, 18 * GIB)
    one_more = Budget(FILES, most + 256, 192 * 1024, budget(0, 8192).computing, 4 * GIB, 18 * GIB)
    assert fitting.fits
    assert not one_more.fits


def test_a_model_of_text_and_pictures_tells_the_shape_of_its_text():
    assert shape_of({"text_config": QWEN_14B, "vision_config": {"hidden_size": 7}}) == shape()


@pytest.mark.parametrize("missing", ["num_hidden_layers", "max_position_embeddings", "hidden_size"])
def test_a_model_of_another_kind_has_no_shape(missing: str):
    assert shape_of({key: value for key, value in QWEN_14B.items() if key != missing}) is None
    assert shape_of(QWEN_14B | {missing: None}) is None


def test_heads_and_their_size_have_the_usual_defaults():
    found = shape_of({key: value for key, value in QWEN_14B.items() if key != "num_key_value_heads"})
    assert found is not None
    assert (found.kv_heads, found.head_size) == (40, 128)
    assert shape_of(QWEN_14B | {"head_dim": 64}) != found


@pytest.mark.parametrize(
    ("config", "gguf", "element_bytes", "expected"),
    [
        (QWEN_14B, False, 2, 1000),  # quantized: as in its files
        ({"dtype": "bfloat16"}, False, 2, 1000),
        ({"dtype": "bfloat16"}, False, 4, 2000),
        ({"torch_dtype": "float32"}, False, 2, 500),
        ({"dtype": "float16"}, True, 2, 2 * 14_765_260_800),  # written out in full
    ],
)
def test_weights_take_what_the_model_computes_with(
    config: dict[str, object], gguf: bool, element_bytes: int, expected: int
):
    taken = weights_bytes(1000, shape(), config, gguf=gguf, element_bytes=element_bytes)
    assert taken == pytest.approx(expected, rel=0.001)
